"""Events that ``sys.monitoring`` tells of random programs, with and without DISABLE for some of their places."""

import sys
from random import Random
from types import CodeType
from typing import Any

from .observe import Seen, text
from .programs import places, shown
from .source import ARGUMENTS, FILE, call, compiled, namespace

monitoring: Any = vars(sys)["monitoring"]  # types are checked for a Python that has none
EVENTS: Any = monitoring.events

TOOLS = (1, 3)
MODES: dict[str, tuple[str, ...]] = {
    "lines": ("LINE",),
    "branches": ("BRANCH", "JUMP"),
    "instructions": ("INSTRUCTION",),
    "calls": ("CALL", "C_RETURN", "C_RAISE", "PY_START", "PY_RETURN", "PY_YIELD", "PY_RESUME"),
    "exceptions": ("RAISE", "RERAISE", "EXCEPTION_HANDLED", "PY_UNWIND", "STOP_ITERATION"),
    "lines and branches": ("LINE", "BRANCH", "JUMP"),
    "lines and instructions": ("LINE", "INSTRUCTION"),
}
CANNOT = {"C_RAISE", "C_RETURN", "RAISE", "RERAISE", "EXCEPTION_HANDLED", "PY_UNWIND"}
"""Events of which no place can be disabled."""


class Tool:
    """Notes what it is told, and disables one place in ``share``; 0: none, 1: each."""

    def __init__(self, number: int, share: int) -> None:
        self.number, self.share = number, share
        self.events: list[Any] = []
        monitoring.use_tool_id(number, f"tool {number}")

    def listen(self, names: tuple[str, ...], code: CodeType | None) -> None:
        """To the program alone, or to whatever runs."""
        for name in names:
            monitoring.register_callback(self.number, getattr(EVENTS, name), self._callback(name))
        chosen = sum(getattr(EVENTS, name) for name in names if name not in ("C_RETURN", "C_RAISE"))
        if code:
            monitoring.set_local_events(self.number, code, chosen)
        else:
            monitoring.set_events(self.number, chosen)

    def end(self, code: CodeType | None) -> None:
        if code:
            monitoring.set_local_events(self.number, code, 0)
        monitoring.set_events(self.number, 0)
        for name in {name for names in MODES.values() for name in names}:
            monitoring.register_callback(self.number, getattr(EVENTS, name), None)
        monitoring.free_tool_id(self.number)

    def _callback(self, name: str) -> Any:
        def told(code: CodeType, place: int = -1, *more: Any) -> Any:
            if code.co_filename != FILE:
                return None if name in CANNOT else monitoring.DISABLE
            self.events.append((name, place, *(each if isinstance(each, int) else _name(each) for each in more)))
            chosen = self.share and place % self.share == 0 and name not in CANNOT
            return monitoring.DISABLE if chosen else None

        return told


def _name(value: Any) -> str:
    return str(getattr(value, "__name__", type(value).__name__))


def case(random: Random) -> Seen:
    _, code = compiled(random)
    found = namespace(code)
    mode = random.choice(tuple(MODES))
    shares = [random.choice((0, 0, 1, 2, 3)) for _ in range(random.choice((1, 1, 1, 2)))]
    local = random.random() < 0.3 and mode not in ("exceptions", "calls")
    where = found["t"].__code__ if local else None
    tools = [Tool(number, share) for number, share in zip(TOOLS, shares, strict=False)]
    results = []
    try:
        for tool in tools:
            tool.listen(MODES[mode], where)
        for arguments in ARGUMENTS * 2:
            results.append(_result(found, arguments))
            if random.random() < 0.2:
                monitoring.restart_events()
    finally:
        for tool in tools:
            tool.end(where)
        monitoring.restart_events()
    disabled = "with DISABLE" if any(shares) else "all"
    for tool in tools:
        yield f"{mode}, {disabled}", text(tool.events)
    yield "results", text(results)


def _result(found: dict[str, Any], arguments: tuple[Any, ...]) -> str:
    try:
        return shown(call(found, arguments))
    except Exception as error:  # whatever the program raises is compared
        return f"raises {type(error).__name__} at {places(error)}"
