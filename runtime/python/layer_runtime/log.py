"""Where what is logged goes: stdout and stderr, or frames on the descriptor that the platform gave.

A frame is type, length and time (big-endian u32, u32, u64 in microseconds), then the message, so that a record stays
one record whatever is in it.
"""

import posix
import sys
import time

from layer_runtime import environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STDOUT = 1
STDERR = 2
DESCRIPTOR = "_LAMBDA_TELEMETRY_LOG_FD"
TEXT_FRAME = 0xA55A0003
JSON_FRAME = 0xA55A0002
MILLISECONDS = "LAMBDA_LOG_MILLISECONDS"
"""The variable that gives the times of JSON records milliseconds; the managed runtime's have whole seconds."""
ERROR = 40
WARNING = 30
"""``logging.ERROR`` and ``logging.WARNING``, without ``logging``."""


class Log:
    """The process's log. ``request_id`` and ``tenant_id`` are the current invocation's, None between two.

    ``put`` writes bytes to a descriptor, and gives how many it was rid of.
    """

    __slots__ = ("_descriptor", "_identities", "is_json", "level", "put", "request_id", "tenant_id")

    def __init__(self) -> None:
        self.is_json = False
        self.level = ""
        self.put = posix.write
        self.request_id: str | None = None
        self.tenant_id: str | None = None
        self._descriptor: int | None = None
        self._identities: dict[int, tuple[int, int] | None] = {}

    def configure(self) -> None:
        """Reads the environment, and takes the descriptor's number out of it: children have no business with it."""
        self._identities = {descriptor: _identity(descriptor) for descriptor in (STDOUT, STDERR)}
        self.is_json = (environment.get("AWS_LAMBDA_LOG_FORMAT") or "").upper() == "JSON"
        level = (environment.get("AWS_LAMBDA_LOG_LEVEL") or "").upper()
        self.level = "DEBUG" if level == "TRACE" else level
        number = environment.pop(DESCRIPTOR)
        if number is None:
            return
        try:
            self._descriptor = int(number)
            posix.write(self._descriptor, b"")
            self._identities[self._descriptor] = _identity(self._descriptor)
        except (ValueError, OverflowError, OSError) as error:
            self._descriptor = None
            self.complain(f"{DESCRIPTOR} is {number!r}, which cannot be written to: {error}")

    def write(self, text: str, level: int | None = None, is_json: bool = False) -> None:
        """One record of the function's own, at a level of ``logging`` or at none."""
        if self._write_frame(text, _frame_type(level, is_json)):
            return
        stream = sys.stdout  # Whatever the function has put there.
        if stream is None:
            self._write_bytes(STDOUT, text.encode("utf-8", "backslashreplace"))
            return
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(text.encode("utf-8", "backslashreplace").decode())
        stream.flush()

    def write_error(self, lines: list[str], fields: "dict[str, Any]") -> None:
        """What stopped an invocation, as one record: text lines, or fields of a JSON object, whichever is wanted."""
        flush_output()
        text = _error_object(fields) if self.is_json else "\n".join(lines)
        if self._write_frame(text, _frame_type(ERROR, self.is_json)):
            return
        if not self.is_json:
            text = "\r".join(lines)  # A line feed would be the end of the record.
        line = f"{text}\n".encode("utf-8", "backslashreplace")
        if not self._write_bytes(STDOUT, line):
            self._write_bytes(STDERR, line)

    def complain(self, message: str) -> None:
        """What the loop itself has to say."""
        self._say(message, ERROR, "ERROR")

    def warn(self, message: str) -> None:
        """What it has to say that is nobody's fault."""
        self._say(message, WARNING, "WARNING")

    def _say(self, message: str, level: int, name: str) -> None:
        flush_output()
        fields = {"level": name, "message": message, "requestId": self.request_id or ""}
        text = _error_object(fields) if self.is_json else f"[{name}] {message}"
        if not self._write_frame(text, _frame_type(level, self.is_json)):
            self._write_bytes(STDERR, f"{text}\n".encode("utf-8", "backslashreplace"))

    def _write_frame(self, text: str, frame_type: int) -> bool:
        """Whether there is a descriptor that takes it."""
        descriptor = self._descriptor
        if descriptor is None:
            return False
        message = text.encode("utf-8", "backslashreplace")
        head = frame_type.to_bytes(4) + len(message).to_bytes(4) + (time.time_ns() // 1000).to_bytes(8)
        if self._write_bytes(descriptor, head + message):
            return True
        self._descriptor = None
        return False

    def _write_bytes(self, descriptor: int, rest: bytes) -> bool:
        """Writes past the function's own streams; whether that was possible."""
        if descriptor in self._identities and _identity(descriptor) != self._identities[descriptor]:
            return False  # The function closed it, and the number is some file's by now.
        try:
            while rest:
                rest = rest[self.put(descriptor, rest) :]
        except OSError:
            return False
        return True


log = Log()


def flush_output() -> None:
    """Brings out what the function has printed; it may have closed or replaced the streams."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # Nobody is left to be told, and the other stream still counts.


def _error_object(fields: "dict[str, Any]") -> str:
    from layer_runtime.payload import to_log_json

    return to_log_json({"timestamp": timestamp(time.time()), "level": "ERROR", **fields})


def timestamp(seconds: float) -> str:
    """A time as JSON records have it."""
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{int(seconds * 1000) % 1000:03}Z" if environment.get(MILLISECONDS) else f"{text}Z"


def _frame_type(level: int | None, is_json: bool) -> int:
    step = min(level or 0, 50) // 10
    return (JSON_FRAME if is_json else TEXT_FRAME) + (step * 4 + 4 if step > 0 else 0)


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        status = posix.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino
