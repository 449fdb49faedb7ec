"""What installs packages in a layer: a part of the plug-ins of those interpreters that have packages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from builder.errors import BadProduct
from builder.executors import Sandbox
from builder.fetch.report import Report
from builder.interpreters import load_interpreter
from builder.plan.steps import InstallPackages
from builder.platform import Platform
from builder.product import Product


class PackageManager(Protocol):
    """What a plug-in has besides if packages can be installed in its layers (``--packages``)."""

    @staticmethod
    def lock_packages(file: Path, product: Product, platform: Platform) -> InstallPackages:
        """What a file of ``--packages`` asks for; `NotLocked` if it leaves open which bytes that is."""

    @staticmethod
    def install_packages(
        task: InstallPackages, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path], report: Report
    ) -> None:
        """Makes ``out/tree/`` and ``out/packages.json`` of packages; only asked for if ``--packages`` was."""


def load_package_manager(name: str) -> PackageManager:
    """An interpreter's plug-in as one that installs packages; `BadProduct` if it does not."""
    found = load_interpreter(name)
    if not hasattr(found, "lock_packages"):
        do = "Leave --packages out; packages can be part of the function."
        raise BadProduct(f"{name} has no packages that could be installed.", "Its plug-in does not know any.", do)
    return cast("PackageManager", found)
