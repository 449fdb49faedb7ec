"""The executor that every Linux machine has: the machine itself, seen through a keyhole.

Commands see one folder of programs, a fixed environment and relative paths; the name of the machine, of the user and
of the folder, the locale and the clock do not get through to what they make.
"""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from builder.cancellation import checkpoint
from builder.disk import no_space
from builder.errors import NotWritable, StepFailed
from builder.executors import sandbox_environment
from builder.executors.job_pool import JobPool, host_job_pool
from builder.executors.log import StepLog
from builder.executors.tools import PERL_MODULES, TOOLS, missing_tools
from builder.processes import wait_for
from builder.recipes import Command


@dataclass(frozen=True)
class Host:
    """The machine at hand."""

    cache: Path
    compiler: Path
    """The folder of the unpacked wheel."""
    jobs: int

    @cached_property
    def job_pool(self) -> JobPool:
        return host_job_pool(self.jobs)

    def prepare(self) -> None:
        if any(character.isspace() for character in str(self.cache)):
            raise NotWritable(
                f"The build cannot work in {str(self.cache)!r}.",
                "make takes a space in a path for the end of it.",
                "Set STATIC_PYTHON_CACHE to a folder without spaces in its path.",
            )
        missing = [tool for tool in TOOLS if shutil.which(tool) is None]
        modules = [] if "perl" in missing else [module for module in PERL_MODULES if not _perl_has(module)]
        if missing or modules:
            raise missing_tools("This machine", missing, modules)

    def sandbox(self, work: Path, log: Path) -> "HostSandbox":
        for folder in ("bin", "deps", "out", "tmp"):
            (work / folder).mkdir()
        for tool in TOOLS:
            (work / "bin" / tool).symlink_to(shutil.which(tool) or tool)
        zig, compiler_cache = self.compiler / "ziglang" / "zig", self.cache / "zig"
        environment = sandbox_environment(str(work), str(zig), str(compiler_cache))
        return HostSandbox(work, StepLog(log), environment, self.job_pool)


@dataclass(frozen=True)
class HostSandbox:
    """The work folder itself; see `builder.executors.Sandbox`."""

    root: Path
    log: StepLog
    environment: Mapping[str, str]
    jobs: JobPool

    def put(self, source: Path, place: str) -> None:
        (self.root / place).symlink_to(source.resolve())

    def write(self, place: str, text: str, *, executable: bool = False) -> None:
        path = self.root / place
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755 if executable else 0o644)

    def send(self, place: str) -> None:
        """It is here."""

    def bring(self, place: str) -> None:
        """It is here."""

    def run(self, command: Command, environment: Mapping[str, str], *, cwd: str = "src") -> None:
        checkpoint()
        with self.log.entry(command, environment) as log:
            code = wait_for(self._start(command, environment, cwd, log))
        if code:
            if shutil.disk_usage(self.root).free < 1_000_000 or self.log.tells_of_a_full_disk():
                raise no_space(self.root)
            raise self.log.failure(command, f"signal {-code}" if code < 0 else f"exit code {code}")

    def _start(
        self, command: Command, environment: Mapping[str, str], cwd: str, log: BinaryIO
    ) -> "subprocess.Popen[bytes]":
        try:
            return subprocess.Popen(
                command,
                cwd=self.root / cwd,
                env={**self.environment, "MAKEFLAGS": self.jobs.makeflags, **environment},
                pass_fds=self.jobs.descriptors,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                umask=0o022,
                process_group=0,
            )
        except FileNotFoundError as error:
            raise StepFailed(
                f"`{command[0]}` cannot be started.",
                f"It is not among the programs that a recipe sees, or {cwd}/ is not there.",
                "Name it in builder/executors/tools.py, with the packages that have it.",
            ) from error


def _perl_has(module: str) -> bool:
    return subprocess.run(("perl", f"-M{module}", "-e1"), capture_output=True, check=False).returncode == 0
