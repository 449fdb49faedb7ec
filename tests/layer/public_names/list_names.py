"""Prints the public names of the standard library's public modules, as the interpreter that runs this has them.

A line for each module: its name and a colon, then its names in order. Modules that cannot be imported have no line, and
names that are modules no place: which are there depends on what was imported before.
"""

import contextlib
import importlib
import io
import pkgutil
import sys
import types
import warnings

LEFT_OUT = {"test", "idlelib", "turtledemo", "lib2to3", "this", "antigravity"}
"""Tests, programs, what is not in every series, what prints and what opens a browser."""


def names(module: str) -> None:
    """Prints the lines of a module and of those below it."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            imported = importlib.import_module(module)
    except ImportError:
        return
    kept = (name for name, value in vars(imported).items() if not isinstance(value, types.ModuleType))
    print(f"{module}: {' '.join(sorted(name for name in kept if not name.startswith('_')))}".rstrip())
    for below in sorted(each.name for each in pkgutil.iter_modules(getattr(imported, "__path__", ()))):
        if not below.startswith("_") and below not in ("test", "tests"):
            names(f"{module}.{below}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for module in sorted(sys.stdlib_module_names - LEFT_OUT):
        if not module.startswith("_"):
            names(module)
