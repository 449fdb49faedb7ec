"""Who is measured: the loop, the managed runtime's in its two ways of waiting, and two floors."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.context import cache_folder
from builder.interpreters.cpython import bytecode, startup_bundle
from tools.conformance.run import options_of
from tools.support.fake_api import BOOTSTRAP
from tools.support.product import TARGET, interpreter
from tools.support.wheels import cached_wheels

HANDLER = "function.handler"
FUNCTION = """
def handler(event, context):
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": event["path"]}
"""
REFERENCE = "import sys; from awslambdaric.__main__ import main; main(sys.argv)"
"""What /var/runtime/bootstrap.py of the managed runtime amounts to; ``-m`` would add runpy's own cost."""


@dataclass(frozen=True)
class Subject:
    """A program that asks for events; ``talks`` is False for one that only starts and ends."""

    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str]
    talks: bool = True


@dataclass(frozen=True)
class Workspace:
    """Where everything stands that is measured: ``layer/``, ``site/`` with awslambdaric, ``task/``."""

    root: Path

    @property
    def python(self) -> Path:
        return self.root / "layer" / "bin" / TARGET.executable

    def subjects(self) -> tuple[Subject, ...]:
        """Ours first: everything is told in relation to it."""
        python, site = str(self.python), str(self.root / "site")
        bootstrap = self.root / "layer" / "bootstrap"
        managed = (python, "-c", REFERENCE, HANDLER)
        return (
            Subject(OURS, (python, *options_of(bootstrap), str(bootstrap), HANDLER), {}),
            # lambda_config.py of 4.2.2: it waits in a thread where AWS_EXECUTION_ENV is that of Python 3.12 or newer.
            Subject(THREADED, managed, {"PYTHONPATH": site, "AWS_EXECUTION_ENV": f"AWS_Lambda_python{TARGET.series}"}),
            Subject(DIRECT, managed, {"PYTHONPATH": site, "AWS_EXECUTION_ENV": "AWS_Lambda_Image"}),
            Subject(RAW, (python, "-I", "-S", str(self.root / "raw_loop.py")), {}),
            Subject(BARE, (python, "-I", "-S", "-c", "pass"), {}, talks=False),
        )

    def variables(self, subject: Subject, endpoint: str) -> dict[str, str]:
        return {
            "LAMBDA_TASK_ROOT": str(self.root / "task"),
            "AWS_LAMBDA_RUNTIME_API": endpoint,
            "_HANDLER": HANDLER,
            **subject.variables,
        }


OURS = "this layer"
THREADED = "awslambdaric, threaded"
DIRECT = "awslambdaric, direct"
RAW = "40 lines of Python"
BARE = "python -I -S -c pass"


def make_workspace(root: Path) -> Workspace:
    """Puts everything below ``root``, each with its bytecode, as a layer has it.

    With LAYER_PYTHON the loop is the repository's; else it is the built layer's, as it ships.
    """
    workspace = Workspace(root)
    python = Path(interpreter(root)).resolve()
    if "LAYER_PYTHON" in os.environ:
        shutil.copytree(python.parents[1], root / "layer", symlinks=True)
        _bring_loop_of_repository(root / "layer", python)
    shutil.copytree(cached_wheels("conformance", str(python), cache_folder()), root / "site")
    (root / "task").mkdir()
    (root / "task" / "function.py").write_text(FUNCTION, encoding="utf-8")
    shutil.copy(Path(__file__).with_name("raw_loop.py"), root)
    subprocess.run((workspace.python, "-m", "compileall", "-q", root / "task"), check=True)
    return workspace


def _bring_loop_of_repository(layer: Path, python: Path) -> None:
    shutil.rmtree(layer / "runtime", ignore_errors=True)
    leave = shutil.ignore_patterns("__pycache__", BOOTSTRAP.name, "*.pyi")
    shutil.copytree(BOOTSTRAP.parent, layer / "runtime", ignore=leave)
    shutil.copy2(BOOTSTRAP, layer / "bootstrap")
    # As the layer's own is made.
    bundling = (python, startup_bundle.__file__, layer / "runtime", "/opt/runtime", "layer_runtime.main")
    subprocess.run(bundling, check=True)
    compiling = (python, bytecode.__file__, layer / "runtime", "/opt/runtime", "")
    subprocess.run(compiling, check=True, stdout=subprocess.DEVNULL)
