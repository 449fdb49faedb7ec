"""What went wrong: as JSON for the Runtime API, as text for the log."""

import os
import sys

from layer_runtime.payload import to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class Fault(Exception):
    """An error under one of the platform's own types, ``Runtime.…``; ``stack`` is as in ``ErrorReport``."""

    def __init__(self, error_type: str, message: str, stack: list[str] | None = None) -> None:
        super().__init__(error_type, message)
        self.error_type = error_type
        self.message = message
        self.stack = stack or []


class ErrorReport:
    """One error: its type, its message and the frames of the function's own code, outermost first."""

    __slots__ = ("error_type", "message", "request_id", "stack")

    def __init__(self, exception: BaseException, request_id: str = "") -> None:
        self.request_id = request_id
        match exception:
            case Fault():
                self.error_type, self.message, self.stack = exception.error_type, exception.message, exception.stack
            case SystemExit():
                self.error_type = "Runtime.ExitError"
                self.message = f"The function left its process: SystemExit({text_of(exception)})"
                self.stack = stack_of(exception)
            case _:
                self.error_type, self.message = type(exception).__name__, text_of(exception)
                self.stack = stack_of(exception)

    def to_json(self) -> bytes:
        """The body that ``/error`` and ``/init/error`` want."""
        text = to_json(
            {
                "errorMessage": self.message,
                "errorType": self.error_type,
                "requestId": self.request_id,
                "stackTrace": self.stack,
            }
        )
        # A lone surrogate has no UTF-8. Python's escape for it happens to be JSON's.
        return text.encode("utf-8", "backslashreplace")

    def to_text(self) -> str:
        """``[ERROR] Type: message``, then the frames as an uncaught exception would show them."""
        head = f"[ERROR] {self.error_type}: {self.message}" if self.message else f"[ERROR] {self.error_type}"
        if not self.stack:
            return f"{head}\n"
        return f"{head}\nTraceback (most recent call last):\n{''.join(self.stack)}"


def text_of(exception: BaseException) -> str:
    """The exception's message, whatever its ``__str__`` does."""
    try:
        return str(exception)
    except Exception:
        return f"<{type(exception).__name__} whose __str__ fails>"


def stack_of(exception: BaseException) -> list[str]:
    """The frames of an exception as ``traceback.format_list`` writes them, without this package's own."""
    frames = _frames_of_the_function(exception.__traceback__)
    try:
        from traceback import extract_tb, format_list

        return format_list(
            [(frame.filename, frame.lineno or 0, frame.name, frame.line) for frame in extract_tb(frames)]
        )
    except Exception:
        # The function may have a module named like one that traceback imports (token, textwrap, …).
        return _format_plainly(frames)


def _frames_of_the_function(frames: "TracebackType | None") -> "TracebackType | None":
    while frames is not None and frames.tb_frame.f_globals.get("__package__") == __package__:
        frames = frames.tb_next
    return frames


def _format_plainly(frames: "TracebackType | None") -> list[str]:
    lines = []
    while frames is not None:
        code = frames.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {frames.tb_lineno}, in {code.co_name}\n')
        frames = frames.tb_next
    return lines


def flush_output() -> None:
    """Brings out what the function has printed; it may have closed or replaced the streams."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # Nobody is left to be told, and the other stream still counts.


def write_log(text: str) -> None:
    """Writes to the process's own stderr, after what the function has printed, whatever ``sys.stderr`` is by now."""
    flush_output()
    rest = text.encode("utf-8", "backslashreplace")
    try:
        while rest:
            rest = rest[os.write(2, rest) :]
    except OSError:
        pass  # The function closed it; there is no other place to say so.
