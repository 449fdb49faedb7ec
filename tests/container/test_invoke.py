"""`nox -s invoke` with an engine: the function runs in a container like Lambda's, and leaves nothing behind."""

import base64
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from builder.emulator.call import ENVIRONMENT
from builder.executors.engine import Engine
from builder.executors.images import Images
from tests.container.conftest import IMAGE
from tests.shell_layer import make_shell_layer
from tests.unit.fakes import RecordingReport
from tools.support.product import ROOT

LONG = ("--timeout=60",)
"""On a busy machine three seconds, the default, may be too few to start in."""
FUNCTION = """
import os

def hello(event, context):
    try:
        open("/var/task/new", "w")
    except OSError as error:
        refused = error.strerror
    return {"event": event, "user": os.getuid(), "refused": refused, "more": os.environ["MORE"]}

def grow(event, context):
    return len(bytearray(b"x") * 400_000_000)
"""


Done = subprocess.CompletedProcess[str]


def invoke(layer: Path, task: Path, handler: str, *options: str, image: str = IMAGE) -> Done:
    task.mkdir()
    (task / "function.py").write_text(FUNCTION, encoding="utf-8")
    given = (
        f"--image={image}",
        f"--source={task}",
        f"--zip={layer}",
        f"--handler={handler}",
        "--event=-",
        *LONG,
        *options,
    )
    command = (sys.executable, "-m", "builder", "invoke", *given, "--env=MORE=1")
    return subprocess.run(command, cwd=ROOT, input="[1]", capture_output=True, text=True, check=False)


def test_a_function_runs_as_on_lambda(layer_zip: Path, tmp_path: Path) -> None:
    done = invoke(layer_zip, tmp_path / "task", "function.hello")
    assert done.returncode == 0, done.stderr
    refused = "Read-only file system"
    assert json.loads(done.stdout) == {"event": [1], "user": 993, "refused": refused, "more": "1"}
    assert f"in a container of {IMAGE}" in done.stderr


def test_memory_is_limited(layer_zip: Path, tmp_path: Path) -> None:
    done = invoke(layer_zip, tmp_path / "task", "function.grow")
    assert (done.returncode, "grow failed" in done.stderr) == (33, True), done.stderr


@pytest.fixture
def shell_layer(tmp_path: Path) -> Path:
    return make_shell_layer(tmp_path / "shell.zip")


def test_a_layer_needs_to_hold_no_more_than_a_bootstrap(shell_layer: Path, tmp_path: Path) -> None:
    done = invoke(shell_layer, tmp_path / "task", "echo")
    assert (done.returncode, done.stdout) == (0, "[1]\n"), done.stderr
    log = "to standard output\nto standard error\na line without an end\n  init "
    assert log in done.stderr
    assert "of 128 MB of memory" in done.stderr


@pytest.mark.parametrize(
    ("handler", "why"),
    [("sleep", "Task timed out after 1.00 seconds"), ("grow", "on Lambda it would have been ended at 128")],
)
def test_what_lambda_would_call_failed_has_an_exit_code(
    shell_layer: Path, tmp_path: Path, handler: str, why: str
) -> None:
    done = invoke(shell_layer, tmp_path / "task", handler, *(["--timeout=1"] if handler == "sleep" else []))
    assert (done.returncode, why in done.stderr) == (33, True), done.stderr
    assert "to standard output\n" in done.stderr


def test_the_function_sees_its_own_environment_not_the_images(shell_layer: Path, tmp_path: Path) -> None:
    done = invoke(shell_layer, tmp_path / "task", "see")
    assert done.returncode == 0, done.stderr
    words = base64.b64decode(done.stdout.partition("\n")[0]).decode()
    environment = dict(word.split("=", 1) for word in words.split("\0")[:-1])
    assert {name: environment.get(name) for name in ENVIRONMENT} == dict(ENVIRONMENT)
    assert environment["MORE"] == "1"
    assert not set(environment) & {"HOME", "HOSTNAME", "container"}


def test_a_process_that_is_left_behind_is_not_waited_for(shell_layer: Path, tmp_path: Path) -> None:
    start = time.monotonic()
    done = invoke(shell_layer, tmp_path / "task", "behind")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 600  # as long as that process sleeps


def test_a_port_of_this_machine_is_no_port_of_the_container(shell_layer: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = invoke(shell_layer, tmp_path / "task", "echo", f"--port={taken.getsockname()[1]}")
    assert (done.returncode, done.stdout) == (0, "[1]\n"), done.stderr


def test_an_image_without_bash_is_told(engine: Engine, small_root: Path, shell_layer: Path, tmp_path: Path) -> None:
    small = Images(engine, tmp_path, RecordingReport(), small_root).root("small")
    done = invoke(shell_layer, tmp_path / "task", "echo", image=small)
    assert (done.returncode, done.stdout) == (15, "")
    assert "It lacks bash" in done.stderr
