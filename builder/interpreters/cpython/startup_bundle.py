"""Writes what every start of a package needs into one file. Run by build-python: ``startup_bundle.py TREE NAME MAIN``.

A start then opens one file instead of a dozen, and searches no path for them. The file is a marshalled tuple of
``(name, code)``, in an order in which each module comes after those that it imports; ``bootstrap`` carries it out.
What a module imports inside a function, or under ``if TYPE_CHECKING``, is not needed at a start, and neither are
docstrings, which are a seventh of the file.
"""

import ast
import marshal
import sys
from os import path


def order(tree: str, main: str) -> list[str]:
    """The modules of a package that importing ``main`` loads, in the order in which they are ready."""
    found: list[str] = []

    def visit(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        for node in ast.parse(_read(_file(tree, name))).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                for module in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                    if module.partition(".")[0] == package and path.exists(_file(tree, module)):
                        visit(module)
        found.append(name)

    package = main.partition(".")[0]
    seen: set[str] = set()
    visit(package)
    visit(main)
    return found


def write_bundle(tree: str, name: str, main: str) -> None:
    """Makes ``start.marshal`` in ``tree``, whose place will be ``name``."""
    modules = tuple(
        (module, compile(_read(file), name + file[len(tree) :], "exec", dont_inherit=True, optimize=2))
        for module in order(tree, main)
        if (file := _file(tree, module))
    )
    with open(path.join(tree, "start.marshal"), "wb") as bundle:
        bundle.write(marshal.dumps(modules))


def _file(tree: str, module: str) -> str:
    place = path.join(tree, *module.split("."))
    return path.join(place, "__init__.py") if path.isdir(place) else f"{place}.py"


def _read(file: str) -> bytes:
    with open(file, "rb") as source:
        return source.read()


if __name__ == "__main__":
    write_bundle(*sys.argv[1:])
