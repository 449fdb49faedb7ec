"""``base64`` and ``binascii``: what was written, whole and damaged, read strictly and not."""

import base64
import binascii
from random import Random
from typing import Any

from .observe import Seen, outcome

LENGTHS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 30, 61, 300)
FOREIGN = (b"=", b"==", b"\n", b" ", b"!", b"-", b"_", b"\x00", b"\xff", b"A")


def case(random: Random) -> Seen:
    data = random.randbytes(random.choice(LENGTHS))
    written = binascii.b2a_base64(data, newline=random.random() < 0.5)
    yield from _reading(random, _damaged(random, written))
    yield "b2a_base64", outcome(binascii.b2a_base64, data)
    yield "b64encode", outcome(base64.b64encode, data, b"-_") + outcome(base64.encodebytes, data)
    yield from _hexadecimal(random, data)
    yield "others", outcome(base64.b32encode, data) + outcome(base64.a85encode, data) + outcome(base64.b85encode, data)


def _reading(random: Random, written: bytes) -> Seen:
    given: Any = random.choice((bytes, bytearray, memoryview))(written)
    yield "a2b_base64", outcome(binascii.a2b_base64, given)
    yield "a2b_base64, strict", outcome(binascii.a2b_base64, given, strict_mode=True)
    yield "b64decode", outcome(base64.b64decode, given)
    yield "b64decode, validating", outcome(base64.b64decode, given, validate=True)
    yield "b64decode of a text", outcome(base64.b64decode, written.decode("latin1"))
    yield "urlsafe_b64decode", outcome(base64.urlsafe_b64decode, bytes(given))
    yield "standard_b64decode", outcome(base64.standard_b64decode, given)
    yield "b85decode", outcome(base64.b85decode, bytes(given)) + outcome(base64.b32decode, bytes(given))


def _hexadecimal(random: Random, data: bytes) -> Seen:
    digits = bytearray(binascii.hexlify(data))
    if digits and random.random() < 0.6:
        digits[random.randrange(len(digits))] = random.randrange(256)
    if random.random() < 0.6:
        digits = digits.upper()
    for kind in (bytes, bytearray, memoryview, lambda each: each.decode("latin1")):
        given = kind(digits)
        yield "b16decode", outcome(base64.b16decode, given) + outcome(base64.b16decode, given, casefold=True)
        yield "unhexlify", outcome(binascii.unhexlify, given)
    yield "fromhex", outcome(bytes.fromhex, digits.decode("latin1"))


def _damaged(random: Random, written: bytes) -> bytes:
    damaged = bytearray(written)
    for _ in range(random.choice((0, 0, 1, 1, 2, 4))):
        at = random.randrange(len(damaged) + 1)
        match random.randrange(4):
            case 0:
                del damaged[at : at + 1]
            case 1:
                damaged[at:at] = random.choice(FOREIGN)
            case 2:
                damaged[at : at + 1] = bytes([random.randrange(256)])
            case _:
                del damaged[at:]
    return bytes(damaged)
