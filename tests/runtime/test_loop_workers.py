"""Lambda Managed Instances: many invocations at once, each in a process of its own."""

import fcntl
import json
import os
import random
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fakes import is_running, wait_until
from tools.support.fake_api import BOOTSTRAP, SAFETY_NET, Loop, event
from tools.support.slots_api import Invocation, SlotsApi

PID = "import os, time\ndef handler(event, context):\n    time.sleep(event)\n    return os.getpid()\n"
FOREVER = 3600


@dataclass
class Environment:
    """An execution environment with some slots: its Runtime API, and the process that Lambda would have started."""

    api: SlotsApi
    process: "subprocess.Popen[bytes]"
    slots: int
    folder: Path
    _ended: list[int] = field(default_factory=list)

    def ready(self) -> "Environment":
        self.api.wait_for_slots(self.slots, SAFETY_NET)
        return self

    def invoke(self, *events: object) -> list[Invocation]:
        """Hands all in at once, and waits for their answers."""
        invocations = [self.api.submit(each) for each in events]
        for each in invocations:
            assert each.done.wait(SAFETY_NET)
        return invocations

    def answers(self, *events: object) -> list[Any]:
        invocations = self.invoke(*events)
        assert not any(each.is_error for each in invocations), [each.answer for each in invocations]
        return [each.answer for each in invocations]

    @property
    def workers(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in path.read_text(encoding="ascii").split()]

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text(encoding="utf-8")

    def terminate(self) -> int:
        self.process.terminate()
        return self.process.wait(SAFETY_NET)


Start = Callable[..., Environment]


@pytest.fixture
def start(interpreter: str, tmp_path: Path) -> Iterator[Start]:
    """Starts an environment with a function; at the end, nothing that it sent may have been wrong."""
    with ExitStack() as stack:

        def begin(code: str, slots: object = 2, **variables: str) -> Environment:
            task = tmp_path / "task"
            task.mkdir()
            (task / "function.py").write_text(code, encoding="utf-8")
            api = SlotsApi()
            stack.callback(api.close)
            given = {
                "PATH": os.environ["PATH"],
                "LAMBDA_TASK_ROOT": str(task),
                "AWS_LAMBDA_RUNTIME_API": api.endpoint,
                "AWS_LAMBDA_MAX_CONCURRENCY": str(slots),
                "PYTHONDONTWRITEBYTECODE": "1",
                "_HANDLER": "function.handler",
                **variables,
            }
            with (tmp_path / "stdout").open("wb") as out, (tmp_path / "stderr").open("wb") as err:
                process = subprocess.Popen(
                    [interpreter, "-SPu", str(BOOTSTRAP)],
                    env=given,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    process_group=0,
                )
            stack.callback(_end, process)
            return Environment(api, process, slots if isinstance(slots, int) else 0, tmp_path)

        yield begin


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("preload", ["", "1"])
@pytest.mark.parametrize("slots", [1, 2, 16])
def test_as_many_invocations_as_slots_run_at_once_each_in_a_process_of_its_own(
    start: Start, slots: int, preload: str
) -> None:
    running = start(PID, slots, LAMBDA_WORKER_PRELOAD=preload).ready()
    pids = running.answers(*[0.3] * slots)
    assert sorted(pids) == sorted(running.workers)
    assert running.process.pid not in pids
    assert running.api.problems == []
    assert running.terminate() == 0
    assert (running.stdout, running.stderr) == ("", "")


IMPORTED = "import os\nprint(os.getpid(), os.getppid())\ndef handler(event, context): return os.getpid()\n"


def test_the_function_is_imported_in_each_worker_and_never_in_the_parent(start: Start) -> None:
    running = start(IMPORTED, 3).ready()
    assert {line.split()[1] for line in running.stdout.splitlines()} == {str(running.process.pid)}
    assert len(set(running.stdout.splitlines())) == 3


def test_with_preload_it_is_imported_once_and_in_the_parent(start: Start) -> None:
    running = start(IMPORTED, 3, LAMBDA_WORKER_PRELOAD="1").ready()
    assert running.stdout.split()[0] == str(running.process.pid)
    assert len(running.stdout.splitlines()) == 1


def test_what_most_functions_import_of_the_standard_library_is_imported_once(start: Start) -> None:
    code = "import sys\ndef handler(event, context): return sorted(set(event) & set(sys.modules))\n"
    assert start(code, 1).ready().answers(["http.client", "ssl", "logging"]) == [["http.client", "logging", "ssl"]]


def test_a_file_of_the_functions_that_is_called_like_a_module_of_the_library_is_not_passed_over(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "hmac.py").write_text("whose = 'the function'", encoding="ascii")
    code = "import hmac, sys\ndef handler(event, context): return [hmac.whose, 'ssl' in sys.modules]\n"
    assert start(code, 1, PYTHONPATH=str(tmp_path)).ready().answers({}) == [["the function", False]]


def test_records_of_workers_have_their_invocations_id(start: Start) -> None:
    code = "import logging\ndef handler(event, context): logging.warning(event)\n"
    running = start(code, 2).ready()
    running.answers("a", "b")
    lines = sorted(line.split("\t") for line in running.stdout.splitlines())
    assert sorted((line[0], *line[2:]) for line in lines) == [
        ("[WARNING]", "request-1", "a"),
        ("[WARNING]", "request-2", "b"),
    ]


def test_preloaded_workers_have_their_own_random_numbers_names_and_event_loops(start: Start) -> None:
    code = """
import asyncio, os, random, tempfile
tempfile.mktemp()
async def handler(event, context):
    await asyncio.sleep(event)
    return [random.random(), tempfile.mktemp(), os.getpid()]
"""
    answers = start(code, 2, LAMBDA_WORKER_PRELOAD="1").ready().answers(0.2, 0.2)
    assert all(first != second for first, second in zip(*answers, strict=True))


def test_threads_that_an_import_leaves_running_are_told_with_their_names(start: Start) -> None:
    code = (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(3600,), name='flusher', daemon=True).start()"
    )
    running = start(f"{code}\n{PID}", 2, LAMBDA_WORKER_PRELOAD="1").ready()
    (line,) = running.stderr.splitlines()
    assert line.startswith("[ERROR] LAMBDA_WORKER_PRELOAD: no worker will have the threads")
    assert line.endswith(": flusher")
    assert len(set(running.answers(0.2, 0.2))) == 2


@pytest.mark.parametrize("preload", ["", "1"])
def test_a_worker_that_is_killed_is_answered_for_at_once_and_replaced(start: Start, preload: str) -> None:
    code = "import os, time\ndef handler(event, context):\n    print(os.getpid())\n    time.sleep(event)\n"
    running = start(code, 2, LAMBDA_WORKER_PRELOAD=preload).ready()
    before = running.workers
    lost = running.api.submit(FOREVER)
    wait_until(lambda: running.stdout.endswith("\n"))
    victim = int(running.stdout)
    os.kill(victim, signal.SIGKILL)
    assert lost.done.wait(SAFETY_NET)
    assert lost.answer == {
        "errorMessage": "The process that handled the invocation was killed by signal 9 (Killed)",
        "errorType": "Runtime.ExitError",
        "requestId": lost.request_id,
        "stackTrace": [],
    }
    running.ready()
    assert len({*before, *running.workers}) == 3
    assert victim not in running.workers
    running.answers(0.2, 0.2)
    assert running.api.problems == []


def test_an_event_for_a_worker_that_died_waiting_goes_to_the_next_one(start: Start) -> None:
    running = start(PID, 1).ready()
    for _ in range(3):
        (pid,) = running.workers
        os.kill(pid, signal.SIGKILL)
        (answer,) = running.answers(0)
        assert answer != pid
    assert running.api.problems == []


def test_of_many_kills_at_random_moments_none_costs_an_invocation_its_answer(start: Start) -> None:
    running = start(PID, 4).ready()
    choose = random.Random(4711)
    invocations = [running.api.submit(0.002) for _ in range(400)]
    kills = 0
    while not all(each.done.is_set() for each in invocations):
        time.sleep(choose.uniform(0, 0.06))
        if len(workers := running.workers) == 4:
            os.kill(choose.choice(workers), signal.SIGKILL)
            kills += 1
    assert kills > 5
    assert not any(each.is_lost for each in invocations)
    # Who was killed while its answer was on its way is answered for as well, and the platform refuses that.
    errors = [each.answer["errorType"] for each in invocations if each.is_error]
    assert errors == ["Runtime.ExitError"] * len(errors)
    assert len(errors) <= kills
    assert running.api.problems == []


EXITS = {
    "os._exit(3)": "The process that handled the invocation ended with exit code 3",
    "sys.exit(4)": "The function left its process: SystemExit(4)",
    "os.abort()": "The process that handled the invocation was killed by signal 6 (Aborted)",
}


@pytest.mark.parametrize("statement", EXITS)
def test_a_handler_that_ends_its_process_is_answered_for_once(start: Start, statement: str) -> None:
    code = f"import os, sys\ndef handler(event, context):\n    if event: {statement}\n    return os.getpid()\n"
    running = start(code, 1).ready()
    first, broken, second = running.invoke(0, 1, 0)
    assert (broken.answer["errorType"], broken.answer["errorMessage"]) == ("Runtime.ExitError", EXITS[statement])
    assert len(broken.answers) == 1
    assert first.answer != second.answer


def test_a_handler_that_leaves_every_time_is_replaced_every_time(start: Start) -> None:
    running = start("import sys\ndef handler(event, context): sys.exit(1)\n", 1).ready()
    errors = [invocation.answer["errorType"] for invocation in running.invoke(*range(12))]
    assert errors == ["Runtime.ExitError"] * 12


def test_a_function_that_cannot_be_loaded_is_told_once_and_ends_the_environment(start: Start) -> None:
    running = start("import missing", 3)
    assert running.process.wait(SAFETY_NET) == 1
    assert [each["errorType"] for each in running.api.init_errors] == ["Runtime.ImportModuleError"] * 3
    assert running.stdout.count("Runtime.ImportModuleError") == 3
    assert "Runtime API" not in running.stderr  # 403 to the second and the third is no news.
    assert running.stderr.endswith("No worker is left, and all slots are given up\n")


def test_with_preload_there_is_one_such_error(start: Start) -> None:
    running = start("import missing", 3, LAMBDA_WORKER_PRELOAD="1")
    assert running.process.wait(SAFETY_NET) == 1
    assert len(running.api.init_errors) == 1


def test_a_function_that_ends_its_process_at_the_import_is_given_up(start: Start) -> None:
    running = start("import os\nos._exit(3)", 1)
    assert running.process.wait(SAFETY_NET) == 1
    assert [each["errorType"] for each in running.api.init_errors] == ["Runtime.ExitError"]
    lines = running.stderr.splitlines()
    assert sum("ended with exit code 3" in line for line in lines) == 8
    assert lines[-2].endswith("; its slot is given up")


@pytest.mark.parametrize("limit", ["0", "-1", "two", "1.5", " 2", "\u0663", "1601", "9" * 5000])
def test_a_limit_that_is_no_number_is_told(start: Start, limit: str) -> None:
    running = start(PID, limit)
    assert running.process.wait(SAFETY_NET) == 1
    assert running.stderr == f"[ERROR] AWS_LAMBDA_MAX_CONCURRENCY is {limit!r}, which is no number from 1 to 1600\n"


@pytest.mark.parametrize("grace", ["-1", "soon", "nan", "inf"])
def test_a_grace_that_is_no_number_is_told(start: Start, grace: str) -> None:
    running = start(PID, LAMBDA_WORKER_GRACE_SECONDS=grace)
    assert running.process.wait(SAFETY_NET) == 1
    assert running.stderr == f"[ERROR] LAMBDA_WORKER_GRACE_SECONDS is {grace!r}, which is no number of seconds\n"


NO_FORK = """
import errno, posix
fork, left = posix.fork, [{count}]
def fail():
    left[0] -= 1
    if left[0] >= 0: raise OSError(errno.{error}, "no")
    return fork()
posix.fork = fail
"""


@pytest.mark.parametrize("error", ["EAGAIN", "ENOMEM"])
def test_a_fork_that_fails_is_told_and_tried_again(start: Start, tmp_path: Path, error: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_FORK.format(count=3, error=error), encoding="ascii")
    running = start(PID, 2, PYTHONPATH=str(tmp_path)).ready()
    assert running.stderr.count("cannot be started: no") == 3
    assert len(set(running.answers(0.2, 0.2))) == 2


def test_when_no_fork_succeeds_the_environment_ends(start: Start, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_FORK.format(count=10**6, error="EAGAIN"), encoding="ascii")
    running = start(PID, 1, PYTHONPATH=str(tmp_path))
    assert running.process.wait(SAFETY_NET) == 1
    assert [each["errorType"] for each in running.api.init_errors] == ["Runtime.ExitError"]


HARMS = {
    "forks": "if not os.fork(): return 'of the child'\n    os.wait()",
    "closes descriptors": "os.closerange(3, 1024)",
    "takes handlers away": "[signal.signal(n, signal.SIG_IGN) for n in signal.valid_signals() - {9, 19}]",
    "closes its pipe and opens others": "os.closerange(3, 1024); kept.extend(os.pipe() for _ in range(8))",
    "has children reaped": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "rings an alarm": "signal.signal(signal.SIGALRM, ring); signal.setitimer(signal.ITIMER_REAL, 0.01)",
}


@pytest.mark.parametrize("preload", ["", "1"])
@pytest.mark.parametrize("harm", HARMS)
def test_a_handler_may_do_harm_to_its_process(start: Start, harm: str, preload: str) -> None:
    code = f"""
import os, signal
kept = []
def ring(*_): raise ValueError("ring")
def handler(event, context):
    {HARMS[harm]}
    return os.getpid()
"""
    running = start(code, 1, LAMBDA_WORKER_PRELOAD=preload).ready()
    answers = []
    for _ in range(3):
        answers += running.answers({})
        running.ready()
        time.sleep(0.03)
    assert answers == running.workers * 3
    assert running.api.problems == []
    began = time.monotonic()
    assert running.terminate() == 0
    assert time.monotonic() - began < 5


def test_sigterm_reaches_every_worker_and_the_parent_waits_for_them(start: Start) -> None:
    code = f"import atexit, os, time\natexit.register(lambda: (time.sleep(0.1), print('bye', os.getpid())))\n{PID}"
    running = start(code, 3, LAMBDA_GRACEFUL_SHUTDOWN="1").ready()
    workers = running.workers
    assert running.terminate() == 0
    assert sorted(running.stdout.splitlines()) == sorted(f"bye {pid}" for pid in workers)
    assert running.stderr == ""


def test_atexit_callbacks_of_a_preloaded_function_do_not_run_in_the_parent(start: Start) -> None:
    code = f"import atexit, os\natexit.register(lambda: print('bye', os.getpid()))\n{PID}"
    running = start(code, 2, LAMBDA_WORKER_PRELOAD="1").ready()
    workers = running.workers
    assert running.terminate() == 0
    assert sorted(running.stdout.splitlines()) == sorted(f"bye {pid}" for pid in workers)


def test_a_lock_that_others_keep_on_a_device_stops_no_output(start: Start) -> None:
    """Docker's daemon has such a lock on /dev/null."""
    whole = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
    with Path("/dev/null").open("rb") as null:
        fcntl.fcntl(null, fcntl.F_OFD_SETLK, whole)
        code = f"""
import os
os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
{PID.replace("return", "print('told'); return")}"""
        running = start(code, 2).ready()
        assert set(running.answers(*[0.1] * 4)) <= set(running.workers)


def test_what_does_not_end_after_sigterm_is_killed(start: Start) -> None:
    running = start(f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{PID}", 2).ready()
    workers = running.workers
    assert running.terminate() == 0
    wait_until(lambda: not any(map(is_running, workers)))


def test_a_refused_request_for_an_invocation_is_made_again(start: Start) -> None:
    running = start(PID, 1)
    running.api.failing_next = 3
    running.ready()
    assert running.answers(0) == running.workers


def test_a_platform_that_goes_on_refusing_is_the_end_of_the_environment(start: Start) -> None:
    running = start(PID, 1, LAMBDA_WORKER_PRELOAD="1")
    running.api.failing_next = 10**6
    assert running.process.wait(SAFETY_NET) == 1
    assert running.stderr.count("ended with exit code 1") == 8
    assert running.api.init_errors == []


def test_an_answer_that_comes_too_late_is_a_warning(start: Start) -> None:
    running = start(PID, 1).ready()
    running.api.submit(0, is_late=True)
    running.answers(0)
    (line,) = running.stderr.splitlines()
    assert line.startswith("[WARNING] ")
    assert "it came too late, the invocation had timed out" in line


def test_a_worker_far_past_its_deadline_is_replaced(start: Start) -> None:
    running = start(PID, 1, LAMBDA_WORKER_GRACE_SECONDS="0.3").ready()
    (before,) = running.workers
    soon = int(time.time() * 1000) + 100
    running.api.submit(FOREVER, deadline_in_ms=soon, is_late=True)
    wait_until(lambda: running.workers not in ([], [before]))
    assert time.time() * 1000 > soon + 300
    assert "was killed: LAMBDA_WORKER_GRACE_SECONDS after its invocation's deadline" in running.stderr
    running.ready()
    assert running.answers(0) == running.workers


def test_a_response_may_be_streamed(start: Start) -> None:
    running = start("def handler(event, context):\n    yield from event\n", 1).ready()
    for _ in range(2):
        (invocation,) = running.invoke(["a", "bc"])
        assert invocation.answers == [("response", b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n")]


LINES = """
import sys
def handler(event, context):
    for _ in range(event["count"]):
        print(event["letter"] * event["length"])
        print(event["letter"], "b", "c", file=sys.stderr)
    print("end", end="")
"""


def test_lines_of_several_workers_stay_whole_whatever_their_length(start: Start) -> None:
    running = start(LINES, 4).ready()
    running.invoke(*({"letter": letter, "length": 20_000, "count": 50} for letter in "klmn"))
    lines = running.stdout.replace("end", "").splitlines()
    assert sorted(lines) == sorted(letter * 20_000 for letter in "klmn" for _ in range(50))
    assert sorted(running.stderr.splitlines()) == sorted(f"{letter} b c" for letter in "klmn" for _ in range(50))
    assert running.stdout.endswith("end")


def test_with_the_platforms_socket_each_worker_has_streams_of_its_own(start: Start, tmp_path: Path) -> None:
    received: list[list[bytes]] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "log"))
        listener.listen()

        def collect() -> None:
            while True:
                connection, _ = listener.accept()
                received.append([])
                threading.Thread(target=read, args=(connection, received[-1]), daemon=True).start()

        def read(connection: socket.socket, pieces: list[bytes]) -> None:
            with connection:
                while data := connection.recv(65536):
                    pieces.append(data)

        threading.Thread(target=collect, daemon=True).start()
        running = start(LINES, 3, _LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET=str(tmp_path / "log")).ready()
        running.invoke(*({"letter": letter, "length": 20_000, "count": 20} for letter in "kl"))
        assert running.terminate() == 0
        assert len(received) == 6
        texts = [b"".join(pieces) for pieces in received]
        assert (running.stdout, running.stderr) == ("", "")
        assert b"".join(sorted(texts)).count(b"k" * 20_000) == 20
        assert all(len(set(text.replace(b"end", b"").replace(b"\n", b""))) <= 1 for text in texts if b"b c" not in text)


def test_a_socket_of_the_platforms_that_refuses_is_told(start: Start, tmp_path: Path) -> None:
    path = str(tmp_path / "none")
    running = start(PID, 2, _LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET=path).ready()
    assert len(set(running.answers(0.2, 0.2))) == 2
    assert running.stderr.count(f"_LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET is {path!r}, which cannot be reached") == 2


def test_the_parent_tells_how_many_workers_there_are_as_the_managed_runtime_does(start: Start) -> None:
    variables = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "DEBUG"}
    running = start(PID, 3, **variables).ready()
    (line,) = running.stdout.splitlines()
    record = json.loads(line)
    assert record.pop("timestamp")
    event = "runtime_worker_pool_initializing"
    assert record == {
        "level": "DEBUG",
        "message": {"event": event, "workerCount": 3, "executionEnvironmentMaxConcurrency": 3},
        "logger": "root",
        "requestId": "",
    }


def test_without_the_variable_nothing_of_this_is_imported(loop: Loop) -> None:
    code = "import sys\ndef handler(event, context): return sorted(set(event) & set(sys.modules))\n"
    names = ["layer_runtime.workers", "layer_runtime.slot", "layer_runtime.shared_output", "mmap", "select"]
    assert loop(code, event([*names, "layer_runtime.loop"])).result == ["layer_runtime.loop"]
