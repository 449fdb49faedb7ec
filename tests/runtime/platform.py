"""A Runtime API as strict as Lambda's: one invocation at a time, one request for the next, one answer to each.

A second ``/next`` gets 403 while the first one waits, and the event goes to the first, wherever that is by now. At
chosen bytes of any call it stands still, until the process under test has run a signal's handler.
"""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.support.fake_api import ACCEPTED, BOOTSTRAP, SAFETY_NET, Listener, event, reply

(TAKEN,) = ACCEPTED.pieces
RECEIVE_BUFFER = 1 << 18
"""Bytes: so that a sender soon has to wait for who does not read."""

NOTICED = """
import os, signal
class TooSlow(Exception): ...
def alarm(*_):
    os.write(int(os.environ["NOTICED"]), b".")
    raise TooSlow("too slow")
signal.signal(signal.SIGALRM, alarm)
"""
"""The beginning of every function: a handler that says that it runs, and raises."""


@dataclass(frozen=True)
class Turn:
    """One invocation. Between two pieces a signal is sent to the process, when it waits.

    ``reads``: numbers of bytes of the POST, head and body, after which there is a signal, too.
    """

    event: tuple[bytes, ...]
    answer: tuple[bytes, ...] = (TAKEN,)
    reads: tuple[int, ...] = ()


@dataclass(frozen=True)
class Call:
    """A request: ``body`` as it was sent, chunks and all."""

    connection: int
    method: str
    path: str
    head: str
    body: bytes


def an_event(number: int, body: object = None) -> bytes:
    (whole,) = event(number if body is None else body, number).pieces
    return whole


class Platform:
    """Serves ``turns``, then leaves ``/next`` waiting; ``refused`` says what was wrong with which call."""

    def __init__(self, turns: Iterable[Turn], restore: tuple[bytes, ...] = (), stalls: bool = False) -> None:
        """``restore``: the answer to ``/restore/next``; ``stalls``: after a signal in a POST nothing more is read."""
        self.calls: list[Call] = []
        self.refused: list[str] = []
        self.problems: list[BaseException] = []
        self.done = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None
        self._turns = list(turns)
        self._restore = restore
        self._stalls = stalls
        self._turn: Turn | None = None
        self._waiting = False
        self._lock = threading.Lock()
        self._noticed, self.notice = os.pipe()
        self._listener = Listener(self._serve)
        self.endpoint = self._listener.endpoint

    def close(self) -> None:
        self.done.set()
        self._listener.close()
        os.close(self._noticed)
        os.close(self.notice)
        if self.problems:
            raise self.problems[0]

    def interrupt(self) -> None:
        """Sends the signal when the process waits for something, and returns when its handler has run."""
        process = self.process
        assert process is not None
        deadline = time.monotonic() + SAFETY_NET
        while Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "S":
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGALRM)
        os.read(self._noticed, 1)

    def _serve(self, connection: socket.socket, number: int) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        try:
            while self._serve_one(connection, number):
                pass
        except OSError:
            pass  # The process was killed.
        except BaseException as problem:  # noqa: BLE001 - the test's thread raises it
            self.problems.append(problem)
            self.done.set()

    def _serve_one(self, connection: socket.socket, number: int) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := connection.recv(65536)):
                return False
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        method, path, _ = head.decode().partition("\r\n")[0].split(" ")
        turn = self._turn
        if method == "POST" and turn is not None and "/invocation/" in path:
            body = self._read(connection, head, body, turn.reads)
        else:
            body = self._read(connection, head, body, ())
        self.calls.append(Call(number, method, path, head.decode(), body))
        for index, piece in enumerate(self._answer(method, path)):
            if index:
                self.interrupt()
            connection.sendall(piece)
        return True

    def _read(self, connection: socket.socket, head: bytes, body: bytes, pauses: tuple[int, ...]) -> bytes:
        """The body; there is nothing behind it, for a loop waits for its answer."""
        length = next(
            (int(line[16:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: ")), None
        )
        chunked = b"transfer-encoding: chunked" in head.lower()
        stops = sorted(max(pause - len(head) - 4, 0) for pause in pauses)
        while True:
            while stops and len(body) >= stops[0]:
                stops.pop(0)
                self.interrupt()
                if self._stalls:
                    self.done.wait()
            if length is not None and len(body) >= length:
                assert len(body) == length, "more than its Content-Length"
                return body
            if chunked and stream_is_over(body):
                return body
            if not chunked and length is None:
                return body
            more = connection.recv(min(stops[0] - len(body), 1 << 20) if stops else 1 << 20)
            if not more:
                self.refused.append(f"cut off after {len(body)} bytes: {head.decode()}")
                raise OSError
            body += more

    def _answer(self, method: str, path: str) -> tuple[bytes, ...]:
        with self._lock:
            match path.split("/")[3:]:
                case ["invocation", "next"]:
                    return self._next()
                case ["restore", "next"]:
                    return self._restore
                case ["init", "error"]:
                    return (TAKEN[:3], TAKEN[3:])
                case ["invocation", name, _] if (
                    self._turn and f"request-id: {name}\r\n".encode() in self._whole_event()
                ):
                    answer, self._turn = self._turn.answer, None
                    return answer
            self.refused.append(f"{method} {path}")
            return (reply("400 Bad Request", b"InvalidRequestID"),)

    def _next(self) -> tuple[bytes, ...]:
        if self._waiting or self._turn:
            self.refused.append("a second /next")
            return (reply("403 Forbidden", b"InvalidStateTransition"),)
        if not self._turns:
            self._waiting = True
            self.done.set()
            return ()
        self._turn = self._turns.pop(0)
        return self._turn.event

    def _whole_event(self) -> bytes:
        assert self._turn
        return b"".join(self._turn.event).lower()


def stream_is_over(data: bytes) -> bool:
    """Whether chunks and trailers are all there; raises ValueError, or AssertionError, for what are no chunks."""
    while True:
        line, found, rest = data.partition(b"\r\n")
        if not found:
            return False
        size = int(line, 16)
        if size == 0:
            return rest == b"\r\n" or rest.endswith(b"\r\n\r\n")
        if len(rest) < size + 2:
            return False
        assert rest[size : size + 2] == b"\r\n"
        data = rest[size + 2 :]


@dataclass(frozen=True)
class Result:
    """What came of it: the calls, what was refused, the output, and the exit code, or None for a loop that waits."""

    calls: list[Call]
    refused: list[str]
    stdout: str
    stderr: str
    exit_code: int | None

    @property
    def posts(self) -> list[Call]:
        return [call for call in self.calls if call.method == "POST"]


def run(
    interpreter: str,
    folder: Path,
    code: str,
    platform: Platform,
    variables: Mapping[str, str] | None = None,
) -> Result:
    """Runs the loop on a function until it waits after the last turn, or exits."""
    task = folder / "task"
    task.mkdir()
    (task / "function.py").write_text(NOTICED + code, encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "LAMBDA_TASK_ROOT": str(task),
        "AWS_LAMBDA_RUNTIME_API": platform.endpoint,
        "PYTHONDONTWRITEBYTECODE": "1",
        "_HANDLER": "function.handler",
        "NOTICED": str(platform.notice),
        **(variables or {}),
    }
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        platform.process = process = subprocess.Popen(
            [interpreter, "-SPu", str(BOOTSTRAP)],
            env=environment,
            cwd=task,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            pass_fds=(platform.notice,),
        )
    try:
        deadline = time.monotonic() + SAFETY_NET
        while not platform.done.wait(0.005) and process.poll() is None:
            assert time.monotonic() < deadline, (folder / "err").read_text(encoding="utf-8")
        code_of_exit = process.poll()
    finally:
        process.kill()
        process.wait()
        platform.close()
    stdout, stderr = ((folder / name).read_text(encoding="utf-8") for name in ("out", "err"))
    return Result(platform.calls, platform.refused, stdout, stderr, code_of_exit)
