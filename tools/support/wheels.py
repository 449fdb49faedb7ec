"""Installs wheels from PyPI for the layer's interpreter, which has no pip, using the pip of this process."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from builder.errors import NotLocked
from builder.interpreters.cpython.packages.wheels import run_pip
from builder.interpreters.cpython.target import Target
from tools.support.product import CONTAINER_FILES, PLATFORM, ROOT, TARGET

AMAZON_LINUX_2 = 26
DEBIAN_11 = 31
AMAZON_LINUX_2023 = 34
"""Minor versions of glibc 2; a wheel for a newer one would not load there."""

Command = Callable[..., tuple[str, ...]]
"""Folders that the arguments refer to, and arguments → the command that runs an interpreter with them."""


def install_wheels(requirements: str, folder: Path, glibc: int = AMAZON_LINUX_2, target: Target = TARGET) -> Path:
    """Installs what ``requirements/<series>/<requirements>.txt`` locks into ``folder``, as in a function's package.

    Raises what `run_pip` and `lock_file` raise.
    """
    if CONTAINER_FILES:  # without a network, and without pip
        return CONTAINER_FILES / "wheels" / requirements
    oldest = replace(target, platform=replace(target.platform, glibc=f"2.{glibc}"))
    locked = lock_file(requirements, target.series)
    run_pip("install", f"--target={folder}", "--no-compile", f"--requirement={locked}", target=oldest)
    return folder


def cached_wheels(requirements: str, interpreter: str, cache: Path, glibc: int = AMAZON_LINUX_2) -> Path:
    """The same for another interpreter, with its bytecode, cached in ``cache`` by hashes and interpreter."""
    return wheels_for(requirements, lambda _, *arguments: (interpreter, *arguments), cache, glibc)


def wheels_for(requirements: str, command: Command, cache: Path, glibc: int = AMAZON_LINUX_2) -> Path:
    """The same for an interpreter that may run somewhere else than on this machine."""
    version = subprocess.run(command((), "-VV"), check=True, capture_output=True).stdout
    target = target_of_version(version.decode())
    locked = lock_file(requirements, target.series).read_bytes()
    parts = (locked, version, PLATFORM.cpu.machine.encode(), bytes([glibc]))
    digest = hashlib.sha256(b"".join(parts)).hexdigest()[:16]
    folder = cache / "wheels" / f"{requirements}-{digest}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
        try:
            install_wheels(requirements, unfinished, glibc, target)
            compiling = command((folder.parent,), "-m", "compileall", "-q", "-j0", str(unfinished))
            subprocess.run(compiling, check=True)
            unfinished.replace(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def target_of_version(version: str) -> Target:
    """What packages are for, of what ``-VV`` prints: ``Python 3.14.7 free-threading build (main, …) …``."""
    number = version.split()[1]
    return Target(number, PLATFORM, "t" if "free-threading build" in version else "")


def lock_file(requirements: str, series: str = TARGET.series) -> Path:
    """The lock of ``requirements/<requirements>.in`` for a series: a version may have no wheel for another.

    Raises:
        NotLocked: nothing is locked for that series.
    """
    folder = ROOT / "requirements"
    path = folder / series / f"{requirements}.txt"
    if not path.exists():
        locked = ", ".join(sorted(each.parent.name for each in folder.glob(f"*/{requirements}.txt")))
        why = f"requirements/ has {requirements}.txt for {locked}."
        raise NotLocked(f"No packages are locked for Python {series}.", why, "Take an interpreter of such a series.")
    return path
