"""`nox -s invoke` with an engine: the function runs in a container like Lambda's, and leaves nothing behind."""

import json
import subprocess
import sys
from pathlib import Path

from tests.container.conftest import IMAGE
from tools.support.product import ROOT

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


def invoke(layer: Path, task: Path, function: str) -> "subprocess.CompletedProcess[str]":
    task.mkdir()
    (task / "function.py").write_text(FUNCTION, encoding="utf-8")
    options = (f"--image={IMAGE}", f"--source={task}", f"--zip={layer}", f"--handler=function.{function}", "--event=-")
    command = (sys.executable, "-m", "builder", "invoke", *options, "--env=MORE=1")
    return subprocess.run(command, cwd=ROOT, input="[1]", capture_output=True, text=True, check=False)


def test_a_function_runs_as_on_lambda(layer_zip: Path, tmp_path: Path) -> None:
    done = invoke(layer_zip, tmp_path / "task", "hello")
    assert done.returncode == 0, done.stderr
    refused = "Read-only file system"
    assert json.loads(done.stdout) == {"event": [1], "user": 993, "refused": refused, "more": "1"}
    assert f"in a container of {IMAGE}" in done.stderr


def test_memory_is_limited(layer_zip: Path, tmp_path: Path) -> None:
    done = invoke(layer_zip, tmp_path / "task", "grow")
    assert (done.returncode, "grow failed" in done.stderr) == (33, True), done.stderr
