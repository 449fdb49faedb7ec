"""CPython's files → the tree that ships: one interpreter, its standard library as bytecode, the licences."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from builder.executors import Sandbox
from builder.interpreters.cpython import bytecode
from builder.interpreters.cpython.product import executable_of
from builder.interpreters.cpython.relocate import relocate
from builder.interpreters.cpython.trim import read_omissions, trim
from builder.pins import Source
from builder.plan.steps import Assemble
from builder.product import Product
from builder.steps.licences import lay_licences
from builder.unpack import unpack

DATA = ("tzdata",)
TREE_FILES = ("omissions.toml",)

PREFIX = "/opt"
"""Where Lambda unpacks a layer."""

PLACEHOLDER = "Every extension module is inside the interpreter; getpath wants this folder to exist.\n"


def assemble(
    task: Assemble, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path], data: Mapping[str, Path]
) -> None:
    """Makes ``out/`` of the results of all earlier steps and the tzdata wheel."""
    out, executable = work / "out", executable_of(task.product)
    library = out / "lib" / executable
    shutil.copytree(inputs["cpython"] / "lib", out / "lib")
    _lay_interpreter(inputs["cpython"], out, executable)
    for result in inputs.values():
        if (result / "licenses").is_dir():
            shutil.copytree(result / "licenses", out / "share" / "licenses", dirs_exist_ok=True)
    (tzdata,) = task.data
    _lay_time_zones(tzdata, data[tzdata.key], work, library)
    trim(library, read_omissions(task.files["omissions.toml"], task.product.file("omissions.toml")))
    relocate(library)
    keep, environment = ("keep", {}) if task.stdlib == "full" else ("drop", bytecode.WITHOUT_COLUMNS)
    compiling = (bytecode.__file__, f"{PREFIX}/lib/{executable}", keep)
    run_build_python(sandbox, inputs["build_python"], task.product, f"out/lib/{executable}", environment, compiling)
    (library / "lib-dynload").mkdir()
    (library / "lib-dynload" / "README.txt").write_text(PLACEHOLDER, encoding="utf-8")


def run_build_python(
    sandbox: Sandbox, python: Path, product: Product, tree: str, environment: Mapping[str, str], *calls: tuple[str, ...]
) -> None:
    """Runs files of ours on a tree of the work folder, one after the other, each in a fresh build-python.

    A call is the file and its arguments, but for the first, which is the tree.
    """
    sandbox.send(tree)
    sandbox.put(python, "deps/build_python")
    program = f"deps/build_python/bin/{executable_of(product)}"
    for script, *arguments in calls:
        place = f"tmp/{Path(script).name}"
        sandbox.put(Path(script), place)
        sandbox.run((program, "-SP", place, tree, *arguments), environment, cwd=".")
    sandbox.bring(tree)


def _lay_interpreter(cpython: Path, out: Path, executable: str) -> None:
    (out / "bin").mkdir()
    shutil.copy(cpython / "bin" / executable, out / "bin")
    for alias in ("python3", "python"):
        (out / "bin" / alias).symlink_to(executable)


def _lay_time_zones(source: Source, wheel: Path, work: Path, library: Path) -> None:
    """Lays the tzdata package beside the standard library: found with and without ``site``, and after a user's own."""
    unpack(wheel, work / "tzdata")
    lay_licences(source, work / "tzdata", work / "out" / "share")
    shutil.copytree(work / "tzdata", library, dirs_exist_ok=True)
