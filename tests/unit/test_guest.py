"""builder.emulator.guest: what the guest agent does beside an emulator that is none, and what its output means."""

import base64
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from builder.emulator import guest
from tests.unit.fakes import PATIENCE, held_ports, wait_until

BOUNDARY = "the boundary"

LOG = """\
28 Nov 2026 10:37:20,038 [INFO] (rapid) exec '/opt/bootstrap' (cwd=/, handler=function.hello)
28 Nov 2026 10:37:20,551 [INFO] (rapid) INIT RTDONE(status: success)
28 Nov 2026 10:37:20,551 [INFO] (rapid) INIT REPORT(durationMs: 8.093000)
28 Nov 2026 10:37:20,575 [INFO] (rapid) INVOKE RTDONE(status: success, produced bytes: 0, duration: 22.416000ms)
"""
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue"
STATUS = "Name:\tx\nPid:\t{}\nPPid:\t{}\nTracerPid:\t0\nVmHWM:\t    {} kB\n"

EMULATOR = """
import os, signal, socket, sys, time
how, first, last, folder = sys.argv[1:]
with open(folder + "/unfinished", "w") as file:
    file.write(str(os.getpid()))
os.rename(file.name, folder + "/number")
signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGQUIT)]
print("signals", signals == [signal.default_int_handler, signal.SIG_DFL], flush=True)
if how == "leave":
    sys.exit("it cannot be")
if how == "deaf":
    time.sleep(3600)
    sys.exit()
server = socket.create_server(("127.0.0.1", int(last)))
server.settimeout(0.3)
try:
    server.accept()
    sys.exit("the last port before the first")
except TimeoutError:
    server.settimeout(None)
runtime_api = socket.create_server(("127.0.0.1", int(first)))
connection, _ = server.accept()
request = b""
while not request.endswith(b"the end"):
    request += connection.recv(1 << 16)
open(folder + "/received", "wb").write(request)
if how == "mute":
    time.sleep(3600)
    sys.exit()
print("while it runs", flush=True)
while not os.path.exists(folder + "/go on"):
    time.sleep(0.01)
print("in its log", file=sys.stderr, flush=True)
body = bytes(range(256)) * 4000
connection.sendall(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
connection.sendall(b"%x\\r\\n%s\\r\\n0\\r\\n\\r\\n" % (len(body), body))
connection.close()
time.sleep(3600)
"""
BODY = bytes(range(256)) * 4000


def report(response: bytes = RESPONSE, processes: str = "", log: str = LOG) -> bytes:
    """The agent's standard error, if the emulator is process 10."""
    return f"{log}\n{BOUNDARY}\n10\n{base64.b64encode(response).decode()}\n{processes}\n".encode()


def test_the_outcome_is_read_from_the_log_and_the_response() -> None:
    assert guest.read_outcome(report(), BOUNDARY) == guest.Outcome("true", False, False, [8.093], [22.416], 0)


@pytest.mark.parametrize(
    "line",
    [
        "[DEBUG] (rapid) API request - POST /2018-06-01/runtime/invocation/7/error, Headers:map[]",
        "[INFO] (rapid) INIT RTDONE(status: error)",
        "[ERROR] (rapid) Invoke failed error=errResetReceived",
        "[ERROR] (rapid) Invoke() timeout",
        "[DEBUG] (rapid) Sending Error Response: Function.ResponseSizeTooLarge",
    ],
)
def test_a_failure_is_read_from_the_log(line: str) -> None:
    outcome = guest.read_outcome(report(log=f"{LOG}{line}\n"), BOUNDARY)
    assert outcome
    assert outcome.failed


@pytest.mark.parametrize(
    "line",
    [
        "Invoke failed, trying again",
        "[DEBUG] (rapid) API request - GET /next, Headers:map[User-Agent:[me (rapid) Invoke failed]]",
        "[INFO] (rapid) exec '/opt/bootstrap' (cwd=/, handler=Sending Error Response: )",
    ],
)
def test_what_only_looks_like_a_failure_is_none(line: str) -> None:
    outcome = guest.read_outcome(report(log=f"{LOG}{line}\n"), BOUNDARY)
    assert outcome
    assert not outcome.failed


def test_a_stream_is_read_from_the_log() -> None:
    line = "[DEBUG] (rapid) API request - POST /2018-06-01/runtime/invocation/7/response, Headers:map[{}A:[a]]\n"
    for header, streamed in (("Lambda-Runtime-Function-Response-Mode:[streaming] ", True), ("", False)):
        outcome = guest.read_outcome(report(log=LOG + line.format(header)), BOUNDARY)
        assert outcome
        assert outcome.streamed == streamed


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("[ERROR] ValueError: no\rTraceback (most recent call last):\r  File", "ValueError: no"),
        ("no end[ERROR] ValueError: no\rmore\rTraceback (most recent call last):", "ValueError: no"),
        ("[ERROR] ValueError: no", ""),
        ("[ERROR]\t2026-11-28T10:37:20.038Z\tid\tno", ""),
        ("Traceback (most recent call last):", ""),
        (
            '{"timestamp": "2026-11-28T10:37:20Z", "level": "ERROR", "errorMessage": "no", "errorType": "E", "a": 1}',
            "E: no",
        ),
        ('{"timestamp":"2026-11-28T10:37:20Z","level":"ERROR","errorMessage":"no","errorType":"E"}', "E: no"),
        ('{"timestamp": "x", "level": "ERROR", "logger": "root", "errorMessage": "no", "errorType": "E"}', ""),
        ('{"timestamp": "x", "level": "ERROR", "message": "of the loop itself"}', ""),
        ('{"timestamp": "x", "level": "ERROR"', ""),
    ],
)
def test_what_stopped_an_invocation_is_read_from_its_record_alone(line: str, error: str) -> None:
    shown: list[str] = []
    log = guest.FunctionLog(shown.append)
    log.feed(f"before\n{line}\nafter\n".encode())
    assert log.error == error
    assert shown == ["before", line, "after"]


def test_a_response_is_one_whatever_its_status() -> None:
    outcome = guest.read_outcome(report(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno"), BOUNDARY)
    assert outcome
    assert outcome.body == "no"


@pytest.mark.parametrize(
    "said",
    [
        LOG.encode(),
        report(b""),
        report(RESPONSE[:-1]),
        report(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nha"),
        f"{LOG}\n{BOUNDARY}\n".encode(),
        f"{LOG}\n{BOUNDARY}\n10\nSFRUUC8xL".encode(),
    ],
)
def test_without_a_whole_response_there_is_no_outcome(said: bytes) -> None:
    assert guest.read_outcome(said, BOUNDARY) is None


def test_memory_is_of_the_processes_below_the_emulator_alone() -> None:
    family = ((1, 0, 1), (10, 1, 20), (12, 11, 400), (11, 10, 8000), (13, 10, 160_000), (14, 1, 3_200_000))
    kernel = "Name:\tkthreadd\nPid:\t2\nPPid:\t0\n"
    outcome = guest.read_outcome(report(processes=kernel.join(STATUS.format(*numbers) for numbers in family)), BOUNDARY)
    assert outcome
    assert outcome.memory == (400 + 8000 + 160_000) * 1024


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_functions_lines_come_whole_without_the_emulators(size: int) -> None:
    number = "388a596c-0dc9-4aba-a7f0-75183a8eb1dd"
    text = (
        f"START RequestId: {number} Version: $LATEST\n\nsnow ☃\nSTART RequestId: mine\nno endEND RequestId: {number}\n"
        f"REPORT RequestId: {number}\tInit Duration: 0.03 ms\tMax Memory Used: 3008 MB\t\nthe last"
    ).encode()
    shown: list[str] = []
    log = guest.FunctionLog(shown.append)
    for start in range(0, len(text), size):
        log.feed(text[start : start + size])
    assert shown == ["", "snow ☃", "START RequestId: mine", "no end"]
    log.end()
    assert shown[4:] == ["the last"]


Agent = Callable[..., "subprocess.Popen[bytes]"]


_OURS = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGQUIT)]
USUAL_SIGNALS = f"signals {[signal.default_int_handler, signal.SIG_DFL] == _OURS}\n".encode()
"""Those of whoever runs the tests: what it ignores, all its processes ignore."""


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """Starts the agent around an emulator of some kind; both end with the test."""
    started: list[subprocess.Popen[bytes]] = []
    shutil.copy(guest.SCRIPT, tmp_path)
    (tmp_path / guest.REQUEST).write_bytes(guest.request(b"\0 \r\n the end"))
    (tmp_path / "emulator.py").write_text(EMULATOR, encoding="utf-8")

    def start(how: str, patience: str = "3600") -> "subprocess.Popen[bytes]":
        emulator: Sequence[str] = (
            sys.executable,
            str(tmp_path / "emulator.py"),
            how,
            str(first),
            str(last),
            str(tmp_path),
        )
        command = ("bash", str(tmp_path / guest.SCRIPT.name), BOUNDARY, f"{first} {last}", "3600", patience, *emulator)
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return started[-1]

    with held_ports(2) as (first, last):
        yield start
    if (tmp_path / "number").exists() and not is_gone(tmp_path):
        os.kill(int((tmp_path / "number").read_text("ascii")), signal.SIGKILL)
    for process in started:
        with process:
            process.kill()


def is_gone(folder: Path) -> bool:
    """The emulator, which has told its number."""
    return not Path("/proc", (folder / "number").read_text("ascii")).exists()


def test_request_and_response_come_through_unchanged_and_output_while_it_runs(agent: Agent, tmp_path: Path) -> None:
    process = agent("answer")
    assert process.stdout
    assert [process.stdout.readline() for _ in range(2)] == [USUAL_SIGNALS, b"while it runs\n"]
    (tmp_path / "go on").touch()
    _, said = process.communicate()
    assert process.returncode == 0
    assert (tmp_path / "received").read_bytes() == guest.request(b"\0 \r\n the end")
    log, _, rest = said.decode().partition(f"\n{BOUNDARY}\n")
    emulator, response, processes = rest.split("\n", 2)
    assert log == "in its log\n"
    assert emulator == (tmp_path / "number").read_text("ascii")
    assert guest._body(base64.b64decode(response)) == BODY
    assert f"\nPid:\t{emulator}\nPPid:\t{process.pid}\n" in processes
    assert is_gone(tmp_path)


def test_an_emulator_that_leaves_is_not_waited_for(agent: Agent, tmp_path: Path) -> None:
    out, said = agent("leave").communicate(timeout=PATIENCE)
    assert (out, said) == (USUAL_SIGNALS, b"it cannot be\n")


def test_an_emulator_that_does_not_answer_is_ended(agent: Agent, tmp_path: Path) -> None:
    _, said = agent("mute", patience="1").communicate(timeout=PATIENCE)  # it would be silent for an hour
    assert f"\n{BOUNDARY}\n".encode() in said
    assert guest.read_outcome(said, BOUNDARY) is None
    assert is_gone(tmp_path)


@pytest.mark.parametrize("how", ["deaf", "mute"])
def test_who_ends_the_agent_ends_the_emulator(agent: Agent, tmp_path: Path, how: str) -> None:
    process = agent(how)
    wait_until((tmp_path / ("received" if how == "mute" else "number")).exists)
    process.terminate()
    process.wait()
    assert process.returncode == -signal.SIGTERM
    wait_until(lambda: is_gone(tmp_path))


def test_a_system_without_the_tools_is_told_by_the_exit_code(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash
    command = (bash, str(guest.SCRIPT), BOUNDARY, "1", "1", "1", "/bin/touch", str(tmp_path / "emulator"))
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, check=False)
    assert done.returncode in guest.MISSING
    assert list(tmp_path.iterdir()) == []


def test_the_agent_is_short_enough_to_be_read() -> None:
    assert len(guest.SCRIPT.read_text(encoding="utf-8").splitlines()) <= 30
