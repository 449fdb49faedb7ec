"""The host's side of the guest agent, ``guest.sh``: what it is given, and what its output means.

The agent runs wherever a layer does, so it is a shell script; whatever can be prepared, parsed or decided is so here.
"""

import base64
import http.client
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.emulator.emulator import NAME

SCRIPT = Path(__file__).with_name("guest.sh")
FOLDER = "/var/invoke"
"""Where the agent is, with the emulator and the request beside it."""
REQUEST = "request"
"""File of the request."""
MISSING = (126, 127)
"""Exit codes if the system lacks bash, or a program that the agent calls."""

SAFETY_NET = 30
"""Seconds that the emulator may take to open its ports, and to respond beyond the function's timeout."""

_OWN_LINE = re.compile(rb"(START RequestId: [\da-f-]{36} Version: \S+|(END|REPORT) RequestId: [\da-f-]{36}(\t.*)?)$")
"""The emulator's: its REPORT invents the memory, and leaves out the time that bootstrap needs to start. If the function
did not end its last line, it is in the same one."""
_INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
_INVOKE = re.compile(r"INVOKE RTDONE\(.*duration: ([\d.]+)ms\)")
_FAILED = re.compile(
    # What stands further on in a line may be the function's: the header of an error has its message.
    r"^[^(]*\(rapid\) (Sending Error Response: |API request - POST \S+/error,|INIT RTDONE\(status: (?!success)|"
    r"Invoke failed|Invoke\(\) timeout)",
    re.MULTILINE,
)
_STREAMED = re.compile(r"^[^(]*\(rapid\) API request - POST \S+/response, .*Response-Mode:\[streaming\]", re.MULTILINE)
_ERROR_RECORD = re.compile(rb"\[ERROR\] ([^\r]+)\r(?:[^\r]*\r)*?Traceback \(most recent call last\):(?:\r|$)")
"""What stopped an invocation, as Lambda's runtimes log it in text: one line, with carriage returns in it."""
_JSON_RECORD = re.compile(rb'\{"timestamp": ?".*\}$')
_STATUS = re.compile(r"^(Pid|PPid|VmHWM):\s*(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Ports:
    """Where the emulator listens, on the loopback."""

    events: int
    runtime_api: int


@dataclass(frozen=True)
class Outcome:
    """What came of an invocation."""

    body: str
    failed: bool
    """Whether the emulator says so."""
    streamed: bool
    """Whether the response came as a stream: that it broke, the emulator does not say."""
    init: list[float]
    """Milliseconds from the start of bootstrap to its first question; none if it did not come to that."""
    invocation: list[float]
    """Milliseconds."""
    memory: int
    """Bytes that the function's processes had in memory, at the most; 0 if they are gone."""
    broken: str = ""
    """What broke the stream: the emulator drops the trailers that say so, but the runtime has logged it."""


def request(event: bytes) -> bytes:
    """What the platform's front end would send."""
    head = (
        "POST /2015-03-31/functions/function/invocations HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(event)}",
        "Connection: close",  # the end of the response is the end of the stream: the agent cannot parse
    )
    return "\r\n".join((*head, "", "")).encode() + event


def command(
    boundary: str, ports: Ports, timeout: int, program: Sequence[str], environment: Mapping[str, str]
) -> tuple[str, ...]:
    """Starts the agent; ``program`` is the runtime with its arguments, ``environment`` all that the function sees.

    ``timeout`` is the function's own, in seconds.
    """
    return (
        "bash",
        f"{FOLDER}/{SCRIPT.name}",
        boundary,
        # The emulator may open the other one first, and start bootstrap before there is a Runtime API.
        f"{ports.runtime_api} {ports.events}",
        str(SAFETY_NET),
        str(timeout + SAFETY_NET),
        "env",
        "-i",
        *(f"{name}={value}" for name, value in environment.items()),
        f"{FOLDER}/{NAME}",
        "--log-level=debug",
        f"--runtime-interface-emulator-address=127.0.0.1:{ports.events}",
        f"--runtime-api-address=127.0.0.1:{ports.runtime_api}",
        *program,
    )


class FunctionLog:
    """Shows what a function writes, line by line as it comes, without what the emulator adds.

    ``error`` is what stopped an invocation, by the record that the runtime logged of it: type and message, or nothing.
    """

    def __init__(self, show: Callable[[str], object]) -> None:
        self._show, self._rest, self.error = show, b"", ""

    def feed(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._add(line)

    def end(self) -> None:
        """A last line may lack its end."""
        if self._rest:
            self._add(self._rest)

    def _add(self, line: bytes) -> None:
        self.error = _error_of(line) or self.error
        own = _OWN_LINE.search(line)
        if own is None or own.start():
            self._show(line[: own.start() if own else None].decode(errors="replace"))


def _error_of(line: bytes) -> str:
    """Of a record of what stopped an invocation: ``ValueError: no``. Empty for what a function itself logs as an error:

    in text that lacks the carriage returns, and in JSON it has a logger.
    """
    if found := _ERROR_RECORD.search(line):
        return found[1].decode(errors="replace")
    if found := _JSON_RECORD.search(line):
        try:
            fields = json.loads(found[0])
            if fields["level"] == "ERROR" and "logger" not in fields:
                return f"{fields['errorType']}: {fields['errorMessage']}"
        except (ValueError, LookupError):
            pass
    return ""


def read_outcome(errors: bytes, boundary: str) -> Outcome | None:
    """The agent's standard error → what came of the invocation; None if there was no whole response."""
    log, _, rest = errors.decode(errors="replace").partition(f"\n{boundary}\n")
    try:
        emulator, response, processes = rest.split("\n", 2)
        body = _body(base64.b64decode(response))
    except (http.client.HTTPException, ValueError):  # somebody killed the agent or the emulator
        return None
    init, invocation = ([float(number) for number in pattern.findall(log)] for pattern in (_INIT, _INVOKE))
    memory = sum(_peaks(int(emulator), processes))
    failed, streamed = (bool(pattern.search(log)) for pattern in (_FAILED, _STREAMED))
    return Outcome(body.decode(errors="replace"), failed, streamed, init[:1], invocation[:1], memory)


def _body(response: bytes) -> bytes:
    """Of an HTTP response, whatever its status; HTTPException if it is not whole."""

    class Socket:
        def makefile(self, _: str) -> io.BytesIO:
            return io.BytesIO(response)

    stand_in: Any = Socket()
    parsed = http.client.HTTPResponse(stand_in)
    parsed.begin()
    return parsed.read()


def _peaks(emulator: int, processes: str) -> Iterator[int]:
    """The most bytes that each process below the emulator had in memory, from the status of all processes."""
    children: dict[int, list[int]] = {}
    peaks: dict[int, int] = {}
    for key, number in _STATUS.findall(processes):
        match key:  # they come in this order; the kernel's own threads have no VmHWM
            case "Pid":
                process = int(number)
            case "PPid":
                children.setdefault(int(number), []).append(process)
            case "VmHWM":
                peaks[process] = int(number) * 1024
    below = children.get(emulator, [])
    while below:
        process = below.pop()
        yield peaks.get(process, 0)
        below += children.get(process, [])
