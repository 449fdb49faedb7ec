"""A fake AWS: a proxy in front of moto that records each request and can reply with an error as AWS would."""

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
"""moto's account."""


@dataclass(frozen=True)
class Request:
    """A request received by the proxy."""

    method: str
    path: str
    region: str

    def writes(self) -> bool:
        return self.method not in ("GET", "HEAD")

    def is_publishing(self) -> bool:
        return self.method == "POST" and re.search(r"/layers/[^/]+/versions$", self.path) is not None


Reply = tuple[int, str | dict[str, Any]]
"""HTTP status, and AWS's error code or a complete JSON body."""


class FakeAws:
    """One endpoint for all services and regions."""

    def __init__(self, moto: str) -> None:
        self.moto = moto
        self.requests: list[Request] = []
        self.intercept: Callable[[Request], Reply | None] = lambda _: None
        """Returns the reply to a request that shall not reach moto; None passes it on."""
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
        """Deletes all resources and forgets all requests."""
        reset = urllib.request.Request(f"{self.moto}/moto-api/reset", method="POST")
        with urllib.request.urlopen(reset) as response:
            assert response.status == 200
        self.requests.clear()
        self.intercept = lambda _: None

    def published_in(self) -> list[str]:
        """The regions of all publish requests, sorted."""
        return sorted(request.region for request in self.requests if request.is_publishing())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def _handler(fake_aws: FakeAws) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # for "100 Continue" and persistent connections

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/", self.headers.get("Authorization", ""))
            request = Request(self.command, urlsplit(self.path).path, scope[1] if scope else "")
            fake_aws.requests.append(request)
            if reply := fake_aws.intercept(request):
                status, content = reply
                if isinstance(content, dict):
                    self._respond(status, {}, json.dumps(content).encode())
                else:
                    text = json.dumps({"message": f"{content} in {request.region}", "Type": "User"}).encode()
                    self._respond(status, {"x-amzn-errortype": content}, text)
                return
            connection = http.client.HTTPConnection(urlsplit(fake_aws.moto).netloc)
            try:
                headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
                connection.request(self.command, self.path, body, headers)
                response = connection.getresponse()
                self._respond(response.status, dict(response.getheaders()), response.read())
            finally:
                connection.close()

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 (the base class's names)

        def _respond(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            length = headers.get("Content-Length", "0") if self.command == "HEAD" else len(body)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
            pass

    return Handler
