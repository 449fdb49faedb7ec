"""The interpreters to compare, and where each one runs: on this machine, or in a Debian 13 made by `mmdebstrap`.

If Debian's own python3.13 is one of them, or the rival, all run in that Debian, so that they have the same libc.
"""

import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from builder.console import Terminal
from builder.executors.debian import debian
from builder.pins import load_pins
from tools.bench.debian_root import DEVICES, in_root
from tools.bench.files import Unavailable
from tools.bench.rival import GCC, PACKAGES, rival
from tools.support.product import PRODUCT

OURS = "this layer"
DEBIAN = "debian13"
MACHINE = "machine"
DEBIAN_PYTHON = "python3.13"
"""Debian's package, and its executable."""
NOTES = {
    DEBIAN: f"`{DEBIAN}` is Debian 13's {DEBIAN_PYTHON}",
    GCC: f"`{GCC}` is this layer's version of CPython without a patch, compiled by Debian 13's gcc with a profile and "
    "link-time optimization",
}
"""Contestant → what a page says of it."""


@dataclass(frozen=True)
class Interpreter:
    """A Python to measure."""

    name: str
    python: Path
    """The executable's path; inside ``root`` if there is one."""
    root: Path | None = None
    mounts: tuple[Path, ...] = ()
    """Folders of this machine that are mounted in ``root`` at the same path."""
    site: Path | None = None
    """The folder of this machine with the packages that it has."""

    def command(self, folders: Sequence[Path], *arguments: str) -> tuple[str, ...]:
        """The command to run it with arguments that may refer to files in ``folders``."""
        own = (str(self.python), *arguments)
        return in_root(self.root, (*self.mounts, *folders), *own) if self.root else own

    @cached_property
    def version(self) -> str:
        """What ``-VV`` prints, in one line: ``Python 3.14.7 (main, …) [GCC 14.2.0]``."""
        done = subprocess.run(self.command((), "-VV"), check=True, capture_output=True, text=True)
        return " ".join(done.stdout.split())


def make_root(cache: Path) -> Path:
    """The Debian with its own Python, and with what the rival is compiled with and runs on."""
    packages = ",".join((DEBIAN_PYTHON, *PACKAGES))
    name = f"interpreters-{hashlib.sha256(packages.encode()).hexdigest()[:8]}"  # another list is another root
    return debian(cache, name, "--variant=apt", f"--include={packages}")


def make_interpreters(ours: Path, others: Sequence[str], cache: Path) -> tuple[Interpreter, ...]:
    """Ours first. ``others`` are ``debian13``, ``gcc14``, ``machine``, or ``NAME=PATH`` of one on this machine.

    Raises:
        Unavailable: two have one name.
        BuildError: there is no such Debian, or the rival cannot be compiled.
    """
    names = (OURS, *(other.partition("=")[0] for other in others))
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Unavailable(f"several interpreters are called {', '.join(twice)}")
    root = make_root(cache) if {DEBIAN, GCC}.intersection(others) else None

    def make(name: str, python: Path) -> Interpreter:
        return Interpreter(name, python, root, (*DEVICES, python.parents[1]))

    found = [make(OURS, ours)]
    for other in others:
        name, _, path = other.partition("=")
        if root and other == DEBIAN:
            found.append(Interpreter(name, Path("/usr/bin", DEBIAN_PYTHON), root, DEVICES))
        elif root and other == GCC:
            found.append(make(name, rival(load_pins()[PRODUCT.source], root, cache, Terminal())))
        elif other == MACHINE:
            found.append(Interpreter(name, Path("/usr/bin/python3")))  # its libraries are this machine's
        else:
            found.append(make(name, Path(path).resolve()))
    return tuple(found)
