"""Methods of ``str``."""

from random import Random

from .methods import seen, whole_and_part
from .observe import Seen, outcome

ENCODINGS = ("ascii", "latin-1", "utf-8", "utf-16-le")


def case(random: Random) -> Seen:
    whole, part = whole_and_part(random)
    yield from seen(random, (whole, part, random.choice(("", "x", "é", "\u0101", "\U0001f600"))))
    yield "translate", outcome(whole.translate, {97: 98, 98: None, 0x101: "long"})
    yield "format", outcome(format, whole, random.choice(("", "5", "^300", ".2", "é>9", "s", "d")))
    for encoding in ENCODINGS:
        yield f"encode {encoding}", outcome(whole.encode, encoding, random.choice(("strict", "replace", "ignore")))
