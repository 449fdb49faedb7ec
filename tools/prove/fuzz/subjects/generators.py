"""Generators: sent to, thrown into, closed and dropped half way, alone and by way of others."""

import gc
import sys
from collections.abc import Callable, Generator
from random import Random
from typing import Any

from .observe import Seen, text

Log = list[str]
Script = list[tuple[str, Any]]
"""What a generator does: names of what `play` knows, and what they take."""

DEEPEST = 3
FAILURES: tuple[type[BaseException], ...] = (ValueError, KeyError, StopIteration, GeneratorExit, ZeroDivisionError)


class Held:
    """Says when it goes."""

    def __init__(self, name: str, log: Log, *more: object) -> None:
        self.name, self.log, self.more = name, log, more

    def __del__(self) -> None:
        self.log.append(f"{self.name} goes")


class Listed:
    """Delegated to, and no generator: its methods are looked up by name."""

    def __init__(self, log: Log) -> None:
        self.left, self.log = 3, log

    def __iter__(self) -> "Listed":
        return self

    def __next__(self) -> int:
        self.left -= 1
        if self.left < 0:
            raise StopIteration("listed")
        return self.left

    def send(self, value: object) -> int:
        self.log.append(f"listed gets {value}")
        return next(self)


def case(random: Random) -> Seen:
    log: Log = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda given: log.append(f"unraisable {given.exc_value!r}")
    gc.disable()
    try:
        live: list[Any] = []
        for number in range(random.randrange(1, 5)):
            made = _make(random, number, log)
            _drive(random, made, log)
            if random.random() < 0.3:
                live.append([made, live])  # in a cycle, which a collection ends
            del made
        yield "driven", text(log)
        live.clear()
        gc.collect(0)
        yield "at the end", text(log)
    finally:
        sys.unraisablehook = hook


def _make(random: Random, number: int, log: Log) -> Any:
    match random.randrange(4):
        case 0:
            held = Held(f"expression {number}", log)
            return (each for each in [held, 1, 2] if _asked(log))
        case 1:
            return _recursive(Held(f"recursive {number}", log), random.randrange(5))
        case _:
            return play(_script(random, 0), Held(f"held {number}", log), log)


def _asked(log: Log) -> bool:
    log.append("asked")
    return True


def _script(random: Random, depth: int) -> Script:
    names = ("yield", "yield", "yield", "guard", "finally", "from", "listed", "return", "raise", "loop", "local")
    script: Script = []
    for _ in range(random.randrange(1, 5)):
        name = random.choice(names)
        if name in ("guard", "finally", "from", "loop"):
            script.append((name, _script(random, depth + 1)) if depth < DEEPEST else ("yield", depth))
        elif name == "raise":
            script.append((name, random.choice(FAILURES)))
        else:
            script.append((name, random.randrange(100)))
    return script


def play(script: Script, held: object, log: Log) -> Generator[Any, Any, Any]:
    """A generator that does what its script says."""
    for name, what in script:
        match name:
            case "yield":
                log.append(f"got {yield what}")
            case "guard":
                try:
                    yield from play(what, held, log)
                except ValueError as error:
                    log.append(f"guarded {error!r} {error.__context__!r}")
                    yield "guarded"
            case "finally":
                try:
                    yield from play(what, None, log)
                finally:
                    log.append("finally")
                    yield "in finally"  # a generator that is closed must not
            case "from":
                log.append(f"returned {yield from play(what, [held], log)}")
            case "listed":
                log.append(f"returned {yield from Listed(log)}")
            case "loop":
                for each in play(what, held, log):
                    yield each, what is None
            case "local":
                own = Held(f"local {what}", log, held)
                yield own.name
            case "raise":
                raise what(len(log))
            case _:
                return what
    return None


def _recursive(held: object, depth: int) -> Generator[int, None, int]:
    if depth:
        yield depth
        return (yield from _recursive(held, depth - 1)) + 1
    return 0


def _drive(random: Random, made: Any, log: Log) -> None:
    for _ in range(random.randrange(7)):
        step: Callable[[], object] = random.choice(
            (
                lambda: next(made),
                lambda: made.send(None),
                lambda: made.send("sent"),
                lambda: made.throw(random.choice(FAILURES)),
                lambda: made.throw(ValueError("thrown")),
                made.close,
                lambda: list(made)[:5],
            )
        )
        try:
            log.append(f"gives {_named(step())}")
        except BaseException as error:  # GeneratorExit, too
            log.append(f"raises {error!r} from {error.__cause__!r} in {error.__context__!r}")
        frame = made.gi_frame
        log.append(
            f"{made.gi_running} {made.gi_suspended} {frame and (frame.f_lasti, frame.f_lineno, sorted(frame.f_locals))}"
        )


def _named(value: object) -> object:
    """A value without addresses in what it prints."""
    if isinstance(value, Held):
        return value.name
    return [_named(each) for each in value] if isinstance(value, list) else value
