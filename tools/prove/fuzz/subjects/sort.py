"""``sort``, ``sorted``, ``min``, ``max``, ``in``, ``index``, ``count``, of what compares fast and of what does not."""

import bisect
import heapq
from collections import deque
from collections.abc import Callable
from functools import cmp_to_key
from random import Random
from typing import Any

from .int import integer
from .observe import Seen, outcome

LENGTHS = (0, 1, 2, 3, 5, 10, 31, 32, 33, 63, 64, 65, 130, 500)
"""Around the lengths of the runs that a sort makes."""
NAN = float("nan")


class Value:
    """Compared by a method, which may say that it cannot or fail."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __lt__(self, other: Any) -> Any:
        if self.value % 97 == 96:
            raise ZeroDivisionError(self.value)
        return self.value < other.value if isinstance(other, Value) else NotImplemented

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Value) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"V{self.value}"


class Backwards(int):
    """An integer that compares the other way round."""

    __slots__ = ()

    def __lt__(self, other: Any) -> bool:
        return int(self) > int(other)

    def __eq__(self, other: object) -> bool:
        return int(self) == -int(other) if isinstance(other, int) else False

    def __hash__(self) -> int:
        return hash(int(self))


class Loud(str):
    """A string that equals what is as long."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and len(self) == len(other)

    def __hash__(self) -> int:
        return len(self)


KINDS: tuple[Callable[[Random, int], Any], ...] = (
    lambda random, count: random.randrange(count + 1),
    lambda random, _: integer(random),
    lambda random, _: random.random(),
    lambda random, _: "".join(random.choices("abé", k=random.randrange(4))),
    lambda random, _: "".join(random.choices("a\u0101\U0001f600", k=random.randrange(9))),
    lambda random, _: (random.randrange(3), random.choice("abā"), random.random()),
    lambda random, count: Value(random.randrange(count // 2 + 1)),
    lambda random, count: Backwards(random.randrange(count + 1)),
    lambda random, _: Loud("x" * random.randrange(5)),
    lambda random, _: random.choice((True, False, 1, 0, 1.0, 2, -1)),
    lambda random, _: random.choice((NAN, 1.0, 2.5, -0.0, 0.0, float("inf"))),
    lambda random, _: bytes(random.choices(b"ab", k=random.randrange(3))),
)


def case(random: Random) -> Seen:
    items = _items(random)
    backwards = random.random() < 0.3
    yield "sorted", outcome(sorted, items, reverse=backwards)
    yield "sorted by a key", outcome(sorted, items, key=repr, reverse=backwards)
    yield "sorted by a function", outcome(sorted, items[:70], key=cmp_to_key(lambda a, b: (a > b) - (a < b)))
    yield "sort", outcome(_sort, list(items))
    yield "max", outcome(max, items) + outcome(max, items, key=repr, default=None)
    yield "min", outcome(min, items, default=None) + outcome(min, *items[:3])
    yield "heapq", outcome(heapq.nsmallest, 5, items) + outcome(heapq.nlargest, 3, items)
    wanted = random.choice(items) if items and random.random() < 0.7 else random.choice(KINDS)(random, len(items))
    for kind in (list, tuple, deque):
        held: Any = kind(items)
        yield (
            f"search in a {kind.__name__}",
            "".join(
                (
                    outcome(lambda held=held: wanted in held),
                    outcome(held.count, wanted),
                    outcome(held.index, wanted),
                    outcome(held.index, wanted, random.randrange(9)),
                )
            ),
        )
    yield "remove", outcome(list(items).remove, wanted)
    yield "bisect", outcome(bisect.bisect, items, wanted)
    yield "equal", outcome(lambda: (items == list(items), items < items[:3], tuple(items) >= tuple(items[:5])))


def _sort(items: list[Any]) -> list[Any]:
    items.sort()
    return items


def _items(random: Random) -> list[Any]:
    count = random.choice(LENGTHS)
    if random.random() < 0.2:
        items: list[Any] = list(range(count))
        for _ in range(random.randrange(4) if items else 0):
            items[random.randrange(count)] = random.randrange(count)
    else:
        kind = random.choice(KINDS)
        items = [kind(random, count) for _ in range(count)]
    if items and random.random() < 0.05:
        items[random.randrange(count)] = random.choice(("x", None, 1, 2.5, b""))
    return items
