"""A fake Runtime API to test the loop against: HTTP/1.1 on a raw socket, so that it can misbehave at any byte.

Not ``http.server``, which would correct the very faults that these tests need.
"""

import json
import os
import re
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from builder import ROOT

BOOTSTRAP = ROOT / "runtime" / "python" / "bootstrap"
SAFETY_NET = 300.0
"""Seconds after which a loop that neither exits nor requests another event has failed. No test relies on it."""

ARN = "arn:aws:lambda:eu-west-3:123456789012:function:tested"
FAR_FUTURE_MS = 4_102_444_800_000


@dataclass(frozen=True)
class Request:
    """One request as received: ``raw`` is every byte, ``headers`` by lower-case name."""

    connection: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    raw: bytes
    chunks: tuple[bytes, ...] = ()
    trailers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """The reaction to one request: sends ``pieces`` one by one, then keeps, closes or resets the connection.

    ``read``: reply after reading that many bytes of the body (or chunks of a stream), and never read more.
    """

    pieces: tuple[bytes, ...]
    ending: Literal["keep", "close", "reset"] = "keep"
    read: int | None = None


def reply(status: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a plain response with a Content-Length."""
    fields = {"Content-Length": str(len(body)), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


ACCEPTED = Reply((reply("202 Accepted", b'{"status":"OK"}\n', {"Content-Type": "application/json"}),))
RESTORED = Reply((reply("200 OK"),))
REGISTERED = Reply((reply("200 OK", b"{}", {"Lambda-Extension-Identifier": "extension-1"}),))
HANG_UP = Reply((), "close")
RESET = Reply((), "reset")


def invocation_headers(number: int = 1, **more: str | None) -> dict[str, str]:
    """The headers of ``/next``; ``more`` adds, replaces or, with None, removes (``trace_id`` for ``-Trace-Id``)."""
    fields: dict[str, str | None] = {
        "aws_request_id": f"request-{number}",
        "deadline_ms": str(FAR_FUTURE_MS),
        "invoked_function_arn": ARN,
        "trace_id": f"Root=1-{number}",
        "content_type": "application/json",
        **more,
    }
    return {_header_name(name): value for name, value in fields.items() if value is not None}


def _header_name(name: str) -> str:
    words = name.replace("_", "-").title()
    return words if name == "content_type" else f"Lambda-Runtime-{words}"


def event(body: object, number: int = 1, **headers: str | None) -> Reply:
    """An invocation; a ``body`` that is not bytes is encoded as JSON."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply((reply("200 OK", text, invocation_headers(number, **headers)),))


def as_logged(stack: Iterable[str]) -> str:
    """A stack trace as in text records: without line feeds, and without leading spaces that viewers would strip."""
    lines = [line for entry in stack for line in entry.splitlines()]
    return "\r".join(re.sub("^ +", lambda spaces: "\u00a0" * len(spaces[0]), line) for line in lines)


class Listener:
    """Listens on a free port, and serves each connection in a thread of its own, until it is closed."""

    def __init__(self, serve: Callable[[socket.socket, int], None]) -> None:
        """``serve`` gets a connection and its number, from 1."""
        self._serve = serve
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._waker = socket.socket()
        self._waker.bind(("127.0.0.1", 0))
        self.endpoint = "{}:{}".format(*self._socket.getsockname())
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Returns when all that was sent before has been read, and every thread has ended."""
        self._waker.connect(self._socket.getsockname())  # accepted after all the others, of which none is lost
        self._accepting.join()
        for connection in self._connections:
            with suppress(OSError):  # the other side, or the thread, has closed it
                connection.shutdown(socket.SHUT_RDWR)  # which wakes a thread that waits for more, and no close() does
        for thread in self._threads:
            thread.join()
        for each in (self._socket, self._waker, *self._connections):
            each.close()

    def _accept(self) -> None:
        while True:
            connection, address = self._socket.accept()
            self._connections.append(connection)
            if address == self._waker.getsockname():
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._threads.append(
                threading.Thread(target=self._serve, args=(connection, len(self._connections)), daemon=True)
            )
            self._threads[-1].start()


class FakeApi:
    """Listens on a free port, records requests, and replies to each ``/next`` with the next of a list.

    ``posts`` are the replies to POSTs, in order; further POSTs are accepted. When the invocations are exhausted, it
    leaves ``/next`` pending, as Lambda does, and sets ``idle``. ``restores`` is for ``/restore/next``, ``extension``
    the reply to an extension's registration; ``on_chunk`` is called with each chunk of a stream as it arrives.
    """

    def __init__(
        self,
        invocations: Iterable[Reply],
        posts: Iterable[Reply] = (),
        restores: Iterable[Reply] = (),
        extension: Reply = REGISTERED,
        on_chunk: Callable[[bytes], None] | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.problems: list[BaseException] = []
        self.idle = threading.Event()
        self._invocations = list(invocations)
        self._posts = list(posts)
        self._restores = list(restores)
        self._extension = extension
        self._on_chunk = on_chunk
        self._lock = threading.Lock()
        self._listener = Listener(self._serve)
        self.endpoint = self._listener.endpoint

    def close(self) -> None:
        """Closes all connections, once what was sent is in ``requests``; raises the first error of the threads."""
        self._listener.close()
        if self.problems:
            raise self.problems[0]

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            while self._serve_one(connection, number):
                pass
        except (OSError, EOFError):
            pass  # The loop under test was killed, or the connection closed.
        except BaseException as problem:  # noqa: BLE001 - the test's thread raises it
            self.problems.append(problem)

    def _serve_one(self, connection: socket.socket, number: int) -> bool:
        raw = _read_until(connection, b"\r\n\r\n")
        if raw is None:
            return False
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        method, path, version = first.split(" ")
        assert version == "HTTP/1.1"
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        chosen = self._choose(method, path)
        limit = chosen.read if chosen else None
        if headers.get("transfer-encoding") == "chunked":
            chunks, trailers, raw = _read_chunks(connection, body, limit, self._on_chunk)
            body = b"".join(chunks)
        else:
            chunks, trailers = [], {}
            body = raw = _read_body(connection, body, int(headers.get("content-length", "0")), limit)
        request = Request(number, method, path, headers, body, head + b"\r\n\r\n" + raw, tuple(chunks), trailers)
        self.requests.append(request)
        if chosen is None:
            if path.endswith("/invocation/next"):
                self.idle.set()
            return False
        return _act(connection, chosen)

    def _choose(self, method: str, path: str) -> Reply | None:
        """The reply to a request; None leaves it pending."""
        with self._lock:
            match method, path.split("/")[2:]:
                case "POST", ["extension", "register"]:
                    return self._extension
                case "GET", ["extension", "event", "next"]:
                    return None
                case "GET", ["runtime", "restore", "next"]:
                    return self._restores.pop(0) if self._restores else RESTORED
                case "POST", _:
                    return self._posts.pop(0) if self._posts else ACCEPTED
                case _:
                    return self._invocations.pop(0) if self._invocations else None


def _read_body(connection: socket.socket, body: bytes, length: int, limit: int | None) -> bytes:
    wanted = length if limit is None else min(limit, length)
    while len(body) < wanted:
        more = connection.recv(1 << 20)
        if not more:
            raise EOFError("the loop hung up in the middle of a request")
        body += more
    assert len(body) <= length, "the loop sent more than its Content-Length"
    return body


def _read_chunks(
    connection: socket.socket, raw: bytes, limit: int | None, on_chunk: Callable[[bytes], None] | None
) -> tuple[list[bytes], dict[str, str], bytes]:
    """Chunks, trailers and all their raw bytes."""
    reader = _Reader(connection, raw)
    chunks: list[bytes] = []
    trailers: dict[str, str] = {}
    while limit is None or len(chunks) < limit:
        size = int(reader.take_line(), 16)
        if size == 0:
            while line := reader.take_line():
                name, value = line.decode("ascii").split(": ", 1)
                trailers[name.lower()] = value
            assert reader.taken == len(reader.data), "the loop sent more than its stream"
            break
        chunks.append(reader.take(size))
        assert reader.take(2) == b"\r\n"
        if on_chunk:
            on_chunk(chunks[-1])
    return chunks, trailers, reader.data[: reader.taken]


class _Reader:
    def __init__(self, connection: socket.socket, data: bytes) -> None:
        self.data = data
        self.taken = 0
        self._connection = connection

    def _fill(self) -> None:
        more = self._connection.recv(65536)
        if not more:
            raise EOFError("the loop hung up in the middle of a stream")
        self.data += more

    def take(self, size: int) -> bytes:
        while len(self.data) < self.taken + size:
            self._fill()
        self.taken += size
        return self.data[self.taken - size : self.taken]

    def take_line(self) -> bytes:
        while (end := self.data.find(b"\r\n", self.taken)) < 0:
            self._fill()
        line = self.take(end - self.taken)
        self.taken += 2
        return line


def _read_until(connection: socket.socket, end: bytes) -> bytes | None:
    data = b""
    while end not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    return data


def _act(connection: socket.socket, chosen: Reply) -> bool:
    for index, piece in enumerate(chosen.pieces):
        if index:
            time.sleep(0.002)  # So that pieces mostly arrive separately; no test depends on it.
        connection.sendall(piece)
    match chosen.ending:
        case "keep":
            return True
        case "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        case "close":
            connection.shutdown(socket.SHUT_WR)
            connection.close()
    return False


@dataclass(frozen=True)
class Frame:
    """One record as the platform receives it."""

    kind: int
    time_in_us: int
    message: str


@dataclass(frozen=True)
class Run:
    """The result of running a loop: its requests in order, its output, and its exit code, or None if it still waits."""

    requests: list[Request]
    stdout: str
    stderr: str
    exit_code: int | None
    telemetry: bytes = b""

    @property
    def posts(self) -> list[Request]:
        """The POSTs to the Runtime API."""
        return [request for request in self.requests if request.method == "POST" and "/runtime/" in request.path]

    @property
    def frames(self) -> list[Frame]:
        """The records written to the telemetry descriptor."""
        frames, rest = [], self.telemetry
        while rest:
            kind, length, time_in_us = struct.unpack(">IIQ", rest[:16])
            assert len(rest) >= 16 + length
            frames.append(Frame(kind, time_in_us, rest[16 : 16 + length].decode()))
            rest = rest[16 + length :]
        return frames

    @property
    def post(self) -> Request:
        """The only POST."""
        (request,) = self.posts
        return request

    @property
    def result(self) -> Any:
        """The only POST's JSON, which is a result and not an error."""
        assert self.post.path.endswith("/response"), self.post.body.decode()
        return self.post.json

    @property
    def results(self) -> list[Any]:
        assert all(request.path.endswith("/response") for request in self.posts), [post.body for post in self.posts]
        return [request.json for request in self.posts]

    @property
    def error(self) -> Any:
        """The only POST's JSON, which is an error."""
        assert self.post.path.endswith("/error"), self.post.body.decode()
        return self.post.json


@dataclass
class Loop:
    """Runs the real loop in a process, on functions written into ``task_root``."""

    interpreter: str
    folder: Path
    bootstrap: Path = BOOTSTRAP
    variables: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ("-SPu",)
    """Of the interpreter, as ``bootstrap``'s first line has them."""
    file: str = "function.py"
    """The function's file, below ``task_root``."""

    @property
    def task_root(self) -> Path:
        return self.folder / "task"

    def write(self, name: str, code: str) -> Path:
        """Writes one of the function's files, below ``task_root``."""
        path = self.task_root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding="utf-8")
        return path

    def __call__(
        self,
        code: str,
        *invocations: Reply,
        posts: Iterable[Reply] = (),
        handler: str | None = "function.handler",
        arguments: Iterable[str] = (),
        command: Callable[[list[str]], list[str]] = list,
        cwd: Path | None = None,
        restores: Iterable[Reply] = (),
        extension: Reply = REGISTERED,
        on_chunk: Callable[[bytes], None] | None = None,
        telemetry: bool = False,
        signal: int | None = None,
    ) -> Run:
        """Writes the function's file and runs the loop until it waits after the last event, or exits.

        Without ``invocations`` there is one with an empty object. ``telemetry`` provides a descriptor for frames;
        ``signal`` is sent when the loop waits, which must then exit.
        """
        self.write(self.file, code)
        api = FakeApi(invocations or (event({}),), posts, restores, extension, on_chunk)
        environment = {
            "PATH": os.environ["PATH"],
            "LAMBDA_TASK_ROOT": str(self.task_root),
            "AWS_LAMBDA_RUNTIME_API": api.endpoint,
            "PYTHONDONTWRITEBYTECODE": "1",
            **({} if handler is None else {"_HANDLER": handler}),
            **self.variables,
        }
        environment = {name: value for name, value in environment.items() if value}
        line = command([self.interpreter, *self.options, str(self.bootstrap), *arguments])
        try:
            exit_code = self._watch(line, environment, api, cwd or self.folder, telemetry, signal)
        finally:
            api.close()
        stdout, stderr, written = (path.read_bytes() for path in self._outputs)
        return Run(list(api.requests), stdout.decode(), stderr.decode(), exit_code, written)

    @property
    def _outputs(self) -> tuple[Path, Path, Path]:
        """Files that take the process's output, its errors, and its frames."""
        return self.folder / "stdout", self.folder / "stderr", self.folder / "telemetry"

    def _watch(
        self,
        line: list[str],
        environment: dict[str, str],
        api: FakeApi,
        cwd: Path,
        telemetry: bool,
        signal: int | None,
    ) -> int | None:
        """Runs the process and ends it; its exit code, or None if it waited."""
        stdout, stderr, telemetry_log = self._outputs
        with stdout.open("wb") as out, stderr.open("wb") as err, telemetry_log.open("wb") as frames:
            descriptors = [frames.fileno()] if telemetry else []
            if telemetry:
                environment["_LAMBDA_TELEMETRY_LOG_FD"] = str(frames.fileno())
            process = subprocess.Popen(
                line,
                env=environment,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                pass_fds=descriptors,
            )
            try:
                exit_code = _wait(process, api.idle)
                if signal is not None and exit_code is None:
                    process.send_signal(signal)
                    exit_code = process.wait(SAFETY_NET)
            finally:
                process.kill()
                process.wait()
        return exit_code


def _wait(process: "subprocess.Popen[bytes]", idle: threading.Event) -> int | None:
    deadline = time.monotonic() + SAFETY_NET
    while not idle.wait(0.005):
        if (exit_code := process.poll()) is not None:
            return exit_code
        assert time.monotonic() < deadline, "the loop neither exited nor requested the next invocation"
    return None
