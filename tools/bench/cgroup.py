"""Memory cgroups: a limit beyond which the kernel kills, in place of a function's memory.

Of version 2, or of version 1 where that has the memory controller. They are made below this process's own cgroup, or
below the nearest one above it that allows it: version 2 allows none below a cgroup with processes, except for the root.
"""

import fcntl
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from errno import EBUSY
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tools.bench.files import Unavailable

PREFIX = "bench-memory-"
REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a measurement early. nox sends SIGTERM 0.3 s after Ctrl-C."""
PATIENCE = 60.0
"""Seconds in which a killed process must have left its cgroup."""
MIB = 1 << 20


@dataclass(frozen=True)
class Version:
    """The names of one version's files."""

    number: int
    limit: str
    no_swap: str
    """Takes a 0 if nothing may be swapped out; absent where the kernel cannot swap."""
    peak: str
    """Absent in version 2 before Linux 5.19."""
    events: str
    """Has a line ``oom_kill N``."""


V1 = Version(1, "memory.limit_in_bytes", "memory.swappiness", "memory.max_usage_in_bytes", "memory.oom_control")
V2 = Version(2, "memory.max", "memory.swap.max", "memory.peak", "memory.events")


@dataclass(frozen=True)
class Own:
    """A process's cgroup."""

    folder: Path
    root: Path
    """The top of what is visible of the hierarchy."""
    version: Version

    @property
    def upwards(self) -> tuple[Path, ...]:
        """The cgroup and those above it."""
        return (self.folder, *(each for each in self.folder.parents if each.is_relative_to(self.root)))


@dataclass(frozen=True)
class Parent:
    """Where cgroups are made."""

    folder: Path
    version: Version


@dataclass(frozen=True)
class Cgroup:
    """One with a limit; for a single program, so that its peak is that program's."""

    folder: Path
    version: Version
    processes: int
    """A descriptor of ``cgroup.procs``, inheritable: it can be written to where cgroups are not mounted."""

    @property
    def prefix(self) -> tuple[str, ...]:
        """The command prefix that runs a program in it. The shell moves itself, then it becomes the program."""
        return ("/bin/sh", "-c", 'echo 0 >"$0" && exec "$@"', f"/proc/self/fd/{self.processes}")

    @property
    def peak(self) -> int | None:
        """The largest number of bytes so far that were charged to it; None if the kernel does not say."""
        path = self.folder / self.version.peak
        return int(path.read_text(encoding="ascii")) if path.exists() else None

    @property
    def kills(self) -> int:
        """How many processes were killed because it was full."""
        lines = (self.folder / self.version.events).read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def own_cgroup(cgroups: str, mounts: str) -> Own:
    """A process's cgroup from ``/proc/<pid>/cgroup`` and ``mountinfo``.

    Raises:
        Unavailable: no hierarchy with the memory controller is mounted.
    """
    paths = {names: path for _, names, path in (line.split(":", 2) for line in cgroups.splitlines())}
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        (root, point), (kind, _, options) = before.split()[3:5], after.split(" ", 2)
        if kind == "cgroup" and "memory" in options.split(","):
            path = next(path for names, path in paths.items() if "memory" in names.split(","))
            return Own(_below(Path(point), path, root), Path(point), V1)
        if kind == "cgroup2" and "memory" in _words(Path(point, "cgroup.controllers")):
            return Own(_below(Path(point), paths[""], root), Path(point), V2)
    raise Unavailable("no cgroup of this machine can limit memory: the controller `memory` is not mounted")


def _below(point: Path, path: str, root: str) -> Path:
    """A cgroup's folder; a container may be shown another part of the hierarchy than the one it is in."""
    if ".." in path or not Path(path).is_relative_to(root):
        return point
    return point / Path(path).relative_to(root)


def _words(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").split()


@contextmanager
def parent_for(limit: int) -> Iterator[Parent]:
    """Where cgroups of up to ``limit`` MiB can be made. What a killed run has left there is removed.

    Raises:
        Unavailable: nowhere, or that much memory is not to be had.
    """
    own = own_cgroup(*(Path("/proc/self", name).read_text(encoding="utf-8") for name in ("cgroup", "mountinfo")))
    _check_memory(own, limit)
    with ExitStack() as stack:
        for folder in own.upwards:
            try:
                stack.enter_context(_controlled(folder, own.version))
                parent = Parent(folder, own.version)
                with limited(parent, limit):
                    pass
            except OSError as error:
                problem = error
                continue
            for abandoned in folder.glob(f"{PREFIX}*"):
                _remove_if_abandoned(abandoned)
            yield parent
            return
    raise Unavailable(
        f"no cgroup can be made here to limit memory: {problem}.\n"
        "That takes root, and in a container, one with a writable /sys/fs/cgroup."
    )


def _check_memory(own: Own, limit: int) -> None:
    for folder in own.upwards:
        path = folder / own.version.limit
        text = path.read_text(encoding="ascii").strip() if path.exists() else "max"  # a root has none
        if text != "max" and int(text) < limit * MIB:
            raise Unavailable(f"{folder} limits this process to {int(text) // MIB} MiB: {limit} cannot be measured")
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    free = next(int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable:"))
    if free < limit:
        raise Unavailable(f"this machine has {free} MiB to spare: {limit} cannot be measured")


@contextmanager
def _controlled(folder: Path, version: Version) -> Iterator[None]:
    """Lets the children of a cgroup have limits; with version 2, that has to be asked for."""
    path = folder / "cgroup.subtree_control"
    if version is V1 or "memory" in _words(path):
        yield
        return
    path.write_text("+memory", encoding="ascii")
    try:
        yield
    finally:
        with suppress(OSError):  # somebody else has come to need it
            path.write_text("-memory", encoding="ascii")


@contextmanager
def limited(parent: Parent, limit: int) -> Iterator[Cgroup]:
    """A cgroup of ``limit`` MiB without swap. It is removed with all its processes, however this ends.

    A lock, which the kernel takes away with this process, says that it is in use.
    """
    with ExitStack() as stack:
        with _undisturbed():
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent.folder))
            fcntl.flock(_opened(stack, folder, os.O_RDONLY), fcntl.LOCK_EX)
            stack.callback(_remove, folder)
        (folder / parent.version.limit).write_text(str(limit * MIB), encoding="ascii")
        if (swap := folder / parent.version.no_swap).exists():
            swap.write_text("0", encoding="ascii")
        processes = _opened(stack, folder / "cgroup.procs", os.O_WRONLY)
        os.set_inheritable(processes, True)
        yield Cgroup(folder, parent.version, processes)


def _opened(stack: ExitStack, path: Path, flags: int) -> int:
    descriptor = os.open(path, flags)
    stack.callback(os.close, descriptor)
    return descriptor


def _remove(folder: Path) -> None:
    """Kills what runs in a cgroup, and removes it."""
    deadline = time.monotonic() + PATIENCE
    with _undisturbed():
        while True:
            for pid in _words(folder / "cgroup.procs"):
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            try:
                folder.rmdir()
            except OSError as error:
                if error.errno != EBUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
            else:
                return


def _remove_if_abandoned(folder: Path) -> None:
    with ExitStack() as stack, suppress(FileNotFoundError, BlockingIOError):  # removed meanwhile, or in use
        fcntl.flock(_opened(stack, folder, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(folder)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals that would end this process wait."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def orderly_ends() -> Iterator[None]:
    """SIGTERM and SIGHUP end what runs in it as Ctrl-C does: cleaned up. Nothing interrupts the cleaning up."""
    before = {each: handler for each in REQUESTS if (handler := signal.getsignal(each)) is not signal.SIG_IGN}
    for each in before:
        signal.signal(each, _interrupt)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    for each in REQUESTS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt
