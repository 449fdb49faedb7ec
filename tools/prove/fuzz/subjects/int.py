"""Arithmetic, comparison and conversion of integers, around the sizes of a digit, of two and of a machine's word."""

import math
import operator
import sys
from random import Random

from .observe import Seen, outcome, text

BITS = (8, 29, 30, 31, 59, 60, 61, 62, 63, 64, 65, 90, 120, 300, 1000, 3000)
WORD = 63
"""Shifts and powers stay small."""

sys.set_int_max_str_digits(0)  # products of the longest have more digits than may be written otherwise


def case(random: Random) -> Seen:
    a, b, c = integer(random), integer(random), integer(random)
    if random.random() < 0.05:
        a = random.getrandbits(9000) | 1
        b = a + random.randrange(-5, 5)
    yield from _arithmetic(a, b, c)
    yield "comparison", text((a == b, a < b, a <= b, a > b, a >= b, a != b, a in (b, c), max(a, b, c), min(a, b, c)))
    yield "search", text(([c, b, a].index(a), (a, b).count(a)))
    yield "bits", text((a.bit_length(), a.bit_count(), hash(a), bool(a)))
    yield "counted", text(_counted(a, b, c))
    yield from _conversion(a, b, c)


def integer(random: Random) -> int:
    """One of either sign, near a limit more often than not."""
    match random.randrange(8):
        case 0:
            value = random.randrange(-10, 300)
        case 1:
            value = 2**30 + random.randrange(-3, 4)
        case 2:
            value = int(2 ** (30 * random.randrange(1, 12))) + random.randrange(-3, 4)
        case 3 | 4:
            value = random.getrandbits(random.choice(BITS))
        case 5:
            value = int(10 ** random.randrange(40)) + random.randrange(-2, 3)
        case 6:
            value = (1 << random.randrange(200)) - 1
        case _:
            value = random.randrange(2**30)
    return -value if random.random() < 0.4 else value


def _arithmetic(a: int, b: int, c: int) -> Seen:
    yield "sums", text((a + b, a - b, -a, abs(a), b - a, a + 1, a - 1))
    yield "products", text((a * b, a * a, a * 3))
    yield "logic", text((a & b, a | b, a ^ b, ~a, a & -a))
    yield "shifts", text((a >> (b & WORD), a << (b & WORD)))
    yield "division", outcome(divmod, a, b) + outcome(operator.floordiv, a, c) + outcome(operator.mod, a, c)
    yield "fractions", outcome(operator.truediv, a, b) + outcome(float, a)
    yield "powers", outcome(pow, a, b & 31, c) + text((math.gcd(a, b), math.isqrt(abs(a))))


def _counted(a: int, b: int, c: int) -> int:
    """Loops whose conditional jumps follow comparisons of integers at once."""
    total = 0
    for each in (a, b, c):
        if each < a:
            total += 1
        elif each == b:
            total += 2
        if not each:
            total += 4
        while total > each and total > 0:
            total -= abs(each) or 1
    return total


def _conversion(a: int, b: int, c: int) -> Seen:
    yield "decimal", text((str(a), f"{a}:{b & 0xFFFF}", f"{a:,}", "%d" % a, f"{a:>30}", int(str(a)) == a))  # noqa: UP031
    yield "hexadecimal", text((hex(a), oct(b), bin(c), int(hex(a), 16) == a, int("0" * 50 + f"{abs(b):x}", 16)))
    yield "bytes", outcome(a.to_bytes, 8, "little", signed=True) + text(int.from_bytes(b"\xff\x00" * (c & 15), "big"))
