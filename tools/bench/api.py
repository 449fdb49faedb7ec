"""A Runtime API for one process, with a clock; it adds the same few microseconds to every measurement."""

import json
import os
import select
import signal
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.bench.subjects import Subject, Workspace

EVENT = {
    "version": "2.0",
    "path": "/orders/4711",
    "headers": {f"x-header-{number}": "value" * 4 for number in range(12)},
    "queryStringParameters": {"page": "2", "size": "50"},
    "requestContext": {"accountId": "123456789012", "stage": "prod", "timeEpoch": 1_700_000_000_000},
    "isBase64Encoded": False,
}
ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'
TIMEOUT = 60.0
"""Seconds of silence after which a subject has failed."""


def event_bytes(body: bytes = json.dumps(EVENT).encode()) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
        "Lambda-Runtime-Deadline-Ms: 4102444800000\r\n"
        "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-3:123456789012:function:measured\r\n"
        "Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class SubjectProcess:
    """One subject's process, and the connection on which it sends requests."""

    def __init__(
        self, workspace: Workspace, subject: Subject, prefix: tuple[str, ...] = (), timeout: float = TIMEOUT
    ) -> None:
        self._timeout = timeout
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connection: socket.socket | None = None
        variables = workspace.variables(subject, "{}:{}".format(*self._listener.getsockname()))
        command = (*prefix, *subject.command)
        actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
        os.chdir(variables["LAMBDA_TASK_ROOT"])  # posix_spawn cannot do this.
        self.started = time.perf_counter_ns()
        self.pid = os.posix_spawn(command[0], command, variables, file_actions=actions, setpgroup=0)
        self._end = os.pidfd_open(self.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self.pid, signal.SIGKILL)  # Includes any wrapper that started the program.
        os.waitpid(self.pid, 0)
        os.close(self._end)
        self._listener.close()
        if self._connection:
            self._connection.close()

    def wait_for_request(self) -> bytes:
        """The next request, with its body.

        Raises:
            ConnectionError: the subject has ended.
            TimeoutError: it is silent.
        """
        data = b""
        while not _is_complete(data):
            if self._connection is None:
                self._connection = self._accept()
            more = self._connection.recv(65536)
            if not more:
                self._connection.close()
                self._connection = None
            data += more
        return data

    def _accept(self) -> socket.socket:
        ready, _, _ = select.select((self._listener.fileno(), self._end), (), (), self._timeout)
        if self._listener.fileno() in ready:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(self._timeout)
            return connection
        raise ConnectionError("it has ended") if ready else TimeoutError("timed out")

    def respond(self, data: bytes) -> None:
        assert self._connection is not None, "there was no request"
        self._connection.sendall(data)

    def invoke(self, event: bytes) -> int:
        """Nanoseconds from an event to the request for the next one."""
        start = time.perf_counter_ns()
        self.respond(event)
        post = self.wait_for_request()
        assert post.startswith(b"POST ") and b"/response " in post[:200], post[:2000]  # noqa: PT018
        self.respond(ACCEPTED)
        self.wait_for_request()
        return time.perf_counter_ns() - start

    def resident_kib(self) -> int:
        return resident_kib(self.pid)

    def processor_ns(self) -> int:
        """Nanoseconds of processor time so far, of all threads, including those that have ended.

        The clock's id is computed from the process id as in clock_getcpuclockid(3), which Python does not expose.
        """
        return time.clock_gettime_ns((~self.pid << 3) | 2)


def resident_kib(pid: int) -> int:
    """Resident memory of a process in KiB, counted page by page: the total in ``status`` lags behind."""
    return pages_kib(pid)["Rss"]


def pages_kib(pid: int) -> dict[str, int]:
    """KiB of a process's pages by their kind, as proc_pid_smaps(5) names it: ``Rss``, ``Pss``, ``Anonymous``.

    Raises:
        FileNotFoundError: there is no such process.
        ProcessLookupError: it has ended, and waits for its parent to look.
    """
    return parse_pages(Path("/proc", str(pid), "smaps_rollup").read_text(encoding="ascii"))


def parse_pages(text: str) -> dict[str, int]:
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in text.splitlines()[1:])}


def run_to_exit(subject: Subject) -> tuple[int, int]:
    """Nanoseconds for a program to start and exit: elapsed time and processor time."""
    start = time.perf_counter_ns()
    pid = os.posix_spawn(subject.command[0], subject.command, dict(subject.variables))
    _, status, usage = os.wait4(pid, 0)
    elapsed = time.perf_counter_ns() - start
    assert status == 0, subject.command
    return elapsed, round((usage.ru_utime + usage.ru_stime) * 1e9)


def _is_complete(data: bytes) -> bool:
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return len(body) >= int(rest.partition(b"\r\n")[0]) if found else True
