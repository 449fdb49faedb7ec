"""The workshop in a container: one for a build, of any image that has what a build calls.

The work folders stay on this machine, where sources are unpacked and results are kept; what commands work with is sent
into the container, and what they made is brought back. Nothing else of either gets to the other.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from builder.executors import room_environment
from builder.executors.containers import USER, Box, Confines
from builder.executors.engine import Engine, engine_full
from builder.executors.host import Host
from builder.executors.log import StepLog
from builder.executors.tar_archive import Parcel
from builder.executors.tools import PERL_MODULES, TOOLS, missing_tools
from builder.recipes import Command

_COMPILER, _CACHE, _ROOM = "work/compiler", "work/zig-cache", "work/room"
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
def container(engine: Engine, image: str, host: Host) -> Iterator["Container"]:
    """A container that does what ``host`` would do, with its compiler, epoch and jobs."""
    engine.sweep()
    confines = Confines(memory=(2 + host.jobs) * _GIB, cpus=host.jobs)
    with Box(engine, image, confines) as box:
        yield Container(box, image, host)


@dataclass(frozen=True)
class Container:
    """A workshop of one container; its rooms are one after the other in the same place."""

    box: Box
    image: str
    host: Host

    def prepare(self) -> None:
        missing = [tool for tool, path in self._tools.items() if not path]
        script = "for m; do perl -M$m -e1 2>/dev/null || echo $m; done"
        modules = [] if "perl" in missing else self._ask(script, *PERL_MODULES)
        if missing or modules:
            raise missing_tools(f"The image {self.image}", missing, modules)

    def room(self, work: Path, log: Path) -> "ContainerRoom":
        for folder in ("out", "tmp"):
            (work / folder).mkdir()
        self._clear()
        zig = f"/{_COMPILER}/ziglang/zig"
        environment = room_environment(f"/{_ROOM}", zig, f"/{_CACHE}", self.host.epoch, self.host.jobs)
        room = ContainerRoom(self.box, work, StepLog(log), environment)
        for folder in ("", "bin", "deps", "out", "tmp"):
            room.outgoing.folder(f"{_ROOM}/{folder}")
        for tool, path in self._tools.items():
            room.outgoing.link(f"{_ROOM}/bin/{tool}", path)
        return room

    def _clear(self) -> None:
        """Takes away the room before, and sees to it that the compiler is there."""
        if self._ask(f"rm -rf /{_ROOM}; [ -e /{_COMPILER} ] || echo none") and self.host.compiler.is_dir():
            with Parcel(USER, self.host.cache) as parcel:
                parcel.folder("work")
                parcel.add(self.host.compiler, _COMPILER, _OTHER_SYSTEMS)
                self.box.put(parcel)

    @cached_property
    def _tools(self) -> dict[str, str]:
        """Where each program is; empty if it is not."""
        return dict(zip(TOOLS, self._ask(_WHERE, *TOOLS), strict=True))

    def _ask(self, script: str, *arguments: str) -> list[str]:
        """The lines that a shell's script prints."""
        said: list[bytes] = []
        self.box.run(("/bin/sh", "-c", script, "sh", *arguments), {}, said.append)
        return b"".join(said).decode().splitlines()


@dataclass
class ContainerRoom:
    """A folder in the container; see `builder.executors.Room`. What goes in gathers until a command needs it."""

    box: Box
    work: Path
    log: StepLog
    environment: Mapping[str, str]
    _gathered: Parcel | None = field(default=None, init=False)

    @property
    def outgoing(self) -> Parcel:
        if self._gathered is None:
            self._gathered = Parcel(USER, self.work)
        return self._gathered

    def put(self, source: Path, place: str) -> None:
        self.outgoing.add(source, f"{_ROOM}/{place}")

    def write(self, place: str, text: str, *, executable: bool = False) -> None:
        self.outgoing.text(f"{_ROOM}/{place}", text, executable=executable)

    def send(self, place: str) -> None:
        self.put(self.work / place, place)

    def bring(self, place: str) -> None:
        shutil.rmtree(self.work / place)
        self.box.take(f"/{_ROOM}/{place}", (self.work / place).parent)

    def run(self, command: Command, environment: Mapping[str, str], *, cwd: str = "src") -> None:
        self._deliver()
        variables = (f"{name}={value}" for name, value in {**self.environment, **environment}.items())
        alone = ("/usr/bin/env", "-i", *variables, *command)  # without what image and engine set
        with self.log.entry(command, environment) as log:
            code = self.box.run(alone, {}, log.write, cwd=f"/{_ROOM}/{cwd}")
        if code and self.log.tells_of_a_full_disk():
            raise engine_full(f"`{' '.join(command)[:200]}` found its disk full")
        if code:
            killed = f" (memory may have run out: the container has {self.box.confines.memory // _GIB} GiB)"
            raise self.log.failure(command, f"exit code {code}{killed if code == _KILLED else ''}")

    def _deliver(self) -> None:
        if self._gathered:
            with self._gathered as parcel:
                self._gathered = None
                self.box.put(parcel)
