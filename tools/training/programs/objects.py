"""Objects: classes and their protocols, data classes, generators, exceptions, containers, copies."""

import abc
import bisect
import collections
import contextlib
import copy
import dataclasses
import enum
import functools
import gc
import heapq
import io
import itertools
import operator
import pickle
import random
import types
import typing
import weakref
from collections.abc import Callable, Iterable, Iterator


class Colour(enum.Enum):
    RED = 1
    GREEN = 2
    BLUE = 3


class Rights(enum.IntFlag):
    READ = 4
    WRITE = 2
    RUN = 1


@dataclasses.dataclass(order=True)
class Item:
    price: float
    name: str = dataclasses.field(compare=False)
    tags: list[str] = dataclasses.field(default_factory=list, compare=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int

    def moved(self, dx: int, dy: int) -> "Point":
        return dataclasses.replace(self, x=self.x + dx, y=self.y + dy)


class Pair(typing.NamedTuple):
    key: str
    value: int


class Shape(abc.ABC):
    count = 0

    def __init__(self, name: str) -> None:
        self.name = name
        type(self).count += 1

    @abc.abstractmethod
    def area(self) -> float: ...

    def describe(self) -> str:
        return f"{self.name}: {self.area():.1f}"

    @classmethod
    def unit(cls) -> "Shape":
        return cls(1)

    @staticmethod
    def rounded(value: float) -> int:
        return int(value + 0.5)


class Box(Shape):
    def __init__(self, width: float, height: float = 1.0) -> None:
        super().__init__("box")
        self.width, self.height = width, height

    def area(self) -> float:
        return self.width * self.height

    @property
    def size(self) -> tuple[float, float]:
        return self.width, self.height

    @size.setter
    def size(self, value: tuple[float, float]) -> None:
        self.width, self.height = value


class Cube(Box):
    depth = 2.0

    def area(self) -> float:
        return super().area() * self.depth

    def describe(self) -> str:
        return "[" + super().describe() + "]"


class Disc(Shape):
    def __init__(self, radius: float) -> None:
        super().__init__("disc")
        self.radius = radius

    def area(self) -> float:
        return 3.14159 * self.radius**2


class Lazy:
    """A descriptor."""

    def __init__(self, make: Callable[[typing.Any], object]) -> None:
        self.make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: typing.Any, owner: type) -> object:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.make(instance)
        return value


class Row(collections.UserDict[str, int]):
    """Attributes that are looked up dynamically, operators, item access."""

    @Lazy
    def total(self) -> int:
        return sum(self.values())

    def __getattr__(self, name: str) -> int:
        try:
            return int(self.__dict__["data"][name])
        except KeyError:
            raise AttributeError(name) from None

    def __contains__(self, key: object) -> bool:
        return key in self.__dict__["data"]


class Matrix:
    def __init__(self, rows: list[list[int]]) -> None:
        self.rows = rows

    def __matmul__(self, other: "Matrix") -> "Matrix":
        columns = list(zip(*other.rows, strict=True))
        return Matrix([[sum(map(operator.mul, row, column)) for column in columns] for row in self.rows])

    def __getitem__(self, place: tuple[int, int]) -> int:
        return self.rows[place[0]][place[1]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Matrix) and self.rows == other.rows

    def __hash__(self) -> int:
        return hash(tuple(map(tuple, self.rows)))

    def __len__(self) -> int:
        return len(self.rows)

    def __bool__(self) -> bool:
        return any(map(any, self.rows))


def classes() -> None:
    shapes: list[Shape] = []
    for number in range(2500):
        shapes += [Box(number, 2.0), Cube(number), Disc(number % 10)]
    assert sum(shape.area() for shape in shapes) > 0
    [shape.describe() for shape in shapes if isinstance(shape, Box)]
    for shape in shapes:
        if hasattr(shape, "size"):
            shape.size = (2.0, Shape.rounded(shape.width))
        getattr(shape, "depth", None)
    Cube.unit()
    for number in range(400):
        row = Row(a=number, b=2)
        row["c"] = row.a + row.b
        row.total, row.total, "a" in row, row.get("z"), getattr(row, "missing", 0)
    matrix = Matrix([[(x * y) % 7 for x in range(12)] for y in range(12)])
    for _ in range(12):
        matrix = matrix @ matrix if matrix[0, 0] < 10**9 else Matrix([[1] * 12] * 12)
    assert matrix == matrix and len({matrix, matrix}) == len(matrix) // 12
    items = [Item(price % 97, f"n{price}", ["x"]) for price in range(1500)]
    sorted(items)
    max(items)
    [dataclasses.asdict(item) for item in items[:250]]
    place = Point(0, 0)
    seen = set()
    for number in range(1500):
        place = place.moved(number % 3 - 1, number % 5 - 2)
        seen.add(place)
    [Colour(number % 3 + 1).name for number in range(1500)]
    [bool((Rights.READ | Rights(number % 8)) & Rights.WRITE) for number in range(600)]
    pairs = [Pair(f"k{number}", number) for number in range(1500)]
    sum(pair.value for pair in pairs)
    {key: value for key, value in pairs}
    for number in range(60):
        type(f"Made{number}", (Box,), {"__slots__": (), "depth": number, "area": lambda self: self.width})(3).area()
        dataclasses.make_dataclass(f"Record{number}", ["a", ("b", int, 3)])(1) if number < 6 else None
    typing.get_type_hints(Item)
    space = types.SimpleNamespace(a=1, b=2)
    for _ in range(3000):
        space.a += space.b


def pieces(numbers: Iterable[int]) -> Iterator[int]:
    for number in numbers:
        if number % 3:
            yield number
        else:
            yield from (number, -number)


def averager() -> typing.Generator[float, float, str]:
    total = count = 0.0
    try:
        while True:
            total += yield total / (count or 1)
            count += 1
    finally:
        total = 0
    return "done"


class Tree:
    def __init__(self, value: int) -> None:
        self.value = value
        self.left: Tree | None = None
        self.right: Tree | None = None

    def insert(self, value: int) -> None:
        if value < self.value:
            if self.left is None:
                self.left = Tree(value)
            else:
                self.left.insert(value)
        elif self.right is None:
            self.right = Tree(value)
        else:
            self.right.insert(value)

    def __iter__(self) -> Iterator[int]:
        if self.left:
            yield from self.left
        yield self.value
        if self.right:
            yield from self.right


def generators() -> None:
    for _ in range(4):
        assert sum(itertools.islice(pieces(itertools.count()), 6000)) > 0
    mean = averager()
    next(mean)
    for number in range(4000):
        mean.send(number)
    mean.close()
    dice = random.Random(7)
    tree = Tree(500)
    for _ in range(1500):
        tree.insert(dice.randrange(1000))
    assert sorted(tree) == list(tree)
    pipeline = (line.split(",") for line in (f"{n},{n * 2},x{n}" for n in range(4000)))
    chosen = (fields for fields in pipeline if int(fields[0]) % 2)
    collections.Counter(fields[2][:2] for fields in chosen)
    list(zip(*itertools.batched(range(3000), 3), strict=True))
    list(itertools.groupby(sorted(range(2000), key=lambda n: n % 13), key=lambda n: n % 13))
    sum(1 for _ in itertools.permutations(range(6)))
    list(itertools.chain.from_iterable(itertools.combinations(range(14), 3)))
    list(map(operator.itemgetter(1), enumerate(range(3000))))
    any(n > 2900 for n in range(3000)), all(n < 3000 for n in range(3000))
    list(itertools.starmap(pow, zip(range(400), itertools.repeat(2))))
    for left, right in zip(range(3000), reversed(range(3000)), strict=True):
        left, right = right, left


class Refused(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(f"refused with {code}")
        self.code = code


@contextlib.contextmanager
def noted(notes: list[str]) -> Iterator[None]:
    notes.append("in")
    try:
        yield
    except Refused as error:
        notes.append(str(error.code))
    finally:
        notes.append("out")


class Guard:
    def __enter__(self) -> "Guard":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        return isinstance(error, KeyError)


def deep(level: int) -> int:
    try:
        if level == 0:
            raise Refused(level)
        return deep(level - 1)
    finally:
        level += 1


def exceptions() -> None:
    notes: list[str] = []
    for number in range(700):
        with noted(notes):
            if number % 4 == 0:
                raise Refused(number)
        with Guard():
            {}[number]
        try:
            int("x" if number % 2 else str(number))
        except (TypeError, ValueError) as error:
            notes.append(type(error).__name__)
        else:
            notes.append("fine")
        with contextlib.suppress(IndexError, AttributeError):
            notes[10**6]
        try:
            try:
                deep(12)
            except Refused as error:
                raise RuntimeError("again") from error
        except RuntimeError as error:
            assert error.__cause__
    try:
        raise ExceptionGroup("many", [ValueError(1), TypeError(2), OSError(3)])
    except* ValueError as some:
        assert len(some.exceptions) == 1
    except* (TypeError, OSError):
        pass


def cached_paths() -> None:
    @functools.lru_cache(maxsize=None)
    def ways(down: int, right: int) -> int:
        return 1 if not (down and right) else ways(down - 1, right) + ways(down, right - 1)

    @functools.singledispatch
    def kind(value: object) -> str:
        return "thing"

    @kind.register
    def _(value: int) -> str:
        return "number"

    @kind.register(list)
    def _(value: list[object]) -> str:
        return "list"

    def traced(function: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(function)
        def inner(*arguments: int, **options: int) -> int:
            return function(*arguments, **options) + 1

        return inner

    @traced
    def add(a: int, b: int = 2, *rest: int, c: int = 3, **options: int) -> int:
        return a + b + c + sum(rest) + len(options)

    ways(40, 40)
    small = functools.lru_cache(64)(lambda n: n * n)
    [small(n * n % 90) for n in range(4000)]
    [kind(value) for value in (1, [], "x", 2.0, None) * 400]
    for n in range(3000):
        add(n), add(n, 1, 2, 3), add(a=n, c=4), add(n, z=1, y=2), add(*(1, 2), **{"c": n})
    functools.reduce(operator.add, range(4000))
    partial = functools.partial(add, 1, c=9)
    [partial(n) for n in range(2000)]
    counter = 0

    def bump(by: int) -> int:
        nonlocal counter
        counter += by
        return counter

    list(map(bump, range(3000)))


def shape_of(value: object) -> str:
    match value:
        case {"type": "circle", "radius": int() | float() as radius} if radius > 2:
            return "large circle"
        case {"type": str(name), **rest}:
            return f"{name} {len(rest)}"
        case Point(x=0, y=y):
            return f"axis {y}"
        case [first, *_, last]:
            return f"{first}..{last}"
        case Colour.RED | "red":
            return "red"
        case None | True | False:
            return "constant"
        case _:
            return "?"


def containers() -> None:
    dice = random.Random(8)
    numbers = [dice.randrange(10**6) for _ in range(8000)]
    heap: list[int] = []
    for number in numbers[:4000]:
        heapq.heappush(heap, number)
    [heapq.heappop(heap) for _ in range(4000)]
    heapq.nlargest(10, numbers)
    ordered = sorted(numbers)
    [bisect.bisect(ordered, number) for number in numbers]
    sorted(numbers, key=lambda n: (n % 10, -n))
    sorted((str(n) for n in numbers), reverse=True)
    sorted([(n % 100, str(n)) for n in numbers])
    waiting = collections.deque(numbers[:2000], maxlen=2500)
    for _ in range(6000):
        waiting.rotate(1)
        waiting.append(waiting.popleft())
    groups = collections.defaultdict(list)
    for number in numbers:
        groups[number % 101].append(number)
    collections.Counter(n % 50 for n in numbers).most_common(5)
    chain = collections.ChainMap({"a": 1}, {"b": 2})
    [chain["b"] for _ in range(300)]
    order = collections.OrderedDict.fromkeys(range(500))
    for key in range(0, 500, 3):
        order.move_to_end(key)
    left, right = set(numbers[:5000]), frozenset(numbers[3000:])
    len(left & right), len(left | right), len(left - right), left.isdisjoint({-1}), left <= right
    table: dict[object, int] = {}
    for number in numbers:
        table[number] = table.get(number, 0) + 1
        table[str(number)] = number
        table[number, number % 7] = number
    table |= {"x": 1}
    for key, value in list(table.items())[:6000]:
        if value % 2:
            del table[key]
    squares = [[x * y for x in range(40)] for y in range(40)]
    [list(column) for column in zip(*squares, strict=True)]
    {(x, y): v for y, row in enumerate(squares) for x, v in enumerate(row) if v % 3}
    for start in range(0, 8000, 200):
        part = numbers[start : start + 200]
        part.reverse()
        part.sort()
        part[10:20] = [0] * 5
        part.insert(3, 1), part.remove(1), part.index(0), part.count(0), part.pop(), part.extend((1, 2))
        first, *middle, last = part
        min(part), max(middle), sum(part), first in middle, last not in part, part * 2 + middle == part
    values: list[object] = [
        {"type": "circle", "radius": 3},
        {"type": "box", "w": 1},
        Point(0, 4),
        [1, 2, 3],
        "red",
        None,
        7,
    ]
    for value in values * 300:
        shape_of(value)


class Node:
    def __init__(self, name: str) -> None:
        self.name, self.peers = name, []

    def __reduce__(self) -> tuple[object, ...]:
        return Node, (self.name,), {"peers": self.peers}


def copies_and_garbage() -> None:
    record = {
        "items": [Item(n, f"n{n}", ["a", "b"]) for n in range(200)],
        "points": {Point(n, n): (n, float(n), str(n)) for n in range(200)},
        "colour": Colour.RED,
        "raw": b"x" * 500,
        "numbers": [2**n for n in range(0, 90, 3)] + [n / 3 for n in range(300)],
        "sets": {frozenset({n}) for n in range(50)},
    }
    for protocol in range(6):
        for _ in range(3):
            assert pickle.loads(pickle.dumps(record, protocol))["items"][3].name == "n3"
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, 5)
    for number in range(60):
        pickler.dump([number, "text" * number, {"k": number}])
    buffer.seek(0)
    unpickler = pickle.Unpickler(buffer)
    [unpickler.load() for _ in range(60)]
    ring = [Node(f"node{n}") for n in range(120)]
    for left, right in itertools.pairwise([*ring, ring[0]]):
        left.peers.append(right)
    pickle.loads(pickle.dumps(ring))
    copy.deepcopy({key: record[key] for key in ("items", "numbers")})
    copy.copy(ring[0])
    for _ in range(30):
        knot = [Node("a") for _ in range(100)]
        knot[0].peers += knot
        watched = weakref.ref(knot[0])
        table = weakref.WeakValueDictionary({n: node for n, node in enumerate(knot)})
        del knot
        gc.collect(0)
        watched(), len(table)
    gc.collect()


def work() -> None:
    classes()
    generators()
    exceptions()
    cached_paths()
    containers()
    copies_and_garbage()
