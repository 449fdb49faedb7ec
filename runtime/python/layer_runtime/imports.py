"""What the managed runtime has imported before the function is, and this one has not: found when it is asked for.

Importing ``logging`` costs 10 ms. So its handler waits in the import system until the function asks for it, and
whoever does not pays for one more comparison per import. The same for the modules of the managed runtime itself, whose
insides libraries look at, and replace: ``awslambdaric`` is found here, in ``sys.modules`` it is not.
"""

import sys
from _frozen_importlib_external import PathFinder

from layer_runtime import __path__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
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
    *(() if sys.version_info < (3, 14) else (
        "_opcode_metadata", "_py_warnings", "annotationlib", "ast", "codeop", "copy", "dataclasses", "dis", "inspect",
        "opcode", "token", "tokenize",
    )),
))  # fmt: skip
"""Of the standard library, what the managed runtime has imported when the function's folder gets onto the path.

A file of such a name in that folder is never imported there: neither by the function nor by the standard library.
"""


def install(folders: "Sequence[str]") -> None:
    """Puts the finder in its place.

    ``folders`` are those of ``sys.path`` without the function's and the layers'.
    """
    Finder.folders = folders
    sys.meta_path.insert(-1, Finder)  # Before the one that looks through sys.path, which is always last.
    vars(sys.modules["__main__"])["__getattr__"] = _get_from_main


def serve(api: "RuntimeApi") -> None:
    """Begins with what is the function's own doing: from here on ``logging`` is set up when it is imported.

    ``api`` is for the modules of ``awslambdaric``.
    """
    Finder.api = api
    if module := sys.modules.get("logging"):  # An exec wrapper's sitecustomize wanted it.
        _set_up(module)
    else:
        Finder.sets_up = True


class Finder:
    """Finds what the managed runtime has imported before the function, and the modules that it brings along."""

    folders: "Sequence[str]" = ()
    api: "RuntimeApi | None" = None
    sets_up = False

    @staticmethod
    def find_spec(name: str, path: "Sequence[str] | None" = None, _target: object = None) -> "ModuleSpec | None":
        if path is not None:
            return None
        if name in IMPORTED_THERE:
            spec: ModuleSpec | None = PathFinder.find_spec(name, Finder.folders)
            if name == "logging" and Finder.sets_up and spec is not None and spec.loader is not None:
                Finder.sets_up = False
                _set_up_after(spec.loader)
            return spec
        if name == MANAGED:
            return PathFinder.find_spec(name, [_folder()])
        if name == SNAPSHOT_HOOKS:  # The function's own copy comes first.
            return PathFinder.find_spec(name) or PathFinder.find_spec(name, [_folder()])
        return None


def _folder() -> str:
    return __path__[0].rpartition("/")[0]


def _set_up_after(loader: "Loader") -> None:
    def run(module: "ModuleType") -> None:
        del loader.exec_module
        loader.exec_module(module)
        _set_up(module)

    loader.exec_module = run  # type: ignore[method-assign]


def _get_from_main(name: str) -> "ModuleType":
    """What the managed runtime's start script has imported into ``__main__``, where libraries look for it."""
    if name != "awslambdaricmain":
        raise AttributeError(f"module '__main__' has no attribute {name!r}")
    module: ModuleType = __import__(f"{MANAGED}.__main__", fromlist=("bootstrap",))
    return module


def _set_up(module: "ModuleType") -> None:
    if not hasattr(module, "getLogger"):
        return  # Some module on PYTHONPATH that goes by that name.
    from layer_runtime.function_logging import set_up

    set_up()
