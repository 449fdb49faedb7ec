"""CPython's files → the prefix that ships: one interpreter, its standard library as bytecode, the licences."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from builder.executors import Sandbox
from builder.interpreters.cpython import bytecode
from builder.interpreters.cpython.relocate import relocate
from builder.interpreters.cpython.trim import read_omissions, trim
from builder.pins import Source
from builder.plan import Assemble
from builder.unpack import unpack

PREFIX = "/opt"
"""Where Lambda unpacks a layer."""

PLACEHOLDER = "Every extension module is inside the interpreter; getpath wants this folder to exist.\n"


def assemble(task: Assemble, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path], wheel: Path) -> None:
    """Makes ``out/`` of the results of all earlier steps and the tzdata wheel."""
    out, series = work / "out", task.target.series
    library = out / "lib" / f"python{series}"
    shutil.copytree(inputs["cpython"] / "lib", out / "lib")
    _lay_interpreter(inputs["cpython"], out, series)
    for result in inputs.values():
        if (result / "licenses").is_dir():
            shutil.copytree(result / "licenses", out / "share" / "licenses", dirs_exist_ok=True)
    _lay_time_zones(task.tzdata, wheel, work, library)
    trim(library, read_omissions())
    relocate(library)
    keep, environment = ("keep", {}) if task.stdlib == "full" else ("drop", bytecode.WITHOUT_COLUMNS)
    compiling = (bytecode.__file__, f"{PREFIX}/lib/python{series}", keep)
    run_build_python(sandbox, inputs["build_python"], series, f"out/lib/python{series}", environment, compiling)
    (library / "lib-dynload").mkdir()
    (library / "lib-dynload" / "README.txt").write_text(PLACEHOLDER, encoding="utf-8")


def run_build_python(
    sandbox: Sandbox, python: Path, series: str, tree: str, environment: Mapping[str, str], *calls: tuple[str, ...]
) -> None:
    """Runs files of ours on a tree of the work folder, one after the other, each in a fresh build-python.

    A call is the file and its arguments, but for the first, which is the tree.
    """
    sandbox.send(tree)
    sandbox.put(python, "deps/build_python")
    for script, *arguments in calls:
        place = f"tmp/{Path(script).name}"
        sandbox.put(Path(script), place)
        sandbox.run((f"deps/build_python/bin/python{series}", "-SP", place, tree, *arguments), environment, cwd=".")
    sandbox.bring(tree)


def _lay_interpreter(cpython: Path, out: Path, series: str) -> None:
    (out / "bin").mkdir()
    shutil.copy(cpython / "bin" / f"python{series}", out / "bin")
    for alias in ("python3", "python"):
        (out / "bin" / alias).symlink_to(f"python{series}")


def lay_licences(source: Source, tree: Path, destination: Path) -> None:
    """Copies a source's licences to ``licenses/<source>/`` below a folder."""
    folder = destination / "licenses" / source.name
    folder.mkdir(parents=True)
    for path in source.licence_files:
        shutil.copyfile(tree / path, folder / Path(path).name)


def _lay_time_zones(source: Source, wheel: Path, work: Path, library: Path) -> None:
    """Lays the tzdata package beside the standard library: found with and without ``site``, and after a user's own."""
    unpack(wheel, work / "tzdata")
    lay_licences(source, work / "tzdata", work / "out" / "share")
    shutil.copytree(work / "tzdata", library, dirs_exist_ok=True)
