"""Real things in small: a web server, a tiny disk, a report that remembers."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import builder
from builder.pins import Archive, Source

ROOT = builder.ROOT
PATIENCE = 300
"""Seconds after which a test fails that would hang; none relies on it, and none measures anything by it."""


class RecordingReport:
    """A `builder.fetch.report.Report` that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.transfers: list[tuple[str, int]] = []
        self.progress: list[int] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    @contextmanager
    def transfer(self, name: str, size: int) -> Iterator[Callable[[int], None]]:
        self.transfers.append((name, size))
        yield self.progress.append


Answer = Callable[[BaseHTTPRequestHandler], None]
"""Writes an answer to a request, right or wrong."""


class FileServer:
    """Gives its ``answers`` one after the other, the last one again and again, and remembers what was asked."""

    def __init__(self, port: int = 0) -> None:
        self.answers: list[Answer] = []
        self.ranges: list[str | None] = []
        """The Range header of each request."""
        self.agents: list[str | None] = []
        self.paths: list[str] = []
        self.closing = threading.Event()
        self._httpd = _QuietServer(("127.0.0.1", port), self._handler())
        self._thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def port(self) -> int:
        return int(self._httpd.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/file"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._httpd.shutdown()
        self._thread.join()
        self._httpd.server_close()

    def hang(self, _: BaseHTTPRequestHandler) -> None:
        """Says nothing for as long as the test runs."""
        self.closing.wait()

    def hang_after(self, content: bytes, count: int) -> Answer:
        """Sends the beginning of a file, then nothing for as long as the test runs."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            cut_after(content, count)(request)
            request.wfile.flush()
            self.closing.wait()

        return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.ranges.append(self.headers["Range"])
                server.agents.append(self.headers["User-Agent"])
                server.paths.append(self.path)
                answers = server.answers
                (answers.pop(0) if len(answers) > 1 else answers[0])(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class calls it so)
                pass

        return Handler


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some tests are about."""


def whole(content: bytes) -> Answer:
    """The file, whatever range was asked for."""
    return cut_after(content, len(content))


def cut_after(content: bytes, count: int) -> Answer:
    """Promises the whole file and hangs up after ``count`` bytes."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content[:count])

    return answer


def rest(content: bytes) -> Answer:
    """The range that was asked for, as a good server gives it."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        start = int((request.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        request.send_response(206)
        request.send_header("Content-Length", str(len(content) - start))
        request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.end_headers()
        request.wfile.write(content[start:])

    return answer


def status(code: int) -> Answer:
    """A refusal."""
    return lambda request: request.send_error(code)


class PrivateMount:
    """Runs Python code where a tmpfs of our own lies over a folder, in a mount namespace that dies with it."""

    def __init__(self) -> None:
        flags = "--mount" if os.geteuid() == 0 else "--map-root-user --mount"
        self._unshare = ("unshare", *flags.split())

    def possible(self) -> bool:
        try:
            done = subprocess.run(
                (*self._unshare, "mount", "-t", "tmpfs", "none", "/mnt"), capture_output=True, check=False
            )
        except FileNotFoundError:
            return False
        return done.returncode == 0

    def run(self, folder: Path, size: str, code: str, *, then: str = "true") -> str:
        """What ``code`` prints with a disk of ``size`` at ``folder``; the shell command ``then`` comes before it."""
        script = f'mount -t tmpfs -o size={size} none "$0" && {then} && exec "$@"'
        command = (*self._unshare, "sh", "-c", script, str(folder), sys.executable, "-c", code, str(folder))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def held_ports(count: int) -> Iterator[list[int]]:
    """Ports of the loopback that are free, and that nobody gets but who asks for them by number.

    They are bound here, and nobody listens: a connection is refused. Another socket with SO_REUSEADDR, which servers
    have, may be bound there as well, and listen.
    """
    with ExitStack() as stack:
        holders = [stack.enter_context(socket.socket()) for _ in range(count)]
        for holder in holders:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", 0))
        yield [int(holder.getsockname()[1]) for holder in holders]


def wait_for_port(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Waits until a server listens; fails the test with its log if it ends, or never does."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args!r} ended:\n{log.read_text(encoding='utf-8')}"
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise AssertionError(f"{process.args!r} did not open its port:\n{log.read_text(encoding='utf-8')}")


def wait_until(happened: Callable[[], object]) -> None:
    """Waits for another process, or thread."""
    limit = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < limit, "it never happened"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether a process is neither gone nor a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "XZ"
    except (FileNotFoundError, ProcessLookupError):
        return False


def a_source(*archives: Archive, name: str = "thing", **fields: Any) -> Source:
    """A source of whatever archives."""
    return Source(name, name, "1.0", "MIT", "https://example.org/", archives, **fields)


def toml(value: Any) -> str:
    """A value as TOML writes it inline; JSON's strings, numbers and lists are TOML's too."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return value.isoformat() if isinstance(value, datetime) else json.dumps(value)
