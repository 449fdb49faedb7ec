"""Installs wheels from PyPI for the layer's interpreter, which has no pip, using the pip of this process."""

import hashlib
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from builder.interpreters.cpython.packages.wheels import run_pip
from tools.support.product import CONTAINER_FILES, PLATFORM, ROOT, TARGET

AMAZON_LINUX_2 = 26
DEBIAN_11 = 31
AMAZON_LINUX_2023 = 34
"""Minor versions of glibc 2; a wheel for a newer one would not load there."""


def install_wheels(requirements: str, folder: Path, glibc: int = AMAZON_LINUX_2) -> Path:
    """Installs what ``requirements/<series>/<requirements>.txt`` locks into ``folder``, as in a function's package.

    Raises what `run_pip` raises.
    """
    if CONTAINER_FILES:  # without a network, and without pip
        return CONTAINER_FILES / "wheels" / requirements
    target = replace(TARGET, platform=replace(PLATFORM, glibc=f"2.{glibc}"))
    run_pip("install", f"--target={folder}", "--no-compile", f"--requirement={lock_file(requirements)}", target=target)
    return folder


def cached_wheels(requirements: str, interpreter: str, cache: Path, glibc: int = AMAZON_LINUX_2) -> Path:
    """The same with bytecode, cached in ``cache`` by hashes and interpreter."""
    version = subprocess.run((interpreter, "-VV"), check=True, capture_output=True).stdout
    parts = (lock_file(requirements).read_bytes(), version, PLATFORM.cpu.machine.encode(), bytes([glibc]))
    digest = hashlib.sha256(b"".join(parts)).hexdigest()[:16]
    folder = cache / "wheels" / f"{requirements}-{digest}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
        try:
            install_wheels(requirements, unfinished, glibc)
            subprocess.run((interpreter, "-m", "compileall", "-q", "-j0", str(unfinished)), check=True)
            unfinished.replace(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def lock_file(requirements: str) -> Path:
    """The lock of ``requirements/<requirements>.in`` for the product's series: a version may have no wheel for it."""
    return ROOT / "requirements" / TARGET.series / f"{requirements}.txt"
