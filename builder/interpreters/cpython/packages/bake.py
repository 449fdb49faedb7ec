"""The step that bakes: locked packages → ``out/``, with their files as they will stand in the layer."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from builder.executors import Sandbox
from builder.fetch.report import Report
from builder.interpreters.cpython import bytecode
from builder.interpreters.cpython.assemble import PREFIX, run_build_python
from builder.interpreters.cpython.packages.abi import check_loadable
from builder.interpreters.cpython.packages.install import TREE, install_wheels, missing, site_packages
from builder.interpreters.cpython.packages.wheels import download_wheels
from builder.plan import Bake


def bake(task: Bake, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path], report: Report) -> None:
    """Fetches, lays out, checks, compiles; what cannot be baked raises one of the errors of these."""
    tree, target = work / "out" / TREE, task.target
    (work / "wheels").mkdir()
    wheels = download_wheels(task.packages, target, work / "wheels", report)
    tree.mkdir()
    packages = install_wheels(dict(zip(task.packages, wheels, strict=True)), target, tree, work / "staging")
    packages = replace(packages, elf_files=check_loadable(tree, packages.owners, target))
    place = site_packages(target.series)
    for lack in sorted(missing(tree / place, target)):
        report.note(lack)
    compiling = (bytecode.__file__, f"{PREFIX}/{place}", "packages")
    run_build_python(sandbox, inputs["build_python"], target.series, f"out/{TREE}/{place}", {}, compiling)
    packages.write(work / "out")
