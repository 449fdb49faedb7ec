"""`nox -s invoke` with a layer that holds a shell script and nothing else, under AWS's emulator, on this machine."""

import base64
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.emulator.call import ENVIRONMENT
from tests.shell_layer import make_shell_layer
from tools.support.product import ROOT

pytestmark = pytest.mark.mounts

LONG = ("--timeout=60",)
"""On a busy machine three seconds, the default, may be too few to start in."""
SAID = "to standard output\nto standard error\n"

Result = tuple[int, str, str]
Invoke = Callable[..., Result]


@pytest.fixture
def invoke(tmp_path: Path) -> Invoke:
    """Exit code, standard output and standard error."""
    layer, task = make_shell_layer(tmp_path / "layer.zip"), tmp_path / "task"
    task.mkdir()

    def run(handler: str, *options: str, event: str = "{}") -> Result:
        words = (
            "--in=host",
            f"--source={task}",
            f"--zip={layer}",
            "--event=-",
            f"--handler={handler}",
            *LONG,
            *options,
        )
        command = (sys.executable, "-m", "builder", "invoke", *words)
        environment = {**os.environ, "MALLORY": "1", "BASH_ENV": "/nowhere"}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, input=event, capture_output=True, text=True, check=False
        )
        assert "guest.sh" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


def test_the_result_is_on_standard_output_and_log_and_measures_on_the_other(invoke: Invoke) -> None:
    event = f'"{"☃" * 100_000}"'
    code, out, err = invoke("echo", event=event)
    assert (code, out) == (0, event + "\n")
    assert f"{SAID}a line without an end\n  init " in err
    found = re.search(r"^  init ([\d.]+) ms, invocation ([\d.]+) ms, (\d+) of 128 MB of memory\n\Z", err, re.MULTILINE)
    assert found
    assert all(float(number) > 0 for number in found.groups())


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        ("fail", "Bad: It is bad."),
        ("sleep", "Task timed out after 1.00 seconds"),
        ("leave", "Runtime.ExitError: "),
        ("grow", "on Lambda it would have been ended at 128"),
    ],
)
def test_what_lambda_would_call_failed_has_an_exit_code(invoke: Invoke, handler: str, why: str) -> None:
    code, out, err = invoke(handler, *(["--timeout=1"] if handler == "sleep" else []))
    assert (code, why in err) == (33, True), err
    assert SAID in err
    assert out


def test_the_function_sees_its_own_environment_and_the_usual_signals(invoke: Invoke) -> None:
    code, out, err = invoke("see", "--env=MORE=a b", "--env=PATH=/nowhere:/usr/bin:/bin")
    assert code == 0, err
    words, _, status = out.partition("\n")
    environment = dict(word.split("=", 1) for word in base64.b64decode(words).decode().split("\0")[:-1])
    expected = {**ENVIRONMENT, "MORE": "a b", "PATH": "/nowhere:/usr/bin:/bin"}
    assert {name: environment.get(name) for name in expected} == expected
    assert environment["_HANDLER"] == "see"
    others = set(environment) - set(expected) - {"PWD", "SHLVL"}  # these two are the function's shell's
    assert [name for name in others if not name.startswith(("AWS_", "_"))] == []
    # Nothing is ignored that whoever runs the tests does not ignore, too.
    ours = {number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN}
    ignored = int(dict(line.split(":\t", 1) for line in status.splitlines() if line)["SigIgn"], 16)
    assert {number for number in signal.valid_signals() if ignored >> (number - 1) & 1} <= ours


def test_a_process_that_is_left_behind_is_not_waited_for(invoke: Invoke) -> None:
    code, out, err = invoke("behind")
    subprocess.run(("kill", out.strip()), check=True)  # so it is still there
    assert code == 0, err
