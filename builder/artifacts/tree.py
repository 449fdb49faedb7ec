"""The tree that stands at /opt: what stands where, with which mode, and where it comes from."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.artifacts.deterministic_zip import EXECUTABLE, Entry, read_entry

PACKAGE = "pypi:"
"""Begins the origin of what is from a package: a source may be called the same."""
RUNTIME = "runtime"
"""The origin of what is this repository's own."""


@dataclass(frozen=True)
class LayerTree:
    """Everything the layer holds, before it is written down."""

    entries: tuple[Entry, ...]
    origins: dict[str, tuple[str, ...]]
    """Path → names of the sources that its bytes come from."""


def gather(interpreter: Path, runtime: Path, bootstrap: bytes, origin: Callable[[str], tuple[str, ...]]) -> LayerTree:
    """Lists what the interpreter's plug-in assembled, the runtime and bootstrap.

    ``origin`` says of a path what it is made of, where that is the plug-in's to know.
    """
    entries = (
        *_walk(interpreter, ""),
        *_walk(runtime, "runtime/"),
        Entry("bootstrap", bootstrap, EXECUTABLE),
    )
    return LayerTree(entries, {entry.path: _origins(entry.path, origin) for entry in entries})


def with_packages(layer: LayerTree, tree: Path, owners: Mapping[str, tuple[str, ...]]) -> LayerTree:
    """Adds what packages brought; ``owners`` maps a path to their names."""
    added = tuple(_walk(tree, ""))
    origins = {entry.path: tuple(f"{PACKAGE}{name}" for name in owners[entry.path]) for entry in added}
    return LayerTree((*layer.entries, *added), layer.origins | origins)


def _walk(root: Path, place: str) -> Iterator[Entry]:
    for folder, folders, files in os.walk(root):
        for name in (*files, *(name for name in folders if Path(folder, name).is_symlink())):
            path = Path(folder, name)
            where = place + path.relative_to(root).as_posix()
            if where != "step.json":
                yield read_entry(path, where)


def _origins(path: str, origin: Callable[[str], tuple[str, ...]]) -> tuple[str, ...]:
    match path.split("/"):
        case ["bootstrap"] | ["runtime", *_]:
            return (RUNTIME,)
        case ["share", "licenses", name, *_]:
            return (name,)
        case _:
            return origin(path)
