"""A Runtime API as Lambda Managed Instances have it: many connections ask at once, each event goes to who asked first.

As strict as the platform: one answer to each invocation, and 400 to another; 403 to a second ``/init/error``; 410 to an
answer that comes after the time-out. Who asked stays in the queue when its connection ends, and the event that is then
given to it is lost. One thread serves all connections, so that it takes as little as possible of the processors.
"""

import json
import os
import select
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tools.support.fake_api import ARN, FAR_FUTURE_MS, REGISTERED, reply

TAKEN = reply("202 Accepted", b'{"status":"OK"}\n', {"Content-Type": "application/json"})
UNKNOWN = reply("400 Bad Request", b'{"errorType":"InvalidRequestID"}')
SECOND = reply("403 Forbidden", b'{"errorType":"InvalidStateTransition"}')
LATE = reply("410 Gone", b'{"errorType":"InvokeTimeout"}')


@dataclass
class Invocation:
    """One event: ``answers`` are the paths' ends and bodies that came for it, the first is what the caller gets."""

    number: int
    event: bytes
    deadline_in_ms: int = FAR_FUTURE_MS
    is_late: bool = False
    is_lost: bool = False
    answers: list[tuple[str, bytes]] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def request_id(self) -> str:
        return f"request-{self.number}"

    @property
    def answer(self) -> Any:
        """The first answer's JSON."""
        return json.loads(self.answers[0][1])

    @property
    def is_error(self) -> bool:
        return self.answers[0][0] == "error"

    def bytes(self) -> bytes:
        """The answer to ``/next``; what the platform has nothing to say in is empty."""
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            f"Lambda-Runtime-Aws-Request-Id: {self.request_id}\r\nLambda-Runtime-Invocation-Id: try-{self.number}\r\n"
            f"Lambda-Runtime-Deadline-Ms: {self.deadline_in_ms}\r\nLambda-Runtime-Invoked-Function-Arn: {ARN}\r\n"
            "Lambda-Runtime-Trace-Id: \r\nLambda-Runtime-Client-Context: \r\nLambda-Runtime-Cognito-Identity: \r\n"
            f"Content-Length: {len(self.event)}\r\n\r\n"
        )
        return head.encode() + self.event


class SlotsApi:
    """Gives events to whoever asks. ``problems`` is what no runtime should ever send.

    ``on_answer`` is called in the serving thread, after the answer has been taken.
    """

    def __init__(self, on_answer: Callable[[Invocation], None] = lambda _: None) -> None:
        self.invocations: dict[str, Invocation] = {}
        self.init_errors: list[Any] = []
        self.problems: list[str] = []
        self.failing_next = 0
        """How many requests for an invocation are answered with 500."""
        self._on_answer = on_answer
        self._events: deque[Invocation] = deque()
        self._waiting: deque[socket.socket] = deque()
        self._buffers: dict[int, tuple[socket.socket, bytearray]] = {}
        self._count = 0
        self._asked = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.endpoint = "{}:{}".format(*self._listener.getsockname())
        self._epoll = select.epoll()
        self._epoll.register(self._listener, select.EPOLLIN)
        self._wake = os.eventfd(0)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._is_closing = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_closing = True
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        for connection, _ in self._buffers.values():
            connection.close()
        self._listener.close()
        self._epoll.close()
        os.close(self._wake)

    def submit(self, event: object, **given: Any) -> Invocation:
        """Hands an event in; it waits until somebody asks, which the platform would not let it do."""
        self._count += 1
        invocation = Invocation(self._count, json.dumps(event).encode(), **given)
        self.invocations[invocation.request_id] = invocation
        self._events.append(invocation)
        if threading.current_thread() is not self._thread:
            os.eventfd_write(self._wake, 1)
        return invocation

    def wait_for_slots(self, count: int, timeout: float) -> None:
        """Returns when as many wait at once as that. Raises TimeoutError."""
        with self._asked:
            if not self._asked.wait_for(lambda: len(self._waiting) >= count, timeout):
                raise TimeoutError(f"{len(self._waiting)} of {count} slots asked for an event")

    def _serve(self) -> None:
        while not self._is_closing:
            for descriptor, _ in self._epoll.poll():
                if descriptor == self._listener.fileno():
                    self._accept()
                elif descriptor == self._wake:
                    os.eventfd_read(self._wake)
                else:
                    self._read(*self._buffers[descriptor])
            self._give()

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffers[connection.fileno()] = connection, bytearray()
        self._epoll.register(connection, select.EPOLLIN)

    def _read(self, connection: socket.socket, buffer: bytearray) -> None:
        try:
            data = connection.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            del self._buffers[connection.fileno()]
            self._epoll.unregister(connection)
            connection.close()
            return
        buffer += data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(buffer[: end + 4])
        body = bytes(buffer[end + 4 :])
        if (length := _length_of_body(head.lower(), body)) is None:
            return
        del buffer[: end + 4 + length]
        path = head.split(b" ", 2)[1].decode()
        if buffer:
            self.problems.append(f"{path}: more than one request at once")
        answer = self._choose(connection, path, head, body[:length])
        if answer:
            connection.sendall(answer)

    def _choose(self, connection: socket.socket, path: str, head: bytes, body: bytes) -> bytes:
        """The answer to a request; none to one that has to wait."""
        match path.split("/")[2:]:
            case ["runtime", "invocation", "next"]:
                return self._queue(connection)
            case ["runtime", "invocation", name, kind]:
                return self._take(name, kind, head, body)
            case ["runtime", "init", "error"]:
                self.init_errors.append(json.loads(body))
                return TAKEN if len(self.init_errors) == 1 else SECOND
            case ["extension", *rest]:
                return REGISTERED.pieces[0] if rest == ["register"] else b""
        self.problems.append(path)
        return reply("404 Not Found")

    def _queue(self, connection: socket.socket) -> bytes:
        if self.failing_next:
            self.failing_next -= 1
            return reply("500 Internal Server Error", b"{}")
        with self._asked:
            if connection in self._waiting:
                self.problems.append("a second request for an invocation on one connection")
            self._waiting.append(connection)
            self._asked.notify_all()
        return b""

    def _take(self, name: str, kind: str, head: bytes, body: bytes) -> bytes:
        invocation = self.invocations.get(name)
        if invocation is None:
            self.problems.append(f"{name} is no invocation")
            return UNKNOWN
        if f"\r\nLambda-Runtime-Invocation-Id: try-{invocation.number}\r\n".encode() not in head:
            self.problems.append(f"{name}: the id of its invocation is not echoed")
        if invocation.is_late:
            return LATE
        invocation.answers.append((kind, body))
        if len(invocation.answers) > 1:
            return UNKNOWN
        invocation.done.set()
        self._on_answer(invocation)
        return TAKEN

    def _give(self) -> None:
        while self._events and self._waiting:
            invocation = self._events.popleft()
            with self._asked:
                connection = self._waiting.popleft()
            try:
                connection.sendall(invocation.bytes())
            except OSError:
                invocation.is_lost = True
                invocation.done.set()


def _length_of_body(head: bytes, body: bytes) -> int | None:
    """Bytes of the body, chunks and all; None as long as it is not whole."""
    if b"\r\ntransfer-encoding: chunked\r\n" in head:
        whole = (body.startswith(b"0\r\n") or b"\r\n0\r\n" in body) and body.endswith(b"\r\n\r\n")
        return len(body) if whole else None
    length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0] or b"0")
    return length if len(body) >= length else None
