"""Machine instructions of our programs, counted by valgrind: the same count whatever else the machine does."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from builder.errors import BuildError, MissingTool
from tools.patches.load import PROGRAMS, START

OPTIONS = ("-P", "-s", "-S")
"""As in ``-I -S``, but that the seed of hashes counts: with a random one, two starts differ by 0.2 %."""
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}


def count_programs(python: Path, names: Iterable[str]) -> dict[str, int]:
    """Program → instructions on an interpreter; but for `START`'s own, without those of a start and its end.

    Raises:
        MissingTool: there is no valgrind.
        BuildError: a program failed.
    """
    bare = _count(python, "-c", "pass")
    return {name: bare if name == START else _count(python, str(PROGRAMS / f"{name}.py")) - bare for name in names}


def check_valgrind() -> None:
    """`MissingTool` if there is none."""
    if shutil.which("valgrind") is None:
        do = "On Debian: apt-get install valgrind."
        raise MissingTool("This machine lacks valgrind.", "It counts instructions.", do)


def _count(python: Path, *arguments: str) -> int:
    check_valgrind()
    valgrind = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--log-fd=1")
    command = (*valgrind, str(python), *OPTIONS, *arguments)
    done = subprocess.run(command, env=ENVIRONMENT, cwd="/", capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stdout)
    if done.returncode or not found:
        said = "\n       ".join(done.stderr.splitlines()[-5:])
        what = f"{arguments[-1]} failed on {python} under valgrind."
        raise BuildError(what, f"It ended with {done.returncode}: {said}", "Run it there without valgrind.")
    return int(found[1])
