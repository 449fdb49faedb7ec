"""Where commands run. An executor gives each step a sandbox; every process of a build starts in one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from builder.executors.job_pool import JobPool
from builder.recipes import Command

EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"

FIXED_ENVIRONMENT = {
    "LC_ALL": "C",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",  # sets keep one order in what a build runs
    "PYTHONDONTWRITEBYTECODE": "1",
    "CONFIG_SITE": "../config.site",
}
"""What every command sees, besides paths, the number of jobs and the recipe's own variables."""


class Sandbox(Protocol):
    """A step's own folder in an executor, laid out as `builder.recipes` says.

    It belongs to a work folder of this machine. On the host the two are one; elsewhere, `send` and `bring` carry
    between them.
    """

    def put(self, source: Path, place: str) -> None:
        """Makes a file or folder of this machine readable at ``place``; the sandbox never changes the original."""

    def write(self, place: str, text: str, *, executable: bool = False) -> None:
        """Writes a text file at ``place``."""

    def send(self, place: str) -> None:
        """Hands what stands at ``place`` of the work folder to the sandbox, whose commands may change it."""

    def run(self, command: Command, environment: Mapping[str, str], *, cwd: str = "src") -> None:
        """Runs a command to its end; `StepFailed` with the end of its output if it fails."""

    def bring(self, place: str) -> None:
        """Lets what the sandbox has at ``place`` stand there in the work folder, instead of what stood there."""


class Executor(Protocol):
    """What has sandboxes, several at a time."""

    @property
    def job_pool(self) -> JobPool:
        """The processes that may run there."""

    def prepare(self) -> None:
        """Checks that work can begin; `MissingTool` says everything that is missing."""

    def sandbox(self, work: Path, log: Path) -> Sandbox:
        """A sandbox for a fresh work folder; what commands print goes to ``log``."""


def sandbox_environment(root: str, zig: str, compiler_cache: str) -> dict[str, str]:
    """What every command in the sandbox at ``root`` sees, besides MAKEFLAGS, which depends on what else runs."""
    own = {"ZIG_LOCAL_CACHE_DIR": "zig", "PATH": "bin", "TMPDIR": "tmp"}
    return {
        **FIXED_ENVIRONMENT,
        "ZIG": zig,
        # The C start-up files and link stubs that zig makes once; what it compiles for us stays in the sandbox.
        "ZIG_GLOBAL_CACHE_DIR": compiler_cache,
        "HOME": root,
        **{name: f"{root}/{folder}" for name, folder in own.items()},
    }
