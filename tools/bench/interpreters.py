"""The interpreters to compare, and where each one runs: on this machine, or in a Debian 13 made by `mmdebstrap`.

If Debian's own python3.13 is one of them, all run in that Debian, so that they have the same libc.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.executors.debian import debian

OURS = "this layer"
DEBIAN = "debian13"
MACHINE = "machine"


@dataclass(frozen=True)
class Interpreter:
    """A Python to measure."""

    name: str
    python: Path
    """The executable's path; inside ``root`` if there is one."""
    root: Path | None = None
    mounts: tuple[Path, ...] = ()
    """Folders of this machine that are mounted in ``root`` at the same path."""

    def command(self, folders: Sequence[Path], *arguments: str) -> tuple[str, ...]:
        """The command to run it with arguments that may refer to files in ``folders``."""
        own = (str(self.python), *arguments)
        if self.root is None:
            return own
        mounts = (
            f"mkdir -p {self.root}{folder}; mount --rbind {folder} {self.root}{folder}"
            for folder in (*self.mounts, *folders)
        )
        rootless = () if os.geteuid() == 0 else ("--map-root-user",)
        script = "; ".join((*mounts, 'exec chroot "$0" "$@"'))
        return ("unshare", "--mount", *rootless, "sh", "-euc", script, str(self.root), *own)


def make_interpreters(ours: Path, others: Sequence[str], cache: Path) -> tuple[Interpreter, ...]:
    """Ours first. ``others`` are ``debian13``, ``machine``, or ``NAME=PATH`` of an interpreter on this machine."""
    root = debian(cache, "python", "--variant=apt", "--include=python3.13") if DEBIAN in others else None

    def make(name: str, python: Path) -> Interpreter:
        return Interpreter(name, python, root, (Path("/dev"), Path("/proc"), python.parents[1]))

    found = [make(OURS, ours)]
    for other in others:
        name, _, path = other.partition("=")
        if other == DEBIAN:
            found.append(Interpreter(name, Path("/usr/bin/python3.13"), root, (Path("/dev"), Path("/proc"))))
        elif other == MACHINE:
            found.append(Interpreter(name, Path("/usr/bin/python3")))  # its libraries are this machine's
        else:
            found.append(make(name, Path(path).resolve()))
    return tuple(found)
