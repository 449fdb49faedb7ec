"""What the managed runtime has imported before the function is, and this one has not: found when it is asked for.

Importing ``logging`` costs 10 ms. So its handler waits in the import system until the function asks for it, and
whoever does not pays for one more comparison per import. The same for the modules of the managed runtime itself, whose
insides libraries look at, and replace: ``awslambdaric`` is found here, in ``sys.modules`` it is not.
"""

import sys
from _frozen_importlib import _find_spec  # type: ignore[attr-defined]
from _frozen_importlib_external import PathFinder, spec_from_file_location

from layer_runtime import __path__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from layer_runtime.api import RuntimeApi

SNAPSHOT_HOOKS = "snapshot_restore_py"
MANAGED = "awslambdaric"
MANAGED_LOOP = "layer_runtime.managed"
"""What the modules of ``awslambdaric`` import."""
IMPORTED_THERE = frozenset((
    "__future__", "_colorize", "_weakrefset", "collections", "contextlib", "copyreg", "decimal", "encodings", "enum",
    "functools", "importlib", "json", "keyword", "linecache", "logging", "numbers", "operator", "re", "reprlib",
    "string", "textwrap", "threading", "traceback", "types", "warnings", "weakref",
))  # fmt: skip
"""Of the standard library, what the managed runtime has imported when the function's folder gets onto the path.

A file of such a name in that folder is never imported there: neither by the function nor by the standard library.
"""


def install_managed(folders: "list[str]") -> None:
    """Puts the finder of what the managed runtime has imported before the path's own.

    ``folders`` are those of ``sys.path`` without the function's and the layers'.
    """
    ManagedFinder.folders = folders
    sys.meta_path.insert(-1, ManagedFinder)  # Before the one that looks through sys.path, which is always last.
    vars(sys.modules["__main__"])["__getattr__"] = _get_from_main


def install(api: "RuntimeApi") -> None:
    """Puts the finders in their places: before the path's own for ``logging``, behind all for what nobody else has.

    ``api`` is for the modules of ``awslambdaric``.
    """
    ManagedFinder.api = api
    if module := sys.modules.get("logging"):  # An exec wrapper's sitecustomize wanted it.
        _set_up(module)
    else:
        sys.meta_path.insert(-2, LoggingFinder)  # Before ManagedFinder.
    sys.meta_path.append(SnapshotHooksFinder)


class ManagedFinder:
    """Finds what the managed runtime has imported, and the function's folder cannot have."""

    folders: "Sequence[str]" = ()
    api: "RuntimeApi | None" = None

    @staticmethod
    def find_spec(name: str, path: "Sequence[str] | None" = None, _target: object = None) -> "ModuleSpec | None":
        if path is not None:
            return None
        if name in IMPORTED_THERE:
            return PathFinder.find_spec(name, ManagedFinder.folders)
        if name == MANAGED:
            return PathFinder.find_spec(name, [__path__[0].rpartition("/")[0]])
        return None


def _get_from_main(name: str) -> "ModuleType":
    """What the managed runtime's start script has imported into ``__main__``, where libraries look for it."""
    if name != "awslambdaricmain":
        raise AttributeError(f"module '__main__' has no attribute {name!r}")
    module: ModuleType = __import__(f"{MANAGED}.__main__", fromlist=("bootstrap",))
    return module


class LoggingFinder:
    """Finds ``logging`` where it is, and sets it up when it has run."""

    @staticmethod
    def find_spec(
        name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        if name != "logging":
            return None
        sys.meta_path.remove(LoggingFinder)
        spec: ModuleSpec | None = _find_spec(name, path, target)
        if spec is not None and (loader := spec.loader) is not None:

            def run(module: "ModuleType") -> None:
                del loader.exec_module
                loader.exec_module(module)
                _set_up(module)

            loader.exec_module = run  # type: ignore[method-assign]
        return spec


class SnapshotHooksFinder:
    """Finds the module that the managed runtime brings along too; the function's own copy comes first."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> "ModuleSpec | None":
        if name != SNAPSHOT_HOOKS:
            return None
        folder = __path__[0].rpartition("/")[0]
        return spec_from_file_location(name, f"{folder}/{name}.py")


def _set_up(module: "ModuleType") -> None:
    if not hasattr(module, "getLogger"):
        return  # Some module on PYTHONPATH that goes by that name.
    from layer_runtime.function_logging import set_up

    set_up()
