"""What is measured: the loop, the managed runtime's loop in its two ways of waiting, and two lower bounds."""

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
"""Equivalent to the managed runtime's /var/runtime/bootstrap.py; ``-m`` would add runpy's cost."""


@dataclass(frozen=True)
class Subject:
    """A program to measure; ``is_loop`` is False for one that requests no events, but only starts and exits."""

    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str]
    is_loop: bool = True


@dataclass(frozen=True)
class Workspace:
    """The folder with everything that is measured: ``layer/``, ``site/`` with awslambdaric, ``task/``."""

    root: Path

    @property
    def python(self) -> Path:
        return self.root / "layer" / "bin" / TARGET.executable

    def subjects(self) -> tuple[Subject, ...]:
        """Ours first: results are relative to it."""
        python, site = str(self.python), str(self.root / "site")
        bootstrap = self.root / "layer" / "bootstrap"
        managed = (python, "-c", REFERENCE, HANDLER)
        return (
            Subject(OURS, (python, *options_of(bootstrap), str(bootstrap), HANDLER), {}),
            # lambda_config.py of 4.2.2 waits in a thread if AWS_EXECUTION_ENV is that of Python 3.12 or newer.
            Subject(THREADED, managed, {"PYTHONPATH": site, "AWS_EXECUTION_ENV": f"AWS_Lambda_python{TARGET.series}"}),
            Subject(DIRECT, managed, {"PYTHONPATH": site, "AWS_EXECUTION_ENV": "AWS_Lambda_Image"}),
            Subject(RAW, (python, "-I", "-S", str(self.root / "raw_loop.py")), {}),
            Subject(BARE, (python, "-I", "-S", "-c", "pass"), {}, is_loop=False),
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
    """Copies everything into ``root``, with bytecode, as in a layer.

    With LAYER_PYTHON the loop comes from the repository; otherwise from the built layer, as it ships.
    """
    workspace = Workspace(root)
    python = Path(interpreter(root)).resolve()
    if "LAYER_PYTHON" in os.environ:
        shutil.copytree(python.parents[1], root / "layer", symlinks=True)
        _copy_repositorys_loop(root / "layer", python)
    shutil.copytree(cached_wheels("conformance", str(python), cache_folder()), root / "site")
    (root / "task").mkdir()
    (root / "task" / "function.py").write_text(FUNCTION, encoding="utf-8")
    shutil.copy(Path(__file__).with_name("raw_loop.py"), root)
    subprocess.run((workspace.python, "-m", "compileall", "-q", root / "task"), check=True)
    return workspace


def _copy_repositorys_loop(layer: Path, python: Path) -> None:
    shutil.rmtree(layer / "runtime", ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", BOOTSTRAP.name, "*.pyi")
    shutil.copytree(BOOTSTRAP.parent, layer / "runtime", ignore=ignored)
    shutil.copy2(BOOTSTRAP, layer / "bootstrap")
    # As in the build of the layer.
    bundling = (python, startup_bundle.__file__, layer / "runtime", "/opt/runtime", "layer_runtime.main")
    subprocess.run(bundling, check=True)
    compiling = (python, bytecode.__file__, layer / "runtime", "/opt/runtime", "")
    subprocess.run(compiling, check=True, stdout=subprocess.DEVNULL)
