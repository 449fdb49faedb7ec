"""`nox -s invoke` as a process: a function on the built layer, under AWS's emulator, on this machine."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.unit.fakes import PATIENCE, held_ports, wait_until
from tools.support.product import ROOT

pytestmark = pytest.mark.mounts

FUNCTION = """
import os
import sys
import time

def hello(event, context):
    print("said to nobody", file=sys.stderr)
    names = ("GREETING", "LAMBDA_TASK_ROOT", "MALLORY")
    return {
        "event": event,
        "limits": [context.memory_limit_in_mb, 30_000 < context.get_remaining_time_in_millis() <= 60_000],
        "environment": {name: os.environ.get(name) for name in names},
        "prefix": sys.prefix,
        "file": __file__,
    }

def fail(event, context):
    return 1 / 0

def sleep(event, context):
    time.sleep(3600)

def grow(event, context):
    return len(bytearray(b"x") * 300_000_000)

def leave(event, context):
    os._exit(7)

def large(event, context):
    return "x" * 6_291_557

def stream(event, context):
    yield "first"
    if event == "fail":
        raise ValueError("in the middle")
    if event == "leave":
        time.sleep(0.1)
        os._exit(0)
    print("[ERROR] ValueError: caught")
    print("Invoke failed, trying again")
    print("Invoke failed, trying again", file=sys.stderr)
    print("START RequestId: mine", flush=True)
    yield "last"

def many(event, context):
    print("x" * 100_000)
    return "\\N{SNOWMAN}" * 100_000
"""

LONG_TIMEOUT = ("--timeout=60",)
"""On a busy machine three seconds, the default, may be too few to start in."""

Result = tuple[int, str, str]
Invoke = Callable[..., Result]


@pytest.fixture
def command(layer_zip: Path, tmp_path: Path) -> tuple[str, ...]:
    task = tmp_path / "task"
    task.mkdir()
    (task / "function.py").write_text(FUNCTION, encoding="utf-8")
    words = ("--in=host", f"--source={task}", f"--zip={layer_zip}", "--event=-")
    return (sys.executable, "-m", "builder", "invoke", *words)


@pytest.fixture
def invoke(command: tuple[str, ...]) -> Invoke:
    """Exit code, standard output and standard error."""

    def run(function: str, *options: str, event: str = "{}") -> Result:
        words = (*command, f"--handler=function.{function}", *LONG_TIMEOUT, *options)
        environment = {**os.environ, "MALLORY": "1"}
        done = subprocess.run(
            words, cwd=ROOT, env=environment, input=event, capture_output=True, text=True, check=False
        )
        assert "/var/invoke" not in done.stderr  # as in a shell's complaints
        return done.returncode, done.stdout, done.stderr

    return run


def test_the_result_is_on_standard_output_and_log_and_measures_on_the_other(invoke: Invoke, tmp_path: Path) -> None:
    options = ("--env=GREETING=good day=1", "--memory=256")
    code, out, err = invoke("hello", *options, event='{"name": "世界"}')
    assert code == 0, err
    assert json.loads(out) == {
        "event": {"name": "世界"},
        "limits": ["256", True],
        "environment": {"GREETING": "good day=1", "LAMBDA_TASK_ROOT": "/var/task", "MALLORY": None},
        "prefix": "/opt",
        "file": "/var/task/function.py",
    }
    first, measures = err.splitlines()[-2:]  # before them, where the emulator was found, if it had to be
    assert first == "said to nobody"
    found = re.fullmatch(r"  init ([\d.]+) ms, invocation ([\d.]+) ms, (\d+) of 256 MB of memory", measures)
    assert found
    assert all(float(number) > 0 for number in found.groups())
    assert [path.name for path in (tmp_path / "task").iterdir()] == ["function.py"]


def test_an_event_may_be_a_file(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text("[1, 2]", encoding="utf-8")
    code, out, _ = invoke("hello", f"--event={tmp_path / 'event.json'}")
    assert (code, json.loads(out)["event"]) == (0, [1, 2])


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("fail", "ZeroDivisionError: division by zero"),
        ("absent", "Runtime.HandlerNotFound: "),
        ("sleep", "Task timed out after 1.00 seconds"),
        ("grow", "on Lambda it would have been ended at 128"),
        ("leave", "Runtime.ExitError: "),
        ("large", "Function.ResponseSizeTooLarge: "),
    ],
)
def test_what_lambda_would_call_failed_has_an_exit_code(invoke: Invoke, function: str, why: str) -> None:
    code, out, err = invoke(function, *(["--timeout=1"] if function == "sleep" else []))
    assert (code, why in err) == (33, True), err
    assert out


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
def test_a_stream_that_breaks_has_failed_after_what_came_of_it(invoke: Invoke, log_format: str) -> None:
    code, out, err = invoke("stream", f"--env=AWS_LAMBDA_LOG_FORMAT={log_format}", event='"fail"')
    assert (code, out) == (33, "first\n")
    assert "error: The stream of function.stream broke.\n  why: ValueError: in the middle (a caller gets" in err


def test_a_process_that_ends_in_the_middle_of_a_stream_has_failed(invoke: Invoke) -> None:
    code, _, err = invoke("stream", event='"leave"')
    assert (code, "why: Runtime.ExitError: " in err) == (33, True), err


def test_what_a_function_says_is_shown_and_no_failure_whatever_it_looks_like(invoke: Invoke) -> None:
    code, out, err = invoke("stream")
    assert (code, out) == (0, "firstlast\n"), err
    *said, _ = err.splitlines()
    assert sorted(said[-4:]) == [
        "Invoke failed, trying again",
        "Invoke failed, trying again",
        "START RequestId: mine",
        "[ERROR] ValueError: caught",
    ]


def test_long_lines_and_long_results_come_whole(invoke: Invoke) -> None:
    code, out, err = invoke("many")
    assert code == 0
    assert json.loads(out) == "\N{SNOWMAN}" * 100_000
    assert "x" * 100_000 in err.splitlines()


def test_a_port_in_use_is_told(invoke: Invoke) -> None:
    with held_ports(1) as (port,):
        with socket.create_server(("127.0.0.1", port)):
            code, out, err = invoke("hello", f"--port={port}")
        assert (code, out) == (32, "")
        assert f"error: Port {port} is in use." in err
        assert invoke("hello", f"--port={port}")[0] == 0


@pytest.mark.parametrize(
    ("options", "event", "told"),
    [
        (("--source=/nowhere",), "{}", "There is no folder /nowhere."),
        (("--zip=/nowhere.zip",), "{}", "There is no layer /nowhere.zip."),
        (("--event=/nowhere.json",), "", "There is no event in /nowhere.json."),
        ((), "{", "There is no event in -."),
    ],
)
def test_what_is_not_there_is_told(invoke: Invoke, options: tuple[str, ...], event: str, told: str) -> None:
    code, out, err = invoke("hello", *options, event=event)
    assert (code, out) == (31, "")
    assert told in err


def test_with_watch_a_change_is_run_again_even_after_a_failure(command: tuple[str, ...], tmp_path: Path) -> None:
    function, said = tmp_path / "task" / "function.py", tmp_path / "said"
    words = (*command, "--handler=function.hello", "--watch", "--port=0", *LONG_TIMEOUT)
    with said.open("wb") as output:
        process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT)
        assert process.stdin
        process.stdin.write(b"{}")
        process.stdin.close()
        try:
            wait_until(partial(_says, said, "/opt"))
            for code, told in (("1 / 0", "ZeroDivisionError"), ("'third'", "third")):
                function.write_text(f"def hello(event, context):\n    return {code}\n", encoding="utf-8")
                wait_until(partial(_says, said, told))
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            process.wait()


def _says(file: Path, text: str) -> bool:
    return text in file.read_text(encoding="utf-8")
