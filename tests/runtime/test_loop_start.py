"""From what Lambda hands over to the first event: paths, environment, exec wrapper, and what is not imported."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from builder.interpreters.cpython import startup_bundle as bundle
from tools.support.fake_api import BOOTSTRAP, Loop, event
from tools.support.product import SITE_PACKAGES, TARGET

NOT_NEEDED = {
    "os",
    "_socket",
    "json",
    "re",
    "logging",
    "http",
    "typing",
    "traceback",
    "enum",
    "collections",
    "socket",
    "site",
    "dataclasses",
}

PATHS = """
import os, sys
def handler(event, context):
    return {"path": sys.path, "cwd": os.getcwd(), "env": dict(os.environ), "argv": sys.argv}
"""


@pytest.fixture
def prefix(loop: Loop) -> Path:
    """The layer's shape in some folder: bootstrap at its root, the loop in ``runtime/``."""
    prefix = loop.folder / "some where"
    shutil.copytree(BOOTSTRAP.parent / "layer_runtime", prefix / "runtime" / "layer_runtime")
    command = (loop.interpreter, bundle.__file__, prefix / "runtime", f"{prefix}/runtime", "layer_runtime.main")
    subprocess.run(command, check=True)
    shutil.copy2(BOOTSTRAP, prefix / "bootstrap")
    loop.bootstrap = prefix / "bootstrap"
    return prefix


def packages(prefix: Path) -> Path:
    path = prefix / SITE_PACKAGES
    path.mkdir(parents=True)
    return path


def test_the_kernel_can_run_bootstrap_without_a_shell() -> None:
    assert BOOTSTRAP.read_bytes().splitlines()[0] == b"#!/opt/bin/python3 -SPu"
    assert stat.S_IMODE(BOOTSTRAP.stat().st_mode) == 0o755


def test_nothing_is_imported_that_the_function_does_not_need(loop: Loop) -> None:
    run = loop("import sys\ndef handler(event, context): return [event, sorted(sys.modules)]", event({"a": [1.5]}))
    modules = {name.partition(".")[0] for name in run.result[1]}
    assert not modules & NOT_NEEDED
    assert "layer_runtime" in modules


def test_only_modules_that_are_built_in_or_frozen_are_imported_beside_the_loop(loop: Loop) -> None:
    code = """
import sys
def handler(event, context):
    origins = {name: getattr(module.__spec__, "origin", None) or "" for name, module in sys.modules.items()}
    return [name for name, origin in origins.items() if origin.endswith((".py", ".pyc"))]
"""
    names = {name.partition(".")[0] for name in loop(code).result}
    assert names <= {"function", "layer_runtime", "encodings"}


def test_in_the_layer_a_start_opens_no_file_of_the_loops_but_its_bundle(loop: Loop, prefix: Path) -> None:
    code = """
import sys
def handler(event, context):
    return [name for name, module in sys.modules.items() if "layer_runtime" in name and module.__spec__]
"""
    assert loop(code).result == ["_layer_runtime"]
    assert (prefix / "runtime" / "start.marshal").exists()


def test_in_the_layer_what_is_not_in_the_bundle_is_found_when_it_is_wanted(loop: Loop, prefix: Path) -> None:
    code = """
def handler(event, context):
    if event: raise ValueError("no")
    yield "piece"
"""
    run = loop(code, event({}), event(1, 2))
    assert run.requests[1].body == b"piece"
    assert '"errorType": "ValueError"' in run.stdout or "ValueError: no" in run.stdout


def test_in_the_layer_the_package_offers_what_functions_ask_it_for(loop: Loop, prefix: Path) -> None:
    code = "from layer_runtime import asgi\ndef handler(event, context): return asgi.__module__"
    assert loop(code).result == "layer_runtime.asgi_bridge"


def test_the_function_finds_its_own_code_then_the_layers_then_the_standard_library(loop: Loop, prefix: Path) -> None:
    expected = [str(loop.task_root), str(prefix / SITE_PACKAGES), str(prefix / "python")]
    run = loop(PATHS)
    assert run.result["path"][:3] == expected
    assert run.result["path"][3].endswith(f"{TARGET.executable.replace('.', '')}.zip")
    assert run.result["cwd"] == str(loop.task_root)


def test_the_runtimes_own_folders_are_not_on_the_path(loop: Loop, prefix: Path) -> None:
    path = loop(PATHS).result["path"]
    assert str(prefix) not in path
    assert str(prefix / "runtime") not in path


def test_python_path_comes_before_the_standard_library(loop: Loop, prefix: Path) -> None:
    loop.variables["PYTHONPATH"] = f"{loop.task_root}:/else/where"
    path = loop(PATHS).result["path"]
    assert path[3] == "/else/where"
    assert path.count(str(loop.task_root)) == 1


def test_bootstrap_works_from_its_own_folder_by_a_relative_name(loop: Loop, prefix: Path) -> None:
    run = loop(
        PATHS,
        arguments=["function.handler"],
        handler=None,
        command=lambda line: [*line[:2], "bootstrap", *line[3:]],
        cwd=prefix,
    )
    assert run.result["path"][2] == str(prefix / "python")


def test_the_kernel_runs_bootstrap_by_its_first_line(loop: Loop, prefix: Path) -> None:
    text = loop.bootstrap.read_text("utf-8")
    loop.bootstrap.write_text(text.replace("/opt/bin/python3", loop.interpreter, 1), "utf-8")
    run = loop(PATHS, arguments=["function.handler"], handler=None, command=lambda line: line[2:])
    assert run.result["argv"] == [str(prefix / "bootstrap"), "function.handler"]
    assert str(prefix) not in run.result["path"]


def test_libraries_come_from_the_function_before_the_layers_and_from_packages_before_python(
    loop: Loop, prefix: Path
) -> None:
    site_packages = packages(prefix)
    for folder, names in ((site_packages, "abc"), (prefix / "python", "bcd")):
        for name in names:
            (folder / f"lib_{name}.py").write_text(f"here = {folder.name!r}")
    loop.write("lib_a.py", "here = 'task'")
    code = """
import lib_a, lib_b, lib_c, lib_d
def handler(event, context): return [module.here for module in (lib_a, lib_b, lib_c, lib_d)]
"""
    assert loop(code).result == ["task", "site-packages", "site-packages", "python"]


def test_pth_files_run(loop: Loop, prefix: Path) -> None:
    site_packages = packages(prefix)
    (site_packages / "a.pth").write_text("import os; os.environ['RAN'] = 'a'\nbeside\n")
    (site_packages / "beside").mkdir()
    (prefix / "python" / "b.pth").write_text("import os; os.environ['RAN'] += 'b'\n")
    loop.write("c.pth", "import os; os.environ['RAN_IN_TASK'] = 'c'\n")
    result = loop(PATHS).result
    assert result["env"]["RAN"] == "ab"
    assert result["env"]["RAN_IN_TASK"] == "c"
    assert result["path"][-1] == str(site_packages / "beside")
    assert result["path"][1] == str(site_packages)


def test_a_sitecustomize_on_python_path_runs(loop: Loop) -> None:
    hooks = loop.folder / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text("import os; os.environ['CUSTOMIZED'] = 'yes'")
    loop.variables["PYTHONPATH"] = str(hooks)
    assert loop(PATHS).result["env"]["CUSTOMIZED"] == "yes"


def test_the_execution_environment_is_named_unless_it_is_already(loop: Loop) -> None:
    assert loop(PATHS).result["env"]["AWS_EXECUTION_ENV"] == f"AWS_Lambda_python{TARGET.series}"
    loop.variables["AWS_EXECUTION_ENV"] = "AWS_Lambda_Image"
    assert loop(PATHS).result["env"]["AWS_EXECUTION_ENV"] == "AWS_Lambda_Image"


def test_a_task_root_that_is_not_there_is_a_module_that_is_not_there(loop: Loop) -> None:
    loop.variables["LAMBDA_TASK_ROOT"] = str(loop.folder / "nowhere")
    assert loop("").error["errorMessage"] == "Unable to import module 'function': No module named 'function'"


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1", "127.0.0.1:port"])
def test_a_missing_or_senseless_endpoint_is_a_clear_message(loop: Loop, endpoint: str) -> None:
    loop.variables["AWS_LAMBDA_RUNTIME_API"] = endpoint
    run = loop("")
    assert run.exit_code == 1
    assert "AWS_LAMBDA_RUNTIME_API" in run.stderr
    assert "Traceback" not in run.stderr


def test_python_variables_are_honoured(loop: Loop) -> None:
    loop.variables["PYTHONOPTIMIZE"] = "1"
    assert loop("import sys\ndef handler(event, context): return sys.flags.optimize").result == 1


def test_multiprocessing_can_spawn(loop: Loop) -> None:
    code = """
import multiprocessing, os
def child(connection): connection.send(os.getpid())
def handler(event, context):
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=child, args=(theirs,))
    process.start()
    process.join()
    return ours.recv() == process.pid
"""
    run = loop(code)
    assert run.result is True
    assert len(run.posts) == 1


def wrapper(loop: Loop, text: str, mode: int = 0o755) -> Path:
    path = loop.write("wrapper", text)
    path.chmod(mode)
    loop.variables["AWS_LAMBDA_EXEC_WRAPPER"] = str(path)
    return path


def test_an_exec_wrapper_gets_the_command_line_and_may_change_the_handler(loop: Loop) -> None:
    path = wrapper(loop, '#!/bin/sh\nexport WORDS="$*" _HANDLER=function.wrapped\nexec "$@"\n')
    code = f"{PATHS}\nwrapped = lambda event, context: handler(event, context) | {{'wrapped': True}}"
    result = loop(code, arguments=["function.handler"]).result
    assert result["wrapped"] is True
    assert result["env"]["WORDS"].split(" ")[1:] == ["-SPu", str(BOOTSTRAP)]
    assert Path(result["env"]["WORDS"].split(" ")[0]).samefile(loop.interpreter)
    assert result["env"]["AWS_LAMBDA_EXEC_WRAPPER"] == str(path)
    assert "_LAYER_EXEC_WRAPPED" not in result["env"]
    assert result["argv"] == [str(BOOTSTRAP)]


def test_an_exec_wrapper_may_put_options_before_the_last_word(loop: Loop) -> None:
    wrapper(loop, '#!/bin/bash\nargs=("$@")\nexec "${args[@]:0:$#-1}" -X importtime "${args[@]: -1}"\n')
    run = loop("def handler(event, context): return event", event(1), arguments=["function.handler"])
    assert run.result == 1
    assert "import time:" in run.stderr


def test_an_exec_wrapper_that_is_missing_is_exit_127(loop: Loop) -> None:
    loop.variables["AWS_LAMBDA_EXEC_WRAPPER"] = "/no/such/wrapper"
    run = loop("")
    assert run.exit_code == 127
    assert run.stderr == "[ERROR] AWS_LAMBDA_EXEC_WRAPPER: /no/such/wrapper: does not exist\n"
    assert run.requests == []


@pytest.mark.parametrize(("text", "mode"), [("#!/bin/sh\n", 0o644), ("no format of a program", 0o755)])
def test_an_exec_wrapper_that_cannot_be_executed_is_exit_126(loop: Loop, text: str, mode: int) -> None:
    path = wrapper(loop, text, mode)
    run = loop("")
    assert run.exit_code == 126
    assert run.stderr.startswith(f"[ERROR] AWS_LAMBDA_EXEC_WRAPPER: {path}: is not an executable")
