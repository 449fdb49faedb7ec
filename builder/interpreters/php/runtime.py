"""The runtime loop as it ships: its sources, but for what is inside the interpreter."""

from collections.abc import Mapping
from pathlib import Path

from builder.executors import Sandbox
from builder.plan.steps import Pack


def lay_runtime(task: Pack, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path]) -> None:
    """Makes ``runtime/`` in the work folder."""
    for path, content in task.runtime.items():
        if path != "bootstrap" and not path.startswith("native/"):
            goal = work / "runtime" / path
            goal.parent.mkdir(parents=True, exist_ok=True)
            goal.write_bytes(content)
