"""Classes: special methods given, inherited, set and deleted at run time, and ``isinstance`` of what says otherwise."""

import abc
import operator
from collections.abc import Callable, Sized
from random import Random
from typing import Any, Protocol, runtime_checkable

from .observe import Seen, outcome, text

BY_ADDRESS: Any = object.__hash__
UNARY: dict[str, Callable[[Any], Any]] = {
    "__len__": len,
    "__bool__": bool,
    "__hash__": lambda value: getattr(type(value), "__hash__", None) is BY_ADDRESS or hash(value),
    "__repr__": repr,
    "__str__": str,
    "__iter__": iter,
    "__next__": next,
    "__call__": lambda value: value(),
    "__neg__": operator.neg,
    "__invert__": operator.invert,
    "__index__": operator.index,
    "__int__": int,
    "__float__": float,
    "__bytes__": bytes,
    "__reversed__": reversed,
    "__abs__": abs,
    "__await__": lambda value: value.__await__(),
    "__aiter__": aiter,
    "__length_hint__": operator.length_hint,
    "__dir__": dir,
    "__format__": format,
    "__enter__": lambda value: value.__enter__(),
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "__add__": operator.add,
    "__radd__": lambda a, b: b + a,
    "__iadd__": operator.iadd,
    "__mul__": operator.mul,
    "__rmul__": lambda a, b: b * a,
    "__sub__": operator.sub,
    "__mod__": operator.mod,
    "__matmul__": operator.matmul,
    "__pow__": operator.pow,
    "__rpow__": lambda a, b: b**a,
    "__and__": operator.and_,
    "__lshift__": operator.lshift,
    "__eq__": operator.eq,
    "__ne__": operator.ne,
    "__lt__": operator.lt,
    "__ge__": operator.ge,
    "__getitem__": operator.getitem,
    "__contains__": operator.contains,
    "__delitem__": operator.delitem,
    "__getattr__": lambda value, _: value.missing,
    "__getattribute__": lambda value, _: value.present,
    "__delattr__": lambda value, _: delattr(value, "missing"),
    "__divmod__": divmod,
    "__setitem__": lambda value, key: operator.setitem(value, key, 1),
    "__setattr__": lambda value, _: setattr(value, "given", 1),
}
NAMES = (*UNARY, *BINARY)
BUILT_IN: tuple[type, ...] = (int, str, list, dict, tuple, float, set, bytes, Exception)


@runtime_checkable
class Closing(Protocol):
    """Known by a method."""

    def close(self) -> None: ...


class Meta(type):
    """Says of each even number that it is an instance."""

    def __instancecheck__(cls, instance: object) -> bool:
        return instance in (2, 4) or super().__instancecheck__(instance)

    def __subclasscheck__(cls, other: type) -> bool:
        return other is float or super().__subclasscheck__(other)


class Even(metaclass=Meta):
    """An ordinary class otherwise."""


Registered = abc.ABCMeta("Registered", (), {})
Registered.register(bytes)


class Liar:
    """Says that it is of another class."""

    def __init__(self, says: Any) -> None:
        self.says = says

    @property
    def __class__(self) -> Any:
        if self.says is KeyError:
            raise KeyError("no class")
        return self.says

    @__class__.setter
    def __class__(self, _: Any) -> None:
        """Stays."""


def case(random: Random) -> Seen:
    classes = [_made(random, number, []) for number in range(2)]
    classes += [_made(random, number + 2, classes) for number in range(random.randrange(1, 4))]
    for made in classes:
        yield "defined", text([name for name in NAMES if name in vars(made)])
        yield from _used(random, made)
    changed = random.choice(classes)
    for _ in range(random.randrange(1, 4)):
        _change(random, changed)
        yield from _used(random, random.choice(classes))
    yield from _asked(random, classes)


def _made(random: Random, number: int, bases: list[Any]) -> Any:
    chosen = tuple(random.sample(bases, min(len(bases), random.randrange(3))))
    if random.random() < 0.3:
        chosen += (random.choice(BUILT_IN),)
    methods = {name: _method(random, name) for name in random.sample(NAMES, random.randrange(6))}
    if random.random() < 0.1:
        methods["__slots__"] = ()
    try:
        return type(f"C{number}", chosen, methods)
    except TypeError:
        return type(f"C{number}", (), {"__slots__": (), **methods})


def _method(random: Random, name: str) -> Any:
    """One that returns something, None, something that cannot be, or what is no function at all."""
    value = random.choice((0, 1, 5, "s", True, NotImplemented, None, -1))
    match random.randrange(8 if name != "__getitem__" else 1):
        case 0:
            return None
        case 1:
            return staticmethod(lambda *_: value)
        case 2:
            return classmethod(lambda cls, *_: (cls.__name__, value))
        case 3:
            return property(lambda _: lambda *_: value)
        case 4:
            return random.choice((int.__add__, str.__len__, object.__init__, list.__iter__, object.__eq__))
    if name in ("__iter__", "__aiter__", "__reversed__"):
        return lambda _: iter((1, 2))
    if name == "__getitem__":  # by which `in` looks for an end
        return lambda _, key: (value, "second")[key]
    return lambda *_: value


def _change(random: Random, made: Any) -> None:
    name = random.choice(NAMES)
    if name in vars(made) and random.random() < 0.5:
        delattr(made, name)
    else:
        setattr(made, name, _method(random, name))


def _used(random: Random, made: Any) -> Seen:
    try:
        value, other = made(), made()
    except Exception as error:  # a class may be such that it has no instances
        yield "made", f"{type(error).__name__}: {_clean(str(error))}"
        return
    for name in random.sample(tuple(UNARY), 8):
        yield name, _clean(outcome(UNARY[name], value))
    for name in random.sample(tuple(BINARY), 8):
        yield name, _clean(outcome(BINARY[name], value, random.choice((other, 1, "s", None))))


def _asked(random: Random, classes: list[Any]) -> Seen:
    values: list[Any] = [
        1,
        2,
        True,
        "s",
        b"b",
        None,
        2.5,
        [],
        int,
        Even(),
        Liar(int),
        Liar(KeyError),
        Liar(5),
        *classes,
    ]
    kinds: list[Any] = [int, str, bool, object, type, Even, Registered, Sized, Closing, int | str, Callable, *classes]
    for made in classes:
        try:
            values.append(made())
        except Exception:  # a class may be such that it has no instances
            values.append(Liar(made))
    for number in range(8):
        value, kind = random.choice(values), random.choice(kinds)
        several = (kind, random.choice(kinds), (random.choice(kinds), int))
        yield f"isinstance {number}", _clean(outcome(isinstance, value, kind) + outcome(isinstance, value, several))
        yield (
            f"issubclass {number}",
            _clean(outcome(issubclass, type(value), kind) + outcome(issubclass, value, several)),
        )


def _clean(shown: str) -> str:
    """Without addresses."""
    before, at, after = shown.partition(" at 0x")
    return before + (" at …" + _clean(after.lstrip("0123456789abcdef")) if at else "")
