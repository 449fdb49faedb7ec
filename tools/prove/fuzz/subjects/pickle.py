"""``pickle``, ``marshal`` and ``copy`` of random values: shared, recursive, of one's own classes, and damaged."""

import copy
import marshal
import pickle
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from .int import integer
from .observe import Seen, outcome, text

DEEPEST = 3


class Point:
    """With a state of its own."""

    __slots__ = ("x", "y")

    def __init__(self, x: object, y: object) -> None:
        self.x, self.y = x, y

    def __reduce__(self) -> tuple[Any, ...]:
        return Point, (self.x, self.y)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and (self.x, self.y) == (other.x, other.y)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Point({self.x!r}, {self.y!r})"


class Bag(dict[str, Any]):
    """With items and attributes."""


LEAVES: tuple[Callable[[Random], Any], ...] = (
    lambda _: None,
    lambda random: random.random() < 0.5,
    integer,
    lambda random: random.uniform(-1e9, 1e9),
    lambda random: "".join(random.choices("ab\u0101\U0001f600\x00", k=random.randrange(9))),
    lambda random: random.randbytes(random.choice((0, 3, 300))),
    lambda random: bytearray(random.randbytes(3)),
    lambda random: complex(random.random(), -0.0),
    lambda random: Decimal(integer(random)),
    lambda random: Fraction(random.randrange(99), random.randrange(1, 99)),
    lambda random: datetime.fromtimestamp(random.randrange(10**9), UTC),
    lambda random: range(random.randrange(9)),
    lambda _: len,
    lambda _: Point,
    lambda random: frozenset({random.randrange(5), random.randrange(5)}),
)


def case(random: Random) -> Seen:
    value = _value(random, 0, [])
    protocol = random.randrange(6)
    try:
        written = pickle.dumps(value, protocol)
    except Exception as error:  # whatever it is, both must raise it
        yield "dumps", f"{type(error).__name__}: {error}"
        return
    yield "dumps", text(written)
    yield "loads", outcome(pickle.loads, written)
    yield "deepcopy", outcome(copy.deepcopy, value) + outcome(copy.copy, value)
    yield "marshal", outcome(marshal.dumps, value, random.randrange(5))
    yield "damaged", outcome(_damaged, random, written)


def _damaged(random: Random, written: bytes) -> object:
    """What is read of a value of plain types with one byte changed."""
    data = bytearray(pickle.dumps([1, "a", {"b": (2.5, b"c")}, len(written)], random.randrange(6)))
    data[random.randrange(len(data))] = random.choice(b"(]}.0123456789NIKLVXabe\x80\x00")
    try:
        read = pickle.loads(bytes(data))
    except Exception as error:  # of many types
        return type(error).__name__, str(error)[:80]
    return read if isinstance(read, (list, dict, int, str, bytes)) else type(read).__name__


def _value(random: Random, depth: int, made: list[Any]) -> Any:
    if made and random.random() < 0.15:
        return random.choice(made)  # shared, or what it is in
    if depth == DEEPEST or random.random() < 0.4:
        return random.choice(LEAVES)(random)
    count = random.randrange(6)
    container: Any = random.choice((list, dict, tuple, deque, OrderedDict, Bag, Point, set, defaultdict))
    if container is Point:
        return Point(_value(random, depth + 1, made), _value(random, depth + 1, made))
    if container in (tuple, deque):
        return container(_value(random, depth + 1, made) for _ in range(count))
    if container is set:
        return {random.choice((1, "a", None, 2.5)) for _ in range(1)}  # one: sets have an order of their own
    if container is list:
        items: list[Any] = []
        made.append(items)
        items.extend(_value(random, depth + 1, made) for _ in range(count))
        return items
    found: Any = container()
    made.append(found)
    for number in range(count):
        found[f"k{number}"] = _value(random, depth + 1, made)
    if container is Bag:
        found.extra = count
    return found
