"""The step that installs packages: locked packages → ``out/``, with their files as they will stand in the layer."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from builder.artifacts.packages import TREE
from builder.executors import Sandbox
from builder.fetch.report import Report
from builder.interpreters.cpython import bytecode
from builder.interpreters.cpython.assemble import PREFIX, run_build_python
from builder.interpreters.cpython.packages.abi import check_loadable, lacking
from builder.interpreters.cpython.packages.install import install_wheels, installer_version, missing, site_packages
from builder.interpreters.cpython.packages.requirements import read_requirements
from builder.interpreters.cpython.packages.wheels import download_wheels
from builder.interpreters.cpython.target import target_of
from builder.plan.steps import InstallPackages
from builder.platform import Platform
from builder.product import Product


def lock_packages(file: Path, product: Product, platform: Platform) -> InstallPackages:
    """What a requirements file asks for on a platform, whose glibc is that of the oldest system they are for."""
    locked = read_requirements(file, target_of(product, platform))
    return InstallPackages(product, platform, locked.packages, installer_version(), locked.notes)


def install_packages(
    task: InstallPackages, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path], report: Report
) -> None:
    """Fetches, lays out, checks, compiles; what cannot be installed raises one of the errors of these."""
    tree, target = work / "out" / TREE, target_of(task.product, task.platform)
    (work / "wheels").mkdir()
    wheels = download_wheels(task.packages, target, work / "wheels", report)
    tree.mkdir()
    packages = install_wheels(dict(zip(task.packages, wheels, strict=True)), target, tree, work / "staging")
    packages = replace(packages, elf_files=check_loadable(tree, packages.owners, target))
    place = site_packages(target.executable)
    for lack in sorted((*missing(tree / place, target), *lacking(packages.elf_files, packages.owners, target))):
        report.note(lack)
    compiling = (bytecode.__file__, f"{PREFIX}/{place}", "packages")
    run_build_python(sandbox, inputs["build_python"], task.product, f"out/{TREE}/{place}", {}, compiling)
    replace(packages, owners=with_bytecode(tree, packages.owners)).write(work / "out")


def with_bytecode(tree: Path, owners: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Adds the bytecode that was made: it is whose the source is."""
    compiled = (path.relative_to(tree).as_posix() for path in sorted(tree.rglob("__pycache__/*.pyc")))
    return {**owners, **{path: owners[_source(path)] for path in compiled}}


def _source(path: str) -> str:
    """``pkg/a.py`` of ``pkg/__pycache__/a.cpython-313.pyc``."""
    folder, _, name = path.rpartition("/__pycache__/")
    return f"{folder}/{name.rsplit('.', 2)[0]}.py"
