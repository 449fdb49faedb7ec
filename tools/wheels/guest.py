"""Runs in the guest: imports packages and runs scenarios, each in a fresh process, and prints a line of JSON for each.

``guest.py <task>...``, a task being a script of ``scenarios/`` or ``package[:module to import first]...``. It needs
only the layer's interpreter and the standard library.
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
TIMEOUT = 300
"""Seconds for one process: the slowest takes a few on an idle machine."""

Line = dict[str, object]


def main(*tasks: str) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for line in pool.map(_run_task, tasks):
            print(json.dumps(line), flush=True)


def _run_task(task: str) -> Line:
    name, *first = task.split(":")
    return run_scenario(name) if name.endswith(".py") else import_package(name, first)


def run_scenario(name: str) -> Line:
    """Runs a script, which raises an exception on failure."""
    output, failure = _run(str(HERE / "scenarios" / name))
    return {"name": name, "output": output.strip(), "failures": {"": failure} if failure else {}}


def import_package(package: str, first: list[str]) -> Line:
    """Imports a package's top-level modules and all its extension modules."""
    found = distribution(package)
    files = [PurePath(path) for path in found.files or ()]
    root = Path(str(found.locate_file("")))
    modules = [*first, *top_level_modules(files), *extension_modules(root, files)]
    output, failure = _run("-P", str(HERE / "probe.py"), *modules)  # -P: keeps the probe's folder off sys.path
    failures = dict.fromkeys(modules, failure) if failure else json.loads(output.splitlines()[-1])
    tags = re.findall("^Tag: (.+)$", found.read_text("WHEEL") or "", re.MULTILINE)
    about: Line = {"package": package, "version": found.version, "tags": tags}
    return {**about, "modules": modules, "failures": failures}


def top_level_modules(files: list[PurePath]) -> Iterator[str]:
    """The modules and packages that users import first; a package may be in a namespace: ``google.protobuf``."""
    packages = {path.parent for path in files if path.name == "__init__.py"}
    for package in sorted(packages):
        if len(package.parts) == 1 or (len(package.parts) == 2 and package.parent not in packages):
            yield ".".join(package.parts)
    for path in sorted(files):
        if path.suffix == ".py" and len(path.parts) == 1:
            yield path.stem


def extension_modules(root: Path, files: list[PurePath]) -> Iterator[str]:
    """The extension modules, recognised by suffix and by their init function.

    Other shared libraries may have the same suffix.
    """
    for path in sorted(files):
        name, dot, suffix = path.name.partition(".")
        if dot + suffix in EXTENSION_SUFFIXES and _contains(root / path, f"PyInit_{name}\0".encode()):
            yield ".".join((*path.parent.parts, name))


def _contains(file: Path, text: bytes) -> bool:
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(text) >= 0


def _run(*arguments: str) -> tuple[str, str]:
    """What a fresh interpreter prints, and how it failed, if it did."""
    command = (sys.executable, *arguments)
    try:
        # A function may write only to /tmp.
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False, cwd="/tmp")  # noqa: S108
    except subprocess.TimeoutExpired:
        return "", f"timed out after {TIMEOUT} s"
    if done.returncode == 0:
        return done.stdout, ""
    if done.returncode < 0:
        return done.stdout, f"ended by signal {-done.returncode}"
    last = (done.stderr.strip() or "no message").splitlines()[-1]
    return done.stdout, f"exit code {done.returncode}: {last}"


if __name__ == "__main__":
    main(*sys.argv[1:])
