"""Which files of the repository decide what a step leaves: their digests go into its key.

The code that carries a step out is found from its imports, so no list of it can be incomplete. What the plan itself
computes (recipes, pins, policies, the platform) goes into keys as values, and the modules that define it do not count:
a new comment in a recipe rebuilds nothing.
"""

import ast
import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from builder import ROOT

READ = ("builder", "patches", "products", "runtime")
"""The folders that steps may depend on."""

NEUTRAL: Mapping[str, str] = {
    "builder": "names and the repository's place",
    "builder.cancellation": "a step that is ended leaves nothing",
    "builder.errors": "messages",
    "builder.executors": "the same bytes come from each, and CI compares them; the environment is a value in keys",
    "builder.fetch": "what it brings is checked by sha256",
    "builder.flags": "defines data that enters keys as values",
    "builder.interpreters.folder": "reads data that enters keys as values",
    "builder.pins": "defines data that enters keys as values",
    "builder.plan": "defines data that enters keys as values",
    "builder.platform": "defines data that enters keys as values",
    "builder.product": "defines data that enters keys as values",
    "builder.recipes": "defines data that enters keys as values",
    "builder.toolchain": "defines data that enters keys as values",
}
"""Modules (and all below them) that decide no byte of a step that imports them → why."""


@dataclass(frozen=True)
class Materials:
    """The repository's files as a plan sees them: their bytes, by path from its root."""

    contents: Mapping[str, bytes]

    @cached_property
    def sha256(self) -> Mapping[str, str]:
        """Path → sha256."""
        return {path: hashlib.sha256(content).hexdigest() for path, content in self.contents.items()}

    def text(self, path: str) -> str:
        return self.contents[path].decode()

    def toml(self, path: str) -> dict[str, Any]:
        return tomllib.loads(self.text(path))

    def below(self, folder: str) -> dict[str, str]:
        """Path → sha256 of the files below a folder, sorted."""
        return {path: digest for path, digest in sorted(self.sha256.items()) if path.startswith(f"{folder}/")}

    def code(self, *modules: str) -> dict[str, str]:
        """Path → sha256 of some modules and all that they import, but for what is `NEUTRAL`; sorted."""
        found: dict[str, str] = {}
        left = list(modules)
        assert all(map(self._path, left)), f"the code of {', '.join(left)} is to be read, too"
        while left:
            path = self._path(left.pop())
            if path and path not in found:
                found[path] = self.sha256[path]
                left += (name for name in map(self._module, _imports(self.contents[path])) if not _is_neutral(name))
        return dict(sorted(found.items()))

    def _module(self, name: str) -> str:
        """The module that a name is of: the name itself if it is a module's, else what stands before its last dot."""
        return name if self._path(name) else name.rpartition(".")[0]

    def _path(self, module: str) -> str:
        """A module's file; empty for what is none of the repository's."""
        base = module.replace(".", "/")
        return next((path for path in (f"{base}.py", f"{base}/__init__.py") if path in self.contents), "")


def read_materials(root: Path = ROOT, folders: Iterable[str] = READ) -> Materials:
    """Reads the files that steps may depend on."""
    paths = (path for folder in folders for path in sorted((root / folder).rglob("*")))
    kept = (path for path in paths if path.is_file() and path.suffix != ".pyc")
    return Materials({path.relative_to(root).as_posix(): path.read_bytes() for path in kept})


def _is_neutral(module: str) -> bool:
    return any(module == name or (name != "builder" and module.startswith(f"{name}.")) for name in NEUTRAL)


@cache
def _imports(source: bytes) -> tuple[str, ...]:
    """The names that a module imports: ``a.b`` of ``from a import b``, whether that is a module or something in one.

    A package that only leads to a module is not among them: what its ``__init__`` names for others is not used.
    """
    return tuple(_imported(ast.parse(source).body))


def _imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            yield from _imported(ast.iter_child_nodes(node))
