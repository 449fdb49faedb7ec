"""What is told about an error: to the Runtime API as JSON, to X-Ray in a header, to the log with all that led to it.

Imported when there is an error.
"""

import os

from layer_runtime.errors import Fault
from layer_runtime.log import log
from layer_runtime.payload import to_ascii_json, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Any

    Frame = tuple[str, int, str, str | None]
    """File, line, function, text of the line."""

NO_BREAK_SPACE = "\u00a0"
"""Instead of the spaces that a line of a stack begins with: log viewers cut those away."""
LARGEST_CAUSE = 1024 * 1024
"""Bytes at which the header for X-Ray is left out."""
DEEPEST = 12
"""Causes of causes that are told: a retry loop can chain thousands."""
MOST_MEMBERS = 20
"""Members of an exception group that are told."""


class ErrorReport:
    """One error: its type, its message, the frames of the function's own code, outermost first, and its notes.

    ``relatives`` are what it came from, or is made of: a label for text, a key for JSON, and their own reports.
    """

    __slots__ = ("error_type", "frames", "message", "notes", "relatives", "request_id", "stack", "xray_type")

    def __init__(self, exception: BaseException, request_id: str = "", seen: frozenset[int] = frozenset()) -> None:
        self.request_id = request_id
        origin: BaseException | None = exception
        self.error_type, self.message = type(exception).__name__, text_of(exception)
        self.xray_type = self.error_type
        match exception:
            case Fault():
                self.error_type, self.message, origin = exception.error_type, exception.message, exception.origin
                self.xray_type = "LambdaValidationError"  # The managed runtime's name for all of them.
            case SystemExit():
                self.error_type = "Runtime.ExitError"
                self.message = f"The function left its process: SystemExit({text_of(exception)})"
        self.frames, self.stack = _extract(origin.__traceback__ if origin else None)
        if isinstance(exception, Fault) and exception.stack is not None:
            self.stack = exception.stack
        self.notes = _notes(origin)
        self.relatives = [] if origin is None else list(_relatives(origin, seen | {id(exception), id(origin)}))

    def to_json(self) -> bytes:
        """The body that ``/error`` and ``/init/error`` want."""
        # A lone surrogate has no UTF-8. Python's escape for it happens to be JSON's.
        return to_json(self.fields()).encode("utf-8", "backslashreplace")

    def to_xray(self) -> str:
        """The cause for X-Ray: JSON in ASCII, as a header can carry it; empty when it is too large for one."""
        try:
            folder = os.getcwd()
        except OSError:
            folder = ""  # The function removed it.
        cause = to_ascii_json(
            {
                "working_directory": folder,
                "exceptions": [
                    {
                        "message": self.message,
                        "type": self.xray_type,
                        "stack": [{"label": name, "path": path, "line": line} for path, line, name, _ in self.frames],
                    }
                ],
                "paths": list(dict.fromkeys(path for path, *_ in self.frames)),
            }
        )
        return cause if len(cause) < LARGEST_CAUSE else ""

    def write(self) -> None:
        """Puts it into the log."""
        lines = [
            *_broken("\n".join((f"[ERROR] {self.headline()}", *self.notes))),
            "Traceback (most recent call last):",
            *_indented(self.stack),
            *self.lines_of_relatives(),
        ]
        log.write_error(lines, {**self.fields(), **self.more_fields()})

    def headline(self) -> str:
        return f"{self.error_type}: {self.message}" if self.message else self.error_type

    def fields(self) -> "dict[str, Any]":
        """What the Runtime API is told."""
        return {
            "errorMessage": self.message,
            "errorType": self.error_type,
            "requestId": self.request_id,
            "stackTrace": self.stack,
        }

    def more_fields(self) -> "dict[str, Any]":
        """What only the log is told."""
        fields: dict[str, Any] = {"notes": self.notes} if self.notes else {}
        for _, key, report in self.relatives:
            told = {"errorType": report.error_type, "errorMessage": report.message, "stackTrace": report.stack}
            told |= report.more_fields()
            if key == "exceptions":
                fields.setdefault(key, []).append(told)
            else:
                fields[key] = told
        return fields

    def lines_of_relatives(self) -> "Iterator[str]":
        for label, _, report in self.relatives:
            yield from _broken("\n".join((f"{label}: {report.headline()}", *report.notes)))
            yield from _indented(report.stack)
            yield from report.lines_of_relatives()


def text_of(exception: BaseException) -> str:
    """The exception's message, whatever its ``__str__`` does."""
    try:
        return str(exception)
    except Exception:
        return f"<{type(exception).__name__} whose __str__ fails>"


def _relatives(exception: BaseException, seen: frozenset[int]) -> "Iterator[tuple[str, str, ErrorReport]]":
    if len(seen) > 2 * DEEPEST:
        return
    related: list[tuple[str, str, BaseException]] = []
    if exception.__cause__ is not None:
        related.append(("Caused by", "cause", exception.__cause__))
    elif exception.__context__ is not None and not exception.__suppress_context__:
        related.append(("While handling", "context", exception.__context__))
    if isinstance(exception, BaseExceptionGroup):
        members = exception.exceptions
        for number, member in enumerate(members[:MOST_MEMBERS], 1):
            related.append((f"Exception {number} of {len(members)}", "exceptions", member))
    for label, key, relative in related:
        if id(relative) not in seen:
            yield label, key, ErrorReport(relative, seen=seen)


def _notes(exception: BaseException | None) -> list[str]:
    notes = getattr(exception, "__notes__", None)
    return [note for note in notes if isinstance(note, str)] if isinstance(notes, (list, tuple)) else []


def _extract(traceback: "TracebackType | None") -> "tuple[list[Frame], list[str]]":
    """The frames, and the same as ``traceback.format_list`` writes them; those of whoever called the function, not."""
    while traceback is not None and _is_ours(traceback.tb_frame.f_globals):
        traceback = traceback.tb_next
    if traceback is None:
        return [], []
    try:
        from traceback import extract_tb, format_list

        frames = [(frame.filename, frame.lineno or 0, frame.name, frame.line) for frame in extract_tb(traceback)]
        return list(frames), format_list(frames)
    except Exception:
        # The function may have a module named like one that traceback imports (token, textwrap, …).
        return _extract_plainly(traceback)


def _is_ours(names: "dict[str, Any]") -> bool:
    return names.get("__package__") in (__package__, "asyncio")


def _extract_plainly(traceback: "TracebackType | None") -> "tuple[list[Frame], list[str]]":
    frames: list[Frame] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append((code.co_filename, traceback.tb_lineno, code.co_name, None))
        traceback = traceback.tb_next
    return frames, [f'  File "{path}", line {line}, in {name}\n' for path, line, name, _ in frames]


def _broken(text: str) -> list[str]:
    """Lines; no carriage return in them would be told from those that join them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _indented(stack: list[str]) -> "Iterator[str]":
    for entry in stack:
        for line in entry.splitlines():
            text = line.lstrip(" ")
            yield NO_BREAK_SPACE * (len(line) - len(text)) + text
