"""The interpreters that layers are built of. Each is a plug-in: a package that has what `Interpreter` names.

The engine plans, compiles, audits and packs; what is one interpreter's own, from its recipes to where its loop's
bytecode stands, it asks the plug-in for. Nothing else in ``builder/`` knows any of them.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from builder.errors import BadProduct
from builder.executors import Sandbox
from builder.plan.keys import Materials
from builder.plan.steps import Assemble, Pack
from builder.platform import Platform
from builder.product import Product
from builder.recipes import Recipe


class Interpreter(Protocol):
    """What a plug-in has, as names of its package."""

    FILES: tuple[str, ...]
    """Files that each of its products has beside ``product.toml``."""
    TREE_FILES: tuple[str, ...]
    """Those of them that `assemble` reads."""
    DATA: tuple[str, ...]
    """Keys of pinned sources that ship beside it as they are."""

    @staticmethod
    def recipes(product: Product, platform: Platform, files: Materials) -> Mapping[str, Recipe]:
        """Its own recipes by name, the interpreter's last; libraries that they need are ``builder.recipes``'."""

    @staticmethod
    def rules() -> Mapping[str, Any]:
        """What the audit asks of its executable, besides what it asks of all: ``exports`` and ``required``."""

    @staticmethod
    def facts(product: Product, files: Materials) -> Mapping[str, Any]:
        """What the manifest says of it under ``interpreter``."""

    @staticmethod
    def origins(path: str, linked: tuple[str, ...]) -> tuple[str, ...]:
        """The sources that a file below /opt is made of; ``linked`` are those inside the interpreter."""

    @staticmethod
    def assemble(
        task: Assemble, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path], data: Mapping[str, Path]
    ) -> None:
        """Makes ``out/`` of the results of what was compiled, by role, and of archives, by their sources' keys."""

    @staticmethod
    def lay_runtime(task: Pack, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path]) -> None:
        """Makes ``runtime/`` in the work folder: the loop as it ships below ``/opt/runtime``."""


def load_interpreter(name: str) -> Interpreter:
    """The plug-in of that name: a module here, or, with a dot in the name, anywhere.

    Raises:
        BadProduct: there is none.
    """
    module = name if "." in name else f"{__name__}.{name}"
    do = "Correct the product's `interpreter`; docs/products.md says how one is added."
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):  # it is there, and something that it imports is not
            raise
        raise BadProduct(f"There is no interpreter {name!r}.", f"No module {module}.", do) from error
    if lacks := [name for name in _NAMES if not hasattr(found, name)]:
        raise BadProduct(f"{name!r} is no interpreter.", f"{module} lacks {', '.join(lacks)}.", do)
    return cast("Interpreter", found)


_NAMES = [name for name in (*Interpreter.__annotations__, *vars(Interpreter)) if not name.startswith("_")]
