"""Bootstrap as the exec wrapper of a managed runtime: its start script hands the process over."""

from pathlib import Path

import pytest

from tools.support.fake_api import REGISTERED, Loop, event

from .test_loop_start import PATHS

START_SCRIPT = """\
#!/bin/bash
# What the start script of a managed Python does with a wrapper, in the environment that Lambda starts it in.
export AWS_EXECUTION_ENV=AWS_Lambda_python3.12
exec "$AWS_LAMBDA_EXEC_WRAPPER" /var/lang/bin/python3.12 /var/runtime/bootstrap.py
"""
MANAGED = {
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    "PYTHONPATH": "/var/runtime",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
}


@pytest.fixture
def managed(loop: Loop) -> Loop:
    """A loop whose bootstrap is the wrapper, as the kernel runs it: by its first line."""
    bootstrap = loop.folder / "bootstrap"
    text = loop.bootstrap.read_text("utf-8").replace("/opt/bin/python3", loop.interpreter, 1)
    bootstrap.write_text(text, "utf-8")
    bootstrap.chmod(0o755)
    for name in ("layer_runtime", "awslambdaric", "snapshot_restore_py.py"):
        (loop.folder / name).symlink_to(loop.bootstrap.parent / name)
    loop.bootstrap = bootstrap
    script = loop.folder / "managed_start"
    script.write_text(START_SCRIPT, "utf-8")
    script.chmod(0o755)
    loop.variables |= MANAGED | {"AWS_LAMBDA_EXEC_WRAPPER": str(bootstrap)}
    return loop


def started(line: list[str]) -> list[str]:
    """The start script instead of the command line of a loop."""
    return [str(Path(line[2]).with_name("managed_start"))]


def test_the_function_is_served_and_the_arguments_are_not_its_handlers_name(managed: Loop) -> None:
    run = managed("def handler(event, context): return event", event([1]), event([2], 2), command=started)
    assert run.results == [[1], [2]]
    assert run.exit_code is None
    assert run.stderr == ""


def test_the_managed_python_is_in_no_path_and_the_rest_stays(managed: Loop) -> None:
    result = managed(PATHS, command=started).result
    assert not [folder for folder in result["path"] if folder.startswith("/var/")]
    variables = result["env"]
    assert variables["PATH"] == "/usr/local/bin:/usr/bin/:/bin:/opt/bin"
    assert variables["LD_LIBRARY_PATH"] == "/lib64:/usr/lib64:/var/task:/var/task/lib:/opt/lib"
    assert "PYTHONPATH" not in variables
    assert variables["_HANDLER"] == "function.handler"


def test_what_the_functions_settings_add_to_a_path_stays(managed: Loop) -> None:
    managed.variables["PYTHONPATH"] = "/opt/more:/var/runtime:/var/langs"
    result = managed(PATHS, command=started).result
    assert result["env"]["PYTHONPATH"] == "/opt/more:/var/langs"
    assert [folder for folder in result["path"] if folder in ("/opt/more", "/var/langs")] == ["/opt/more", "/var/langs"]


def test_children_are_in_no_wrapper_and_find_nothing_managed(managed: Loop) -> None:
    code = """
import subprocess, sys
CHILD = "import os, sys; print(os.environ.get('AWS_LAMBDA_EXEC_WRAPPER'), [p for p in sys.path if '/var/' in p])"
def handler(event, context):
    return subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True).stdout
"""
    assert managed(code, command=started).result == "None []\n"


def test_the_identifier_is_told_as_the_platform_tells_it(managed: Loop) -> None:
    assert managed(PATHS, command=started).result["env"]["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.12"


def test_records_go_to_the_descriptor_that_the_managed_runtime_gets(managed: Loop) -> None:
    code = """
import logging, os
def handler(event, context):
    logging.warning("%s is low", event)
    return "_LAMBDA_TELEMETRY_LOG_FD" in os.environ
"""
    run = managed(code, event("tea"), command=started, telemetry=True)
    assert run.result is False
    (frame,) = run.frames
    assert frame.message.endswith("\ttea is low\n")
    assert run.stdout == ""


def test_snapstart_and_graceful_shutdown_are_the_same(managed: Loop) -> None:
    managed.variables |= {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start", "LAMBDA_GRACEFUL_SHUTDOWN": "1"}
    code = """
import atexit, snapshot_restore_py
calls = []
snapshot_restore_py.register_after_restore(calls.append, "restored")
atexit.register(print, "closed")
def handler(event, context): return calls
"""
    run = managed(code, command=started, extension=REGISTERED, signal=15)
    assert run.result == ["restored"]
    assert "/2018-06-01/runtime/restore/next" in [request.path for request in run.requests]
    assert run.stdout == "closed\n"
    assert run.exit_code == 0


def test_another_wrapper_can_come_before(managed: Loop) -> None:
    """It says what is to be the wrapper from there on, as docs/runtime.md has it."""
    text = '#!/bin/bash\nexport BEFORE=1 AWS_LAMBDA_EXEC_WRAPPER={0}\nexec {0} "$@"\n'
    other = managed.write("other", text.format(managed.bootstrap))
    other.chmod(0o755)
    managed.variables["AWS_LAMBDA_EXEC_WRAPPER"] = str(other)
    result = managed(PATHS, command=started).result
    assert result["env"]["BEFORE"] == "1"
    assert result["env"]["_HANDLER"] == "function.handler"
    assert "AWS_LAMBDA_EXEC_WRAPPER" not in result["env"]


def test_bootstrap_that_names_itself_without_a_managed_runtime_does_not_start_itself_again(managed: Loop) -> None:
    result = managed(PATHS, command=lambda line: line[2:]).result
    assert result["env"]["_HANDLER"] == "function.handler"
