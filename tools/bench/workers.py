"""Many invocations at once, as on Lambda Managed Instances: memory and throughput of the workers, and a soak of them.

A Runtime API that gives an event to whoever asks, on one processor; the workers share another.
"""

import os
import random
import select
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from builder.context import cache_folder
from tools.bench.api import ACCEPTED, event_bytes, pages_kib
from tools.bench.files import Unavailable
from tools.bench.report import report
from tools.bench.soak import FUNCTION, KINDS
from tools.bench.subjects import DIRECT, OURS, THREADED, Subject, Workspace
from tools.support.slots_api import Invocation, SlotsApi
from tools.support.wheels import AMAZON_LINUX_2023, cached_wheels

PRELOADED = f"{OURS}, preloaded"
TIMEOUT = 60.0
"""Seconds in which all slots have to ask for an event, or one event to be answered."""
WARM_UP = 0.5
"""Seconds of load before it is measured."""
IMPORTS_BOTO3 = """
import os, time
import boto3
def handler(event, context):
    time.sleep(event)
    return os.getpid()
"""


def contestants(workspace: Workspace, slots: int) -> list[Subject]:
    """Ours in both ways of importing, awslambdaric in both ways of waiting."""
    named = {each.name: each for each in workspace.subjects()}
    limit = {"AWS_LAMBDA_MAX_CONCURRENCY": str(slots)}
    ours = named[OURS]
    return [
        Subject(OURS, ours.command, {**ours.variables, **limit}),
        Subject(PRELOADED, ours.command, {**ours.variables, **limit, "LAMBDA_WORKER_PRELOAD": "1"}),
        *(Subject(name, named[name].command, {**named[name].variables, **limit}) for name in (THREADED, DIRECT)),
    ]


@contextmanager
def _running(
    workspace: Workspace, subject: Subject, endpoint: str, processors: set[int] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        subject.command,
        env=workspace.variables(subject, endpoint),
        cwd=workspace.root / "task",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
        preexec_fn=None if processors is None else lambda: os.sched_setaffinity(0, processors),  # noqa: PLW1509
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _family(pid: int) -> list[int]:
    """The parent and its workers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *map(int, children)]


def _pss_kib(pid: int) -> int:
    """Memory of the parent and its workers in KiB, with what they share counted once; workers may be killed meanwhile.

    Raises:
        Unavailable: the parent has ended.
    """
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        with suppress(FileNotFoundError, ProcessLookupError):
            return sum(pages_kib(each)["Pss"] for each in _family(pid))
        time.sleep(0.01)
    raise Unavailable(f"workers: process {pid} has ended")


def worker_memory(workspace: Workspace, slots: int, rounds: int) -> dict[str, Any]:
    """Memory (PSS) of all processes of an environment whose function imports boto3, after one invocation in each."""
    (workspace.root / "task" / "function.py").write_text(IMPORTS_BOTO3, encoding="utf-8")
    libraries = str(cached_wheels("functions", str(workspace.python), cache_folder(), AMAZON_LINUX_2023))
    samples: dict[str, list[float]] = {}
    for _ in range(rounds):
        for each in contestants(workspace, slots):
            path = os.pathsep.join(filter(None, (each.variables.get("PYTHONPATH"), libraries)))
            subject = Subject(each.name, each.command, {**each.variables, "PYTHONPATH": path})
            api = SlotsApi()
            with _running(workspace, subject, api.endpoint) as process:
                try:
                    api.wait_for_slots(slots, TIMEOUT)
                    _finish([api.submit(0.5) for _ in range(slots)])
                    api.wait_for_slots(slots, TIMEOUT)
                    samples.setdefault(each.name, []).append(_pss_kib(process.pid) / 1024)
                finally:
                    api.close()
    return report(f"memory of {slots} workers with boto3, and their parent", "MiB, PSS", samples)


def _finish(invocations: list[Invocation]) -> None:
    for each in invocations:
        if not each.done.wait(TIMEOUT):
            raise Unavailable(f"workers: {each.request_id} has no answer after {TIMEOUT:.0f} s")


def throughput(workspace: Workspace, slots: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Time per invocation when every slot has one all the time: elapsed, and processor time of all processes."""
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        raise Unavailable("workers: two processors are needed, one of them for the Runtime API")
    elapsed: dict[str, list[float]] = {}
    busy: dict[str, list[float]] = {}
    os.sched_setaffinity(0, {processors[0]})
    try:
        for _ in range(rounds):
            for each in contestants(workspace, slots):
                whole, own = _load(workspace, each, slots, seconds, processors[1])
                elapsed.setdefault(each.name, []).append(whole * 1e6)
                busy.setdefault(each.name, []).append(own * 1e6)
    finally:
        os.sched_setaffinity(0, processors)
    more = {"processor": {name: statistics.median(values) for name, values in busy.items()}}
    return report(f"{slots} slots under full load: time per invocation", "µs", elapsed, more)


def _load(workspace: Workspace, subject: Subject, slots: int, seconds: float, processor: int) -> tuple[float, float]:
    """Seconds per invocation, elapsed and of processor time."""
    with _Server() as server, _running(workspace, subject, server.endpoint, {processor}) as process:
        server.serve_until(lambda: server.asked >= 2 * slots)
        server.serve_for(WARM_UP)
        count, began, busy = server.answered, time.perf_counter(), _processor_seconds(process.pid)
        server.serve_for(seconds)
        count = server.answered - count
        return (time.perf_counter() - began) / count, (_processor_seconds(process.pid) - busy) / count


class _Server:
    """A Runtime API that does as little as possible: whoever asks gets the same event, at once."""

    def __init__(self) -> None:
        self.asked = self.answered = 0
        self._event = event_bytes()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.endpoint = "{}:{}".format(*self._listener.getsockname())
        self._epoll = select.epoll()
        self._epoll.register(self._listener, select.EPOLLIN)
        self._connections: dict[int, socket.socket] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._epoll.close()
        for each in (self._listener, *self._connections.values()):
            each.close()

    def serve_for(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        self.serve_until(lambda: time.perf_counter() > end)

    def serve_until(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            ready = self._epoll.poll(TIMEOUT)
            if not ready:
                raise Unavailable(f"workers: no request for {TIMEOUT:.0f} s")
            for number, _ in ready:
                if number == self._listener.fileno():
                    connection, _ = self._listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._connections[connection.fileno()] = connection
                    self._epoll.register(connection, select.EPOLLIN)
                else:
                    self._answer(number, self._connections[number])

    def _answer(self, number: int, connection: socket.socket) -> None:
        data = connection.recv(65536)
        if data.startswith(b"GET"):
            self.asked += 1
            connection.sendall(self._event)
        elif data:
            while not _is_whole(data):
                data += connection.recv(65536)
            self.answered += 1
            connection.sendall(ACCEPTED)
        else:
            self._epoll.unregister(number)
            self._connections.pop(number).close()


def _is_whole(data: bytes) -> bool:
    head, _, body = data.partition(b"\r\n\r\n")
    return len(body) >= int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


def _processor_seconds(pid: int) -> float:
    """Of the parent and its workers; the clock's id is that of clock_getcpuclockid(3)."""
    return sum(time.clock_gettime((~each << 3) | 2) for each in _family(pid))


def soak_workers(workspace: Workspace, count: int, slots: int, kills: int) -> dict[str, Any]:
    """Runs ``count`` invocations over the slots, and kills workers at random moments meanwhile.

    Raises:
        SystemExit: an invocation was lost, or answered twice, or a request was wrong.
    """
    (workspace.root / "task" / "function.py").write_text(FUNCTION, encoding="utf-8")
    left = count - 2 * slots
    settled = max(count // 10, 1)
    memory = 0

    def go_on(_: Invocation) -> None:
        nonlocal left
        if left > 0:
            left -= 1
            api.submit({"kind": KINDS[left % len(KINDS)], "n": 1.5})

    api = SlotsApi(go_on)
    subject = contestants(workspace, slots)[0]
    with _running(workspace, subject, api.endpoint) as process:
        api.wait_for_slots(slots, TIMEOUT)
        for number in range(2 * slots):
            api.submit({"kind": KINDS[number % len(KINDS)], "n": 1.5})
        killed = 0
        silent = time.monotonic()
        so_far = 0
        while len(api.invocations) < count or not all(each.done.is_set() for each in list(api.invocations.values())):
            time.sleep(random.uniform(0, 0.1))  # noqa: S311 - any moment will do
            if (code := process.poll()) is not None:
                raise Unavailable(f"soak: the parent of the workers ended with exit code {code}")
            if not memory and len(api.invocations) > settled:
                memory = _pss_kib(process.pid)
            workers = _family(process.pid)[1:]
            if killed < kills and len(workers) == slots:
                os.kill(random.choice(workers), signal.SIGKILL)  # noqa: S311
                killed += 1
            if len(api.invocations) > so_far:
                so_far, silent = len(api.invocations), time.monotonic()
            elif time.monotonic() - silent > TIMEOUT:
                break
        api.wait_for_slots(slots, TIMEOUT)
        end = _pss_kib(process.pid)
    api.close()
    return _judge(api, slots, killed, memory, end)


def _judge(api: SlotsApi, slots: int, killed: int, memory: int, end: int) -> dict[str, Any]:
    invocations = list(api.invocations.values())
    unanswered = [each.request_id for each in invocations if not each.answers]
    twice = sum(len(each.answers) > 1 for each in invocations)
    failed = [each.answer for each in invocations if each.answers and each.is_error]
    answered_for = sum(each["errorType"] == "Runtime.ExitError" for each in failed)
    if unanswered or api.problems or twice > killed:
        problems = [*(f"{each} has no answer" for each in unanswered), *api.problems][:10]
        raise SystemExit(f"soak: {', '.join(problems) or f'{twice} invocations were answered twice'}")
    return {
        "what": f"{len(invocations)} invocations over {slots} workers, of which {killed} were killed",
        "unit": "KiB, PSS of all",
        "results": {
            OURS: {
                "after a tenth": memory,
                "at the end": end,
                "growth, %": 100 * (end - memory) / memory,
                "answered for": answered_for,
                "refused answers": twice,
                "unanswered": 0,
            }
        },
    }
