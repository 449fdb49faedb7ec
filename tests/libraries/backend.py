"""What libraries send their reports to: HTTP with and without TLS, and datagrams, all recorded."""

import gzip
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

Answers = Mapping[str, tuple[int, Any]]
"""A part of the path → status and JSON; anything else is answered with 200 and an empty object."""

LOCALHOST = "127.0.0.1"
TIMEOUT = 30.0
"""Seconds that a connection may be silent."""


@dataclass(frozen=True)
class Received:
    """One request: ``body`` is decompressed, ``headers`` by lower-case name."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        """The body's lines, each of them JSON."""
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass
class Backend:
    """Listens on three free ports of this machine from its creation to its `close`.

    ``folder`` gets the certificate that clients have to trust for TLS.
    """

    folder: Path
    answers: Answers
    requests: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        authority = trustme.CA()
        self.certificate = self.folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self.certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(LOCALHOST, "localhost").configure_cert(context)
        self._plain, self._encrypted = self._listen(), self._listen()
        self._encrypted.socket = context.wrap_socket(self._encrypted.socket, server_side=True)
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagrams.bind((LOCALHOST, 0))
        self._threads = [threading.Thread(target=each.serve_forever, args=(0.02,)) for each in self._servers]
        for thread in self._threads:
            thread.start()

    @property
    def places(self) -> dict[str, str]:
        """Names for its addresses, each as ``host:port``, and for the certificate's path."""
        plain, encrypted, datagrams = (
            f"{LOCALHOST}:{each.getsockname()[1]}"
            for each in (self._plain.socket, self._encrypted.socket, self._datagrams)
        )
        return {"{http}": plain, "{https}": encrypted, "{udp}": datagrams, "{certificate}": str(self.certificate)}

    def close(self) -> list[bytes]:
        """Stops listening; gives the datagrams that came."""
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()
        datagrams = []
        with self._datagrams:
            while True:
                try:
                    datagrams.append(self._datagrams.recv(1 << 16, socket.MSG_DONTWAIT))
                except BlockingIOError:
                    return datagrams

    @property
    def _servers(self) -> tuple[ThreadingHTTPServer, ThreadingHTTPServer]:
        return self._plain, self._encrypted

    def _listen(self) -> ThreadingHTTPServer:
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = TIMEOUT

            def answer(self) -> None:
                backend.answer(self)

            do_GET = do_POST = do_PUT = answer  # noqa: N815 - http.server's names

            def log_message(self, format: str, *arguments: object) -> None: ...  # noqa: A002 - its signature

        server = ThreadingHTTPServer((LOCALHOST, 0), Handler)
        server.daemon_threads = True
        return server

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Records a request and answers it."""
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = _read_chunks(handler) if "transfer-encoding" in headers else handler.rfile.read(_length(headers))
        if body.startswith(b"\x1f\x8b"):
            body = gzip.decompress(body)
        self.requests.append(Received(handler.command, handler.path, headers, body))
        found = [answer for part, answer in self.answers.items() if part in handler.path]
        status, content = found[0] if found else (200, {})
        text = json.dumps(content).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)


def _length(headers: Mapping[str, str]) -> int:
    return int(headers.get("content-length", "0"))


def _read_chunks(handler: BaseHTTPRequestHandler) -> bytes:
    body = b""
    while size := int(handler.rfile.readline(), 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


def by_path(requests: Iterable[Received]) -> dict[str, list[Any]]:
    """The JSON that was sent to each path: libraries send from threads, in no certain order."""
    found: dict[str, list[Any]] = {}
    for request in sorted(requests, key=lambda each: each.path):
        found.setdefault(request.path, []).append(request.json)
    return found


START_SCRIPT = re.compile(r"(\S*/python/)?bootstrap(\.py)?\b")
"""What Lambda executes, and its stack frames begin in: ``/var/runtime/bootstrap.py``, and the layer's ``bootstrap``."""
VARIES = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\b[0-9A-Fa-f]{10,}\b"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?|0x[0-9a-f]+|\d+(\.\d+)?"
)
"""Identifiers, times, addresses, durations."""


def normalised(report: object, without: frozenset[str] = frozenset()) -> Any:
    """A report without what varies from run to run: numbers are 0, identifiers and times in texts as well.

    ``without`` are keys of objects that are left out.
    """
    match report:
        case dict():
            return {key: normalised(value, without) for key, value in report.items() if key not in without}
        case list() | tuple():
            return [normalised(value, without) for value in report]
        case str():
            return VARIES.sub("0", START_SCRIPT.sub("bootstrap", report))
        case bool() | None:
            return report
        case int() | float():
            return 0
    raise TypeError(f"{type(report).__name__} is not in JSON")
