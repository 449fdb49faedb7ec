"""The executor in a container: one for a build, of any image that has what a build calls.

The work folders stay on this machine, where sources are unpacked and results are kept; what commands work with is sent
into the container, and what they made is brought back. Nothing else of either gets to the other.
"""

import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from builder.cancellation import checkpoint, on_cancel
from builder.errors import ContainerFailed
from builder.executors import sandbox_environment
from builder.executors.containers import USER, Container, ResourceLimits
from builder.executors.engine import Engine, engine_full
from builder.executors.host import Host
from builder.executors.job_pool import JobPool, JobShares
from builder.executors.log import StepLog
from builder.executors.tar_archive import TarArchive
from builder.executors.tools import PERL_MODULES, TOOLS, missing_tools
from builder.recipes import Command

_COMPILER, _CACHE, _SANDBOXES = "work/compiler", "work/zig-cache", "work/sandboxes"
"""Where things are below the container's root."""
_GIB = 1 << 30

_OTHER_SYSTEMS = re.compile(
    r"/lib/libc/((darwin|freebsd|mingw|musl|netbsd|openbsd|wasi)$"
    r"|include/[^/]+-(darwin|freebsd|musl|netbsd|openbsd|wasi|windows)[^/]*$)"
)
"""Three of four files of the compiler's 20,000 are for systems that nothing here is compiled for."""

# Says where each program is, on a line of its own; an empty line for one that is not there. `command -v` would answer
# with the shell's own commands.
_WHERE = """
for program; do
    found=
    for folder in /usr/bin /bin /usr/sbin /sbin; do [ -x $folder/$program ] && found=$folder/$program && break; done
    echo $found
done"""
_KILLED = 128 + 9


@contextmanager
def container_executor(engine: Engine, image: str, host: Host) -> Iterator["ContainerExecutor"]:
    """A container that does what ``host`` would do, with its compiler and jobs."""
    engine.sweep()
    limits = ResourceLimits(memory=(2 + host.jobs) * _GIB, cpus=host.jobs)
    with Container(engine, image, limits) as container:
        yield ContainerExecutor(container, image, host)


@dataclass(frozen=True)
class ContainerExecutor:
    """An executor of one container; a sandbox has a folder there for as long as there is its work folder."""

    container: Container
    image: str
    host: Host
    _sandboxes: dict[str, Path] = field(default_factory=dict, init=False)
    """Folder in the container → work folder."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @cached_property
    def job_pool(self) -> JobPool:
        return JobShares(self.host.jobs)

    def prepare(self) -> None:
        missing = [tool for tool, path in self._tools.items() if not path]
        script = "for m; do perl -M$m -e1 2>/dev/null || echo $m; done"
        modules = [] if "perl" in missing else self._ask(script, *PERL_MODULES)
        if missing or modules:
            raise missing_tools(f"The image {self.image}", missing, modules)

    def sandbox(self, work: Path, log: Path) -> "ContainerSandbox":
        for folder in ("out", "tmp"):
            (work / folder).mkdir()
        root = f"{_SANDBOXES}/{work.name}"
        with self._lock:
            self._clear()
            self._sandboxes[root] = work
        environment = sandbox_environment(f"/{root}", f"/{_COMPILER}/ziglang/zig", f"/{_CACHE}")
        sandbox = ContainerSandbox(self.container, root, work, StepLog(log), environment, self.job_pool)
        for folder in ("", "bin", "deps", "out", "tmp"):
            sandbox.outgoing.folder(f"{root}/{folder}")
        for tool, path in self._tools.items():
            sandbox.outgoing.link(f"{root}/bin/{tool}", path)
        return sandbox

    def _clear(self) -> None:
        """Takes away the sandboxes whose steps have ended, and sees to it that the compiler is there."""
        ended = [root for root, work in self._sandboxes.items() if not work.exists()]
        script = f'for folder; do rm -rf "/$folder"; done; [ -e /{_COMPILER} ] || echo none'
        if self._ask(script, *ended) and self.host.compiler.is_dir():
            with TarArchive(USER, self.host.cache) as tar:
                tar.folder("work")
                tar.folder(_SANDBOXES)
                tar.add(self.host.compiler, _COMPILER, _OTHER_SYSTEMS)
                self.container.put(tar)
        for root in ended:
            del self._sandboxes[root]

    @cached_property
    def _tools(self) -> dict[str, str]:
        """Where each program is; empty if it is not."""
        return dict(zip(TOOLS, self._ask(_WHERE, *TOOLS), strict=True))

    def _ask(self, script: str, *arguments: str) -> list[str]:
        """The lines that a shell's script prints."""
        said: list[bytes] = []
        self.container.run(("/bin/sh", "-c", script, "sh", *arguments), {}, said.append)
        return b"".join(said).decode().splitlines()


@dataclass
class ContainerSandbox:
    """A folder in the container; see `builder.executors.Sandbox`. What goes in gathers until a command needs it."""

    container: Container
    root: str
    """Its folder, below the container's root."""
    work: Path
    log: StepLog
    environment: Mapping[str, str]
    jobs: JobPool
    _gathered: TarArchive | None = field(default=None, init=False)

    @property
    def outgoing(self) -> TarArchive:
        if self._gathered is None:
            self._gathered = TarArchive(USER, self.work)
        return self._gathered

    def put(self, source: Path, place: str) -> None:
        self.outgoing.add(source, f"{self.root}/{place}")

    def write(self, place: str, text: str, *, executable: bool = False) -> None:
        self.outgoing.text(f"{self.root}/{place}", text, executable=executable)

    def send(self, place: str) -> None:
        self.put(self.work / place, place)

    def bring(self, place: str) -> None:
        shutil.rmtree(self.work / place)
        self.container.take(f"/{self.root}/{place}", (self.work / place).parent)

    def run(self, command: Command, environment: Mapping[str, str], *, cwd: str = "src") -> None:
        checkpoint()
        self._send()
        seen = {**self.environment, "MAKEFLAGS": self.jobs.makeflags, **environment}
        variables = (f"{name}={value}" for name, value in seen.items())
        alone = ("/usr/bin/env", "-i", *variables, *command)  # without what image and engine set
        with self.log.entry(command, environment) as log:
            try:
                with on_cancel(self.container.kill_commands):
                    code = self.container.run(alone, {}, log.write, cwd=f"/{self.root}/{cwd}")
            except ContainerFailed:
                checkpoint()  # a build that is being ended has ended the container
                raise
        checkpoint()
        if code and self.log.tells_of_a_full_disk():
            raise engine_full(f"`{' '.join(command)[:200]}` found its disk full")
        if code:
            killed = f" (memory may have run out: the container has {self.container.limits.memory // _GIB} GiB)"
            raise self.log.failure(command, f"exit code {code}{killed if code == _KILLED else ''}")

    def _send(self) -> None:
        if self._gathered:
            with self._gathered as tar:
                self._gathered = None
                self.container.put(tar)
