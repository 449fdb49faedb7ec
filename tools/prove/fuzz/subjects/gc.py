"""Garbage: random graphs with finalizers, weak references and generators, dropped, collected, and brought back."""

import gc
import sys
import weakref
from collections.abc import Callable, Generator
from contextlib import suppress
from random import Random
from typing import Any

from .observe import Seen, text

Log = list[str]

gc.disable()
for _ in range(3):
    gc.collect()
gc.freeze()  # what the interpreter's start made is no case's affair, and is a hundred times as much as a case makes


class Node:
    """Says when it goes; some come back."""

    kept: list[Any] = []  # noqa: RUF012 - the class's own

    def __init__(self, number: int, log: Log, *held: object, returns: bool = False) -> None:
        self.number, self.log, self.held, self.returns = number, log, held, returns

    def __del__(self) -> None:
        self.log.append(f"{self.number} goes")
        if self.returns:
            self.returns = False
            Node.kept.append(self)


class Plain:
    """Without a finalizer."""


def _waiting(held: object, log: Log) -> Generator[int, None, None]:
    try:
        yield 1
        yield id(held)
    finally:
        log.append("generator ends")


def case(random: Random) -> Seen:
    log: Log = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda given: log.append(f"unraisable {given.exc_value!r}")
    try:
        yield from _graph(random, log)
    finally:
        Node.kept.clear()
        gc.collect()
        sys.unraisablehook = hook


def _graph(random: Random, log: Log) -> Seen:
    live: list[Any] = []
    references: list[weakref.ref[Any]] = []
    counts: list[int] = []
    for number in range(random.randrange(2, 14)):
        made = random.choice(MAKERS)(random, number, live, log)
        live.append(made)
        _refer(made, number, references, log)
        del made
        if random.random() < 0.4:
            live.pop(random.randrange(len(live)))
        if random.random() < 0.2:
            counts.append(gc.collect(random.randrange(3)))
    yield "while made", text(log)
    yield "collected while made", text(counts)
    for kind, tracked in [(type(each).__name__, gc.is_tracked(each)) for each in live]:  # no name may keep one alive
        yield f"tracked {kind}", text(tracked)
    yield "referents", text([len(gc.get_referents(each)) for each in live])
    listed = {id(each) for each in gc.get_objects()}
    yield "listed", text([id(each) in listed for each in live if isinstance(each, Node)])
    yield "alive", text([reference() is not None for reference in references])
    live.clear()
    yield "collected at the end", text((gc.collect(), gc.collect()))
    yield "alive at the end", text([reference() is not None for reference in references])
    yield "brought back", text(sorted(node.number for node in Node.kept))
    yield "in all", text(log)
    yield "uncollectable", text(len(gc.garbage))


def _refer(made: Any, number: int, references: "list[weakref.ref[Any]]", log: Log) -> None:
    with suppress(TypeError):  # lists, tuples and dicts have no weak references
        references.append(weakref.ref(made, lambda _: log.append(f"reference {number}")))


def _any(random: Random, live: list[Any]) -> Any:
    return random.choice(live) if live else None


def _list(random: Random, number: int, live: list[Any], log: Log) -> Any:
    made: list[Any] = [number, _any(random, live)]
    if random.random() < 0.5:
        made.append(made)
        made.append(Node(number, log, made))
    return made


def _tuple(random: Random, number: int, live: list[Any], _log: Log) -> Any:
    choices: tuple[Any, ...] = ((1, "a", number), (1, (2, (number, "x"))), ([], number), (_any(random, live), number))
    return random.choice(choices)


def _dict(random: Random, number: int, live: list[Any], _log: Log) -> Any:
    choices: tuple[Any, ...] = (
        {"a": number, "b": (1, (2, number))},
        {"a": _any(random, live)},
        {number: [number]},
        {"t": (number, (number, []))},
        {},
    )
    return random.choice(choices)


def _node(random: Random, number: int, live: list[Any], log: Log) -> Any:
    node = Node(number, log, *random.sample(live, min(len(live), 2)), returns=random.random() < 0.2)
    if random.random() < 0.6:
        node.held = (node, {"other": node}, *node.held)
    return node


def _plain(random: Random, _number: int, live: list[Any], _log: Log) -> Any:
    plain: Any = Plain()
    plain.other = random.choice((plain, _any(random, live), [plain], {"self": plain}))
    return plain


def _generator(random: Random, _number: int, live: list[Any], log: Log) -> Any:
    made = _waiting(_any(random, live), log)
    if random.random() < 0.7:
        next(made)
    if live and isinstance(live[-1], list):
        live[-1].append(made)
    return made


def _class(_random: Random, number: int, live: list[Any], log: Log) -> Any:
    return type("Class", (), {"node": Node(number, log), "live": tuple(live[-2:])})


def _function(random: Random, _number: int, live: list[Any], _log: Log) -> Any:
    held = [_any(random, live)]

    def function() -> object:
        return held, function

    return function


def _method(_random: Random, number: int, _live: list[Any], log: Log) -> Any:
    node = Node(number, log)
    node.held = (node.__del__,)
    return weakref.WeakMethod(node.__init__) if number % 2 else node  # type: ignore[misc]


def _exception(_random: Random, number: int, _live: list[Any], log: Log) -> Any:
    """Its traceback holds the frame that holds it."""
    node = Node(number, log)
    try:
        raise ValueError(number)
    except ValueError as error:
        node.held = (error,)
        kept = error
    return kept


MAKERS: tuple[Callable[[Random, int, list[Any], Log], Any], ...] = (
    *(_list, _tuple, _dict, _dict, _node, _node, _plain, _generator, _class, _function, _method, _exception),
)
