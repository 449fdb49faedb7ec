"""Wheels from PyPI for the layer's interpreter, which has no pip: the pip of the Python that runs this gets them."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from builder.errors import Unobtainable
from tests.product import INSIDE, ROOT, TARGET

AMAZON_LINUX_2 = 26
DEBIAN_11 = 31
AMAZON_LINUX_2023 = 34
"""Minor versions of glibc 2: a wheel for a newer one would not load there."""


def install_wheels(requirements: str, folder: Path, glibc: int = AMAZON_LINUX_2) -> Path:
    """Installs ``requirements/<requirements>.txt`` into ``folder``, as a function's package would have it.

    Raises:
        Unobtainable: pip does not get one of them.
    """
    if INSIDE:  # without a network, and without pip
        return INSIDE / "wheels" / requirements
    machine = TARGET.cpu.machine
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(glibc, 16, -1)]
    command = (
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", f"--target={folder}"),
        *("--disable-pip-version-check", "--no-compile", "--only-binary=:all:", "--implementation=cp"),
        *(f"--python-version={TARGET.series}", f"--abi=cp{TARGET.series.replace('.', '')}"),
        *(f"--platform={name}" for name in (*platforms, f"manylinux2014_{machine}")),
        "--ignore-requires-python",  # Which pip would compare with its own Python's version.
        f"--requirement={_locked(requirements)}",
    )
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise Unobtainable(
            f"pip cannot install the wheels of requirements/{requirements}.txt.",
            "\n       ".join(said[-3:]) or f"It ended with exit code {done.returncode}.",
            "Let pip reach a package index (`pip config list`) that has them, and run it again.",
        )
    return folder


def kept_wheels(requirements: str, interpreter: str, cache: Path, glibc: int = AMAZON_LINUX_2) -> Path:
    """The same, installed once for these hashes and this interpreter, with its bytecode, and kept in ``cache``."""
    version = subprocess.run((interpreter, "-VV"), check=True, capture_output=True).stdout
    parts = (_locked(requirements).read_bytes(), version, TARGET.cpu.machine.encode(), bytes([glibc]))
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


def _locked(requirements: str) -> Path:
    return ROOT / "requirements" / f"{requirements}.txt"
