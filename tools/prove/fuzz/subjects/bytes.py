"""Methods of ``bytes`` and ``bytearray``, and of what looks into their memory."""

from random import Random
from typing import Any

from .methods import seen, whole_and_part
from .observe import Seen, outcome, text


def case(random: Random) -> Seen:
    kind: Any = random.choice((bytes, bytearray))
    whole, part = (each.encode("utf-8", "surrogatepass") for each in whole_and_part(random))
    data, wanted = kind(whole), random.choice((bytes, bytearray, memoryview))(part)
    yield from seen(random, (data, bytes(part), b"x"))
    yield "other kinds", outcome(data.find, wanted) + outcome(data.count, wanted) + outcome(data.split, wanted)
    number = random.randrange(-1, 258)
    yield "numbers", outcome(data.count, number) + outcome(data.find, number) + outcome(lambda: number in data)
    yield (
        "decode",
        outcome(data.decode, random.choice(("utf-8", "ascii", "latin-1")), random.choice(("strict", "replace"))),
    )
    yield "translate", outcome(data.translate, bytes(range(255, -1, -1)), wanted)
    if isinstance(data, bytearray):
        yield "changed", text(_changed(random, data, bytes(part)))


def _changed(random: Random, data: bytearray, part: bytes) -> bytearray:
    at = random.randrange(len(data) + 1)
    data[at:at] = part
    del data[: random.randrange(9)]
    data += part[:3]
    data.extend(part[::-1])
    data.reverse()
    return data
