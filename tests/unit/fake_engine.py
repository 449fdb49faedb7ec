"""A container engine to order: it knows images by name, imports and builds them, and runs nothing."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from builder.platform import this_machine

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[this_machine().machine]


class FakeEngine:
    """What it has, what it was asked, and what becomes of a Dockerfile."""

    def __init__(self) -> None:
        self.images: set[str] = set()
        self.requests: list[str] = []
        """Method and path of each, without the API's version."""
        self.build: list[dict[str, Any]] = [{"stream": "Successfully built 1"}]
        """The lines that it says about a build; one of an error makes that fail."""

    @property
    def asked_for(self) -> list[str]:
        """What would change something."""
        return [request for request in self.requests if not request.startswith("GET ")]

    def answer(self, method: str, path: str, query: dict[str, list[str]]) -> tuple[int, list[Any]]:
        """Status, and what each line of the answer is as JSON."""
        lines: list[Any] = []
        status = 200
        match path.strip("/").split("/"):
            case ["version"]:
                lines = [{"ApiVersion": "1.41"}]
            case ["containers" | "images", "json"]:
                lines = [[]]
            case ["images", "create"]:
                lines = [{"status": "sha256:imported"}]
            case ["images", _, "tag"]:
                self.images.add(f"{query['repo'][0]}:{query['tag'][0]}")
                status = 201
            case ["images", *name, "json"] if "/".join(name) in self.images:
                lines = [{"Id": "1", "Architecture": ARCHITECTURE}]
            case ["images", *name, "json"]:
                status, lines = 404, [{"message": f"No such image: {'/'.join(name)}"}]
            case ["build"]:
                if not any("error" in line for line in self.build):
                    self.images.add(query["t"][0])
                lines = self.build
            case _:
                status, lines = 500, [{"message": f"{method} {path} is beyond it"}]
        return status, lines


@contextmanager
def run_engine(socket: Path) -> Iterator[FakeEngine]:
    """One that answers at a socket."""
    engine = FakeEngine()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            address = urlsplit(self.path)
            path = unquote(address.path).removeprefix("/v1.41")
            engine.requests.append(f"{self.command} {path}")
            status, lines = engine.answer(self.command, path, parse_qs(address.query))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")  # by which the SDK tells lines that come one by one
            self.send_header("Connection", "close")
            self.end_headers()
            for chunk in (*(json.dumps(line) for line in lines), ""):
                self.wfile.write(f"{len(chunk):x}\r\n{chunk}\r\n".encode("ascii"))

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class calls it so)
            pass

    class Server(ThreadingMixIn, UnixStreamServer):
        daemon_threads = True

    with Server(str(socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield engine
        finally:
            server.shutdown()
            thread.join()
