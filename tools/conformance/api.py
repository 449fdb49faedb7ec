"""A fake Runtime API for both runtimes: it sends a list of replies and records the requests.

The tests' own (``tools/support/fake_api.py``) holds the loop to what HTTP allows. This one is lenient: the reference
sends headers that are not ASCII.
"""

import socket
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BufferedReader

from tools.support.fake_api import ACCEPTED, Listener, Reply


@dataclass(frozen=True)
class Request:
    """One request; ``headers`` by lower-case name, decoded as Latin-1, which accepts any byte."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class RecordingApi:
    """Replies to each GET with the next of ``get_replies`` and to each POST with the next of ``post_replies``, if any.

    When ``get_replies`` are exhausted, it leaves a GET pending, as Lambda does, and sets ``idle``. Further POSTs are
    accepted.
    """

    def __init__(self, get_replies: Iterable[Reply], post_replies: Iterable[Reply]) -> None:
        self.requests: list[Request] = []
        self.idle = threading.Event()
        self._get_replies, self._post_replies = list(get_replies), list(post_replies)
        self._listener = Listener(self._serve)
        self.endpoint = self._listener.endpoint

    def close(self) -> None:
        self._listener.close()

    def _serve(self, connection: socket.socket, _: int) -> None:
        try:
            with connection.makefile("rb") as stream:
                while request := _read(stream):
                    self.requests.append(request)
                    if not self._reply(connection, request):
                        return
        except OSError:
            return  # The runtime was ended.

    def _reply(self, connection: socket.socket, request: Request) -> bool:
        replies = self._get_replies if request.method == "GET" else self._post_replies
        if not replies and request.method == "GET":
            self.idle.set()
            return False
        for piece in (replies.pop(0) if replies else ACCEPTED).pieces:
            connection.sendall(piece)
        return True


def _read(stream: BufferedReader) -> Request | None:
    """The next request; None at the end of the connection."""
    first = stream.readline().decode("latin-1").split()
    if not first:
        return None
    headers = _read_headers(stream)
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return Request(first[0], first[1], headers, stream.read(int(headers.get("content-length", "0"))))
    body = b""
    while size := int(stream.readline().partition(b";")[0], 16):
        body += stream.read(size)
        stream.readline()
    return Request(first[0], first[1], {**headers, **_read_headers(stream)}, body)


def _read_headers(stream: BufferedReader) -> dict[str, str]:
    """Headers, or the trailers after a chunked body."""
    headers = {}
    while line := stream.readline().decode("latin-1").rstrip("\r\n"):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip(" ")
    return headers
