"""A Runtime API to test the loop against: HTTP/1.1 on a raw socket, so that it can misbehave at any byte.

Not ``http.server``: what it would tidy up is what these tests are about.
"""

import json
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

BOOTSTRAP = Path(__file__).parents[2] / "runtime" / "python" / "bootstrap"
SAFETY_NET = 60.0
"""Seconds after which a loop that neither ends nor asks for more has failed. No test waits for it."""

ARN = "arn:aws:lambda:eu-west-3:123456789012:function:tested"
FAR_FUTURE_MS = 4_102_444_800_000


@dataclass(frozen=True)
class Request:
    """One request as it came: ``raw`` is every byte, ``headers`` by lower-case name."""

    connection: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What the API does about one request: sends pieces, each by itself, then keeps the connection or ends it.

    ``early``: it replies when it has seen the head, and never reads the body.
    """

    pieces: tuple[bytes, ...]
    ending: Literal["keep", "close", "reset"] = "keep"
    early: bool = False


def reply(status: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a plain answer with a Content-Length."""
    fields = {"Content-Length": str(len(body)), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


ACCEPTED = Reply((reply("202 Accepted", b'{"status":"OK"}\n', {"Content-Type": "application/json"}),))
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
    """An invocation; ``body`` as it is if it is bytes, else as JSON."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply((reply("200 OK", text, invocation_headers(number, **headers)),))


class FakeApi:
    """Listens on a port of its own, records requests, and replies to each ``/next`` with the next of a list.

    ``posts`` gives the replies to POSTs, in order; then each is accepted. When the list of invocations is at its
    end, ``/next`` is left waiting, as Lambda leaves it, and ``idle`` is set.
    """

    def __init__(self, invocations: Iterable[Reply], posts: Iterable[Reply] = ()) -> None:
        self.requests: list[Request] = []
        self.problems: list[BaseException] = []
        self.idle = threading.Event()
        self._invocations = list(invocations)
        self._posts = list(posts)
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "{}:{}".format(*self._listener.getsockname())
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Ends everything, and raises what went wrong inside."""
        self._listener.close()
        for connection in self._connections:
            connection.close()
        if self.problems:
            raise self.problems[0]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # Closed: the test is over.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection, len(self._connections)), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            while self._serve_one(connection, number):
                pass
        except OSError:
            pass  # The loop under test was ended, or the connection was.
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
        chosen = self._choose(method)
        length = int(headers.get("content-length", "0"))
        while not (chosen and chosen.early) and len(body) < length:
            body += connection.recv(1 << 20)
        assert len(body) <= length, "the loop sent more than it said"
        self.requests.append(Request(number, method, path, headers, body, head + b"\r\n\r\n" + body))
        if chosen is None:
            self.idle.set()
            return False
        return _act(connection, chosen)

    def _choose(self, method: str) -> Reply | None:
        with self._lock:
            if method == "POST":
                return self._posts.pop(0) if self._posts else ACCEPTED
            return self._invocations.pop(0) if self._invocations else None


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
            time.sleep(0.002)  # So that pieces mostly arrive apart; nothing is wrong if they do not.
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
class Run:
    """What came of a loop: requests in their order, what it wrote, its exit code or None if it was left waiting."""

    requests: list[Request]
    stdout: str
    stderr: str
    exit_code: int | None

    @property
    def posts(self) -> list[Request]:
        return [request for request in self.requests if request.method == "POST"]

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
    """Runs the real loop in a process of its own, on functions written into ``task_root``."""

    interpreter: str
    folder: Path
    bootstrap: Path = BOOTSTRAP
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def task_root(self) -> Path:
        return self.folder / "task"

    def write(self, name: str, code: str) -> Path:
        """A file of the function's, below ``task_root``."""
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
    ) -> Run:
        """Writes ``function.py`` and runs the loop until it waits for what does not come, or ends.

        Without invocations there is one with an empty object.
        """
        self.write("function.py", code)
        api = FakeApi(invocations or (event({}),), posts)
        environment = {
            "PATH": os.environ["PATH"],
            "LAMBDA_TASK_ROOT": str(self.task_root),
            "AWS_LAMBDA_RUNTIME_API": api.endpoint,
            "PYTHONDONTWRITEBYTECODE": "1",
            **({} if handler is None else {"_HANDLER": handler}),
            **self.variables,
        }
        environment = {name: value for name, value in environment.items() if value}
        line = command([self.interpreter, "-SP", str(self.bootstrap), *arguments])
        try:
            return self._watch(line, environment, api, cwd or self.folder)
        finally:
            api.close()

    def _watch(self, line: list[str], environment: dict[str, str], api: FakeApi, cwd: Path) -> Run:
        stdout, stderr = self.folder / "stdout", self.folder / "stderr"
        with stdout.open("wb") as out, stderr.open("wb") as err:
            process = subprocess.Popen(line, env=environment, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            try:
                exit_code = _wait(process, api.idle)
            finally:
                process.kill()
                process.wait()
        return Run(list(api.requests), stdout.read_text("utf-8"), stderr.read_text("utf-8"), exit_code)


def _wait(process: "subprocess.Popen[bytes]", idle: threading.Event) -> int | None:
    deadline = time.monotonic() + SAFETY_NET
    while not idle.wait(0.005):
        if (exit_code := process.poll()) is not None:
            return exit_code
        assert time.monotonic() < deadline, "the loop neither ended nor asked for the next invocation"
    return None
