"""The host's side of the guest agent, ``guest.sh``: what it is given, and what its output means.

The agent runs wherever a layer does, so it is a shell script; whatever can be prepared, parsed or decided is so here.
"""

import base64
import http.client
import io
import re
from collections.abc import Callable, Iterator, Mapping
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
_FAILED = re.compile(r"API request - POST \S+/error,|INIT RTDONE\(status: (?!success)|Invoke failed|Invoke\(\) timeout")
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
    init: list[float]
    """Milliseconds from the start of bootstrap to its first question; none if it did not come to that."""
    invocation: list[float]
    """Milliseconds."""
    memory: int
    """Bytes that the function's processes had in memory, at the most; 0 if they are gone."""


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


def command(boundary: str, ports: Ports, timeout: int, handler: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Starts the agent; ``environment`` is all that the function sees, ``timeout`` is its own, in seconds."""
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
        "/opt/bootstrap",
        handler,
    )


class FunctionLog:
    """Shows what a function writes, line by line as it comes, without what the emulator adds."""

    def __init__(self, show: Callable[[str], object]) -> None:
        self._show, self._rest = show, b""

    def feed(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._add(line)

    def end(self) -> None:
        """A last line may lack its end."""
        if self._rest:
            self._add(self._rest)

    def _add(self, line: bytes) -> None:
        own = _OWN_LINE.search(line)
        if own is None or own.start():
            self._show(line[: own.start() if own else None].decode(errors="replace"))


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
    return Outcome(body.decode(errors="replace"), bool(_FAILED.search(log)), init[:1], invocation[:1], memory)


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
