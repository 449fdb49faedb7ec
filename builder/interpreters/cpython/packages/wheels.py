"""Locked packages → wheels for the target, through pip as the machine has it set up.

pip is told the target's tags, best first, and takes of a package's files the best wheel among those with a locked hash:
the same one on every machine that the same files are offered to.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from packaging.utils import parse_wheel_filename

from builder.errors import FetchFailed, NoWheel, WrongHash
from builder.fetch.report import Report
from builder.interpreters.cpython.target import Target
from builder.plan.steps import LockedPackage

_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""Minor version of glibc 2 → what its tag was called before it said so."""
_OLDEST = {"x86_64": 5, "aarch64": 17}
"""Minor version of the oldest glibc 2 that wheels are made for."""
_SAYS_NO_WHEEL, _SAYS_HASH = "No matching distribution found for ", "DO NOT MATCH THE HASHES"
_SAYS_NO_INDEX = ("Retrying (", "There was a problem confirming", "Could not fetch URL")


def download_wheels(
    packages: tuple[LockedPackage, ...], target: Target, folder: Path, report: Report
) -> tuple[Path, ...]:
    """Brings a wheel of each package into ``folder``, and gives their paths in the packages' order.

    Raises:
        NoWheel: a package has none that the target can use; an sdist is none.
        WrongHash: an index gives other bytes than the locked ones.
        FetchFailed: pip gets them from nowhere.
    """
    report.note(f"asking pip for {len(packages)} wheel{'s'[: len(packages) != 1]}")
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as requirements:
        requirements.writelines(f"{package}\n" for package in packages)
        requirements.flush()
        run_pip("download", f"--dest={folder}", f"--requirement={requirements.name}", target=target)
    wheels: dict[str, Path] = {parse_wheel_filename(path.name)[0]: path for path in folder.iterdir()}
    return tuple(wheels[package.name] for package in packages)


def run_pip(command: str, *arguments: str, target: Target) -> None:
    """Runs pip's ``download`` or ``install`` on wheels for a target, all of them with hashes."""
    words = (
        *(sys.executable, "-m", "pip", command, "--no-deps", "--require-hashes", "--only-binary=:all:"),
        *("--disable-pip-version-check", "--no-input", "--progress-bar=off", *options(target)),
        "--ignore-requires-python",  # which pip would compare with its own Python's version
        *arguments,
    )
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _explain(done.stderr, target)


def options(target: Target) -> tuple[str, ...]:
    """What tells pip of the target."""
    return (
        *("--implementation=cp", f"--python-version={target.series}", f"--abi={target.abi}"),
        *(f"--platform={platform}" for platform in platforms(target)),
    )


def platforms(target: Target) -> Iterable[str]:
    """The platform tags of wheels that the target can load, the newest glibc first."""
    machine = target.platform.cpu.machine
    for minor in range(int(target.platform.glibc.partition(".")[2]), _OLDEST[machine] - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in _LEGACY:
            yield f"{_LEGACY[minor]}_{machine}"


def _explain(said: str, target: Target) -> Exception:
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR")]
    why = "\n       ".join(line.strip() for line in errors[-3:] or said.splitlines()[-3:])
    if _SAYS_HASH in said:
        start = said.index(_SAYS_HASH)
        lines = [line.strip() for line in said[start:].splitlines()[1:5] if line.strip()]
        return WrongHash(
            "A package is not the locked one.",
            "\n       ".join(lines),
            "Find out why the index has other files; only then lock it again.",
        )
    if _SAYS_NO_WHEEL in said and not any(sign in said for sign in _SAYS_NO_INDEX):
        name = said.partition(_SAYS_NO_WHEEL)[2].splitlines()[0].partition(" --hash")[0]
        return NoWheel(
            f"{name} has no wheel for this target.",
            f"pip finds no locked one for CPython {target.series}{target.abi_flags} on {target.platform.cpu.machine} "
            f"with glibc {target.platform.glibc};\n"
            f"       an sdist is not built: that would run its code. pip says: {why}",
            "Lock a version that has one; or, where glibc is what is too old, build for --runtime provided.al2023.",
        )
    return FetchFailed(
        "pip cannot get the packages.",
        why or "pip gave no reason.",
        "Let pip reach an index that has them (`pip config list`), and run it again.",
    )
