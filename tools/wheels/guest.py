"""Where the layer is: imports packages and runs programs, each in a fresh process, and tells of each in a line of JSON.

``guest.py <task>...``, a task being a program of ``scenarios/`` or ``package[:module to import first]...``. It runs on
the layer's interpreter and the standard library alone.
"""

import json
import mmap
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import distribution
from pathlib import Path, PurePath

HERE = Path(__file__).parent
PATIENCE = 300
"""Seconds for one process: the slowest takes a few on an idle machine."""

Line = dict[str, object]


def main(*tasks: str) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for line in pool.map(_run_step, tasks):
            print(json.dumps(line), flush=True)


def _run_step(task: str) -> Line:
    name, *first = task.split(":")
    return work(name) if name.endswith(".py") else load(name, first)


def work(name: str) -> Line:
    """Runs a program: what goes wrong, it raises."""
    said, problem = _run(str(HERE / "scenarios" / name))
    return {"name": name, "said": said.strip(), "failures": {"": problem} if problem else {}}


def load(package: str, first: list[str]) -> Line:
    """Imports all that a package has."""
    found = distribution(package)
    files = [PurePath(path) for path in found.files or ()]
    root = Path(str(found.locate_file("")))
    modules = [*first, *named(files), *compiled(root, files)]
    said, problem = _run("-P", str(HERE / "probe.py"), *modules)  # -P: it shall not import what lies beside the probe
    failures = dict.fromkeys(modules, problem) if problem else json.loads(said.splitlines()[-1])
    tags = re.findall("^Tag: (.+)$", found.read_text("WHEEL") or "", re.MULTILINE)
    about: Line = {"package": package, "version": found.version, "tags": tags}
    return {**about, "modules": modules, "failures": failures}


def named(files: list[PurePath]) -> Iterator[str]:
    """The modules and packages that a user can name first; a package may be in a namespace: ``google.protobuf``."""
    packages = {path.parent for path in files if path.name == "__init__.py"}
    for package in sorted(packages):
        if len(package.parts) == 1 or (len(package.parts) == 2 and package.parent not in packages):
            yield ".".join(package.parts)
    for path in sorted(files):
        if path.suffix == ".py" and len(path.parts) == 1:
            yield path.stem


def compiled(root: Path, files: list[PurePath]) -> Iterator[str]:
    """The extension modules: by the end of their names, and by the function that makes them one.

    Other shared libraries may be called as they are.
    """
    for path in sorted(files):
        name, dot, suffix = path.name.partition(".")
        if dot + suffix in EXTENSION_SUFFIXES and _has(root / path, f"PyInit_{name}\0".encode()):
            yield ".".join((*path.parent.parts, name))


def _has(file: Path, text: bytes) -> bool:
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(text) >= 0


def _run(*arguments: str) -> tuple[str, str]:
    """What a fresh interpreter prints, and what is wrong with how it ended, if anything."""
    command = (sys.executable, *arguments)
    try:
        # What a function may write to is /tmp alone.
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd="/tmp")  # noqa: S108
    except subprocess.TimeoutExpired:
        return "", f"not done after {PATIENCE} s"
    if done.returncode == 0:
        return done.stdout, ""
    if done.returncode < 0:
        return done.stdout, f"ended by signal {-done.returncode}"
    last = (done.stderr.strip() or "nothing said").splitlines()[-1]
    return done.stdout, f"exit code {done.returncode}: {last}"


if __name__ == "__main__":
    main(*sys.argv[1:])
