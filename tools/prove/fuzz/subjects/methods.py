"""Methods that texts of characters and of bytes share, on each width of characters and around each limit of lengths."""

from random import Random
from typing import Any

from .observe import Seen, outcome, text

ALPHABETS = (
    *("a", "ab", "abc ", "a\x00", "aé", "ab\n", "a\u0101", "a\U0001f600", "ab\xff"),
    *("\u0101\u0201a", "\U00010161\u0161a", "a \t\x0b\x85\u2028"),  # the same low byte; spaces of several kinds
)
LENGTHS = (0, 1, 5, 12, 13, 20, 40, 111, 112, 113, 130, 300, 1200)
"""A list of parts has room for twelve at first; a count is made in steps of up to 112."""
LIMITS = (-1, -1, 0, 1, 2, 5, 11, 12, 13, 100)


def seen(random: Random, values: tuple[Any, Any, Any]) -> Seen:
    """What the methods give for a text, a part that is often in it, and what takes its place; of one type."""
    whole, part, new = values
    limit = random.choice(LIMITS)
    begin, end = random.randrange(-5, len(whole) + 5), random.randrange(-5, len(whole) + 5)
    yield from _splitting(random, whole, part, limit)
    yield from _finding(whole, part, begin, end)
    yield "replace", outcome(whole.replace, part, new, limit)
    yield "strip", outcome(whole.strip, part or None)
    yield (
        "justify",
        outcome(whole.center, len(whole) + random.randrange(9)) + outcome(whole.zfill, random.randrange(50)),
    )
    yield "case", outcome(whole.title) + outcome(whole.swapcase) + outcome(whole.expandtabs, random.randrange(9))
    yield "slices", text(whole[begin:end]) + text(whole[:: random.choice((1, 2, 3, -1, -2))])
    yield (
        "order",
        text((whole < part, whole == part, whole[:5] == part, whole + part > part + whole, part * 3 <= whole)),
    )
    yield "kinds", text([bool(test()) for test in (whole.isalpha, whole.isdigit, whole.isspace, whole.isascii)])


def _splitting(random: Random, whole: Any, part: Any, limit: int) -> Seen:
    yield "split", outcome(whole.split, part, limit)
    yield "rsplit", outcome(whole.rsplit, part, limit)
    yield "split at spaces", outcome(whole.split, None, limit)
    yield "rsplit at spaces", outcome(whole.rsplit, None, limit)
    yield "splitlines", outcome(whole.splitlines, random.random() < 0.5)
    yield "partition", outcome(whole.partition, part) + outcome(whole.rpartition, part)
    yield "join", outcome(part.join, whole.split(None, 30))


def _finding(whole: Any, part: Any, begin: int, end: int) -> Seen:
    yield "in", text(part in whole)
    yield "count", text((whole.count(part), whole.count(part, begin, end)))
    yield "find", text((whole.find(part), whole.find(part, begin, end)))
    yield "rfind", text((whole.rfind(part), whole.rfind(part, begin, end)))
    yield "index", outcome(whole.index, part, begin) + outcome(whole.rindex, part, begin)
    yield "ends", text((whole.startswith(part), whole.endswith(part, begin), whole.startswith(part, begin, end)))


def whole_and_part(random: Random) -> tuple[str, str]:
    """A text, and a part that is often in it."""
    length = random.choice(LENGTHS)
    whole = "".join(random.choices(random.choice(ALPHABETS), k=length))
    if length and random.random() < 0.3:
        tail = ("a" * random.randrange(200), "ab" * random.randrange(100), "b" * 120)
        whole = whole[: random.randrange(length)] + random.choice(tail)
    size = random.choice((0, 1, 1, 1, 2, 2, 3, 5, 10, 50))
    if whole and random.random() < 0.5:
        at = random.randrange(len(whole))
        return whole, whole[at : at + size]
    return whole, "".join(random.choices(random.choice(ALPHABETS), k=size))
