"""Prefix + runtime/ → the layer: what stands where, with which mode, and where it comes from."""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from builder import ROOT
from builder.artifacts.deterministic_zip import EXECUTABLE, FILE, LINK, Entry

PACKAGE = "pypi:"
"""Begins the origin of what is from a package: a source may be called the same."""

RUNTIME = ROOT / "runtime" / "python"


@dataclass(frozen=True)
class LayerTree:
    """Everything the layer holds, before it is a zip."""

    entries: tuple[Entry, ...]
    origins: dict[str, tuple[str, ...]]
    """Path → the sources in ``pins.toml`` that its bytes come from; ``runtime`` is this repository."""


def lay_runtime(destination: Path) -> None:
    """Copies the loop's modules to where their bytecode can be written."""
    shutil.copytree(RUNTIME, destination, ignore=shutil.ignore_patterns("__pycache__", "bootstrap", "*.pyi"))


def gather(prefix: Path, runtime: Path, linked: tuple[str, ...]) -> LayerTree:
    """Lists the prefix, the compiled runtime and bootstrap; ``linked`` are the sources inside the interpreter."""
    entries = (
        *_walk(prefix, ""),
        *_walk(runtime, "runtime/"),
        Entry("bootstrap", (RUNTIME / "bootstrap").read_bytes(), EXECUTABLE),
    )
    return LayerTree(entries, {entry.path: _origins(entry.path, linked) for entry in entries})


def with_packages(layer: LayerTree, tree: Path, owners: Mapping[str, tuple[str, ...]]) -> LayerTree:
    """Adds what packages brought; ``owners`` maps a path to their names, bytecode is whose the source is."""
    added = tuple(_walk(tree, ""))
    origins = {entry.path: tuple(f"{PACKAGE}{name}" for name in owners[_origin(entry.path)]) for entry in added}
    return LayerTree((*layer.entries, *added), layer.origins | origins)


def _origin(path: str) -> str:
    """``pkg/a.py`` of ``pkg/__pycache__/a.cpython-313.pyc``; else the path itself."""
    folder, _, name = path.rpartition("/__pycache__/")
    return f"{folder}/{name.rsplit('.', 2)[0]}.py" if folder else path


def _walk(root: Path, place: str) -> Iterator[Entry]:
    for folder, folders, files in os.walk(root):
        for name in (*files, *(name for name in folders if Path(folder, name).is_symlink())):
            path = Path(folder, name)
            where = place + path.relative_to(root).as_posix()
            if path.is_symlink():
                yield Entry(where, os.readlink(path).encode(), LINK)
            elif where != "step.json":
                yield Entry(where, path.read_bytes(), EXECUTABLE if path.stat().st_mode & 0o100 else FILE)


def _origins(path: str, linked: tuple[str, ...]) -> tuple[str, ...]:
    match path.split("/"):
        case ["bootstrap"] | ["runtime", *_]:
            return ("runtime",)
        case ["bin", *_]:
            return (*linked, "runtime")
        case ["share", "licenses", name, *_]:
            return (name,)
        case ["lib", _, name, *_] if name.startswith("tzdata"):
            return ("tzdata",)
        case _:
            return ("cpython",)
