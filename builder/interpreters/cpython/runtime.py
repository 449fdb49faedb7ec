"""The runtime loop as it ships: its sources, their bytecode, and one file with all that a start needs of it."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from builder import ROOT
from builder.executors import Sandbox
from builder.interpreters.cpython import bytecode, startup_bundle
from builder.interpreters.cpython.assemble import PREFIX, run_build_python
from builder.plan.steps import Pack

MAIN = "layer_runtime.main"
"""What ``bootstrap`` imports."""


def lay_runtime(task: Pack, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path]) -> None:
    """Makes ``runtime/`` in the work folder."""
    left_out = shutil.ignore_patterns("__pycache__", "bootstrap", "*.pyi", "native")
    shutil.copytree(ROOT / "runtime" / task.product.runtime, work / "runtime", ignore=left_out)
    place = f"{PREFIX}/runtime"
    bundling, compiling = (startup_bundle.__file__, place, MAIN), (bytecode.__file__, place, "keep")
    environment = bytecode.WITHOUT_COLUMNS  # the loop's frames are in no traceback
    run_build_python(sandbox, inputs["build_python"], task.product, "runtime", environment, bundling, compiling)
