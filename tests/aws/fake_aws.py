"""AWS as moto plays it, behind a gate that remembers each request and can refuse it as AWS would."""

import http.client
import json
import re
import threading
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT = "123456789012"
"""Whose moto's resources are."""


@dataclass(frozen=True)
class Request:
    """What came to the gate."""

    method: str
    path: str
    region: str

    def writes(self) -> bool:
        return self.method not in ("GET", "HEAD")

    def is_publishing(self) -> bool:
        return self.method == "POST" and re.search(r"/layers/[^/]+/versions$", self.path) is not None


Refusal = tuple[int, str | dict[str, Any]]
"""HTTP status and AWS's error code, or a whole answer."""


class Cloud:
    """One endpoint for all services and regions."""

    def __init__(self, moto: str) -> None:
        self.moto = moto
        self.requests: list[Request] = []
        self.gate: Callable[[Request], Refusal | None] = lambda _: None
        """Says which requests are refused; the others go to moto."""
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def reset(self) -> None:
        """Nothing was ever published."""
        reset = urllib.request.Request(f"{self.moto}/moto-api/reset", method="POST")
        with urllib.request.urlopen(reset) as answer:
            assert answer.status == 200
        self.requests.clear()
        self.gate = lambda _: None

    def published_in(self) -> list[str]:
        """The regions of all requests to publish, sorted."""
        return sorted(request.region for request in self.requests if request.is_publishing())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def _handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # with it come "100 Continue" and connections that are kept

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/", self.headers.get("Authorization", ""))
            request = Request(self.command, urlsplit(self.path).path, scope[1] if scope else "")
            cloud.requests.append(request)
            if refusal := cloud.gate(request):
                status, answer = refusal
                if isinstance(answer, dict):
                    self._answer(status, {}, json.dumps(answer).encode())
                else:
                    text = json.dumps({"message": f"{answer} in {request.region}", "Type": "User"}).encode()
                    self._answer(status, {"x-amzn-errortype": answer}, text)
                return
            connection = http.client.HTTPConnection(urlsplit(cloud.moto).netloc)
            try:
                headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
                connection.request(self.command, self.path, body, headers)
                given = connection.getresponse()
                self._answer(given.status, dict(given.getheaders()), given.read())
            finally:
                connection.close()

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815 (the base class calls them so)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            length = headers.get("Content-Length", "0") if self.command == "HEAD" else len(body)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class calls it so)
            pass

    return Handler
