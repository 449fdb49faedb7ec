"""What happens when the function imports ``logging``, and where ``snapshot_restore_py`` is found.

Importing ``logging`` costs 10 ms. So its handler waits in the import system until the function asks for it, and
whoever does not pays for one more comparison per import.
"""

import sys
from _frozen_importlib import _find_spec  # type: ignore[attr-defined]
from _frozen_importlib_external import spec_from_file_location

from layer_runtime import __path__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

SNAPSHOT_HOOKS = "snapshot_restore_py"


def install() -> None:
    """Puts the finders in their places: before the path's own for ``logging``, behind all for what nobody else has."""
    if module := sys.modules.get("logging"):  # An exec wrapper's sitecustomize wanted it.
        _set_up(module)
    else:
        sys.meta_path.insert(-1, LoggingFinder)  # Before the one that looks through sys.path, which is always last.
    sys.meta_path.append(SnapshotHooksFinder)


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
        return  # Some module of the function's own that goes by that name.
    from layer_runtime.function_logging import set_up

    set_up()
