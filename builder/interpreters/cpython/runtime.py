"""The runtime loop as it ships: its sources, their bytecode, and one file with all that a start needs of it."""

from collections.abc import Mapping
from pathlib import Path

from builder.executors import Sandbox
from builder.interpreters.cpython import bytecode, startup_bundle
from builder.interpreters.cpython.assemble import PREFIX, run_build_python
from builder.plan.steps import Pack

MAIN = "layer_runtime.main"
"""What ``bootstrap`` imports."""


def lay_runtime(task: Pack, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path]) -> None:
    """Makes ``runtime/`` in the work folder."""
    for path, content in task.runtime.items():
        if path != "bootstrap" and not path.startswith("native/") and not path.endswith(".pyi"):
            goal = work / "runtime" / path
            goal.parent.mkdir(parents=True, exist_ok=True)
            goal.write_bytes(content)
    place = f"{PREFIX}/runtime"
    bundling, compiling = (startup_bundle.__file__, place, MAIN), (bytecode.__file__, place, "keep")
    environment = bytecode.WITHOUT_COLUMNS  # the loop's frames are in no traceback
    run_build_python(sandbox, inputs["build_python"], task.product, "runtime", environment, bundling, compiling)
