"""Events that ``sys.settrace`` and ``sys.setprofile`` tell of random programs: lines, instructions, calls."""

import sys
from random import Random
from types import FrameType
from typing import Any

from .observe import Seen, text
from .programs import places, shown
from .source import ARGUMENTS, FILE, call, compiled, namespace

Events = list[Any]
MODES = ("trace", "opcodes", "profile", "some lines", "variables", "both")


def case(random: Random) -> Seen:
    source, code = compiled(random)
    for mode in random.sample(MODES, 2):
        events: Events = []
        found = namespace(compile(source, FILE, "exec") if random.random() < 0.5 else code)
        lines = {random.randrange(3, 12) for _ in range(3)}
        for arguments in ARGUMENTS:
            _listen(mode, events, lines)
            try:
                events.append(shown(call(found, arguments)))
            except Exception as error:  # whatever the program raises is compared
                events.append((type(error).__name__, places(error)))
            finally:
                sys.settrace(None)
                sys.setprofile(None)
        yield mode, text(events)


def _listen(mode: str, events: Events, lines: set[int]) -> None:
    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if frame.f_code.co_filename == FILE:
            name = getattr(argument, "__name__", None) if event.startswith("c_") else shown(argument)
            events.append((event, frame.f_lineno, frame.f_lasti, name))

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != FILE:
            return None
        frame.f_trace_opcodes = mode == "opcodes"
        if mode == "some lines":
            frame.f_trace_lines = frame.f_lineno in lines
        seen: tuple[Any, ...] = (event, frame.f_lineno, frame.f_lasti)
        if event == "return":
            seen += (shown(argument),)
        elif mode == "variables":
            seen += tuple((name, shown(value)) for name, value in frame.f_locals.items())
        events.append(seen)
        return trace

    if mode in ("profile", "both"):
        sys.setprofile(profile)
    if mode != "profile":
        sys.settrace(trace)
