"""A layer's size by source and by module, from its manifest and the linker's map of its interpreter.

Sizes are in bytes, unzipped. A node is a path of names from the layer's root.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from builder.context import cache_folder
from builder.fetch import file_sha256
from builder.interpreters.cpython.recipe import LIBRARIES
from builder.repository import load_repository
from builder.store import Store
from tools.bench.files import Unavailable
from tools.support.product import PLATFORM, PRODUCT, TARGET

Sizes = Mapping[tuple[str, ...], int]

ARCHIVES = {
    "libcrypto.a": "openssl",
    "libssl.a": "openssl",
    **{f"lib{word[2:]}.a": name for _, name, link in LIBRARIES.values() for word in link.split()},
}
"""Library → its source; others are CPython's own."""

OUT, IN = 49, 57
"""Columns of the linker's map in which output sections and input sections begin, after four numbers."""
SKIPPED_SECTIONS = (".tbss", ".bss", ".comment", ".shstrtab")
"""Sections that take no space in the file, or belong to no module."""

_ARCHIVE = re.compile(r"(?:.*/)?(?:\w+\.lto\.)?(?P<archive>lib\w+\.a)\((?P<member>[^ )]+)")
_OBJECT = re.compile(r"(?:(?P<folder>.*)/)?(?:\w+\.lto\.)?(?P<name>[^/]+)\.o$")


def link_map_of(sha256: str) -> list[str]:
    """The lines of the linker's map of an interpreter; `Unavailable` unless the store has that interpreter."""
    steps = load_repository().plan(PRODUCT, PLATFORM)
    step, store = next(step for step in steps if step.role == "cpython"), Store(cache_folder())
    python = store.result(step) / "bin" / TARGET.executable
    if not store.has(step) or file_sha256(python) != sha256:
        raise Unavailable("the interpreter was not built from these sources: ./nox -s build_layer")
    return (store.result(step) / "link.map").read_text(encoding="utf-8").splitlines()


def sizes(manifest: Mapping[str, Any], link_map: Iterable[str]) -> Sizes:
    """Node → size, of everything in the layer."""
    found: Counter[tuple[str, ...]] = Counter()
    for entry in manifest["entries"]:
        path = entry["path"]
        if path.startswith("bin/python3."):
            found.update(_interpreter(path, entry["size"], link_map))
        else:
            found[_node(path)] += entry["size"]
    return found


def _interpreter(path: str, size: int, link_map: Iterable[str]) -> Counter[tuple[str, ...]]:
    """The input sections of an executable; the rest of its size is attributed to the linker."""
    found: Counter[tuple[str, ...]] = Counter()
    section = ""
    for line in link_map:
        if line[OUT:IN].strip():
            section = line[OUT:].strip()
        elif line[IN : IN + 1].strip() and section not in SKIPPED_SECTIONS:
            file = line[IN:].rpartition(":(")[0]
            found[path, *_origin(file)] += int(line.split(None, 3)[2], 16)
    found[path, "linker"] += size - found.total()
    return found


def _origin(file: str) -> tuple[str, ...]:
    """``openssl/libcrypto.a/…`` for a library's member, ``cpython/Objects/…`` for an object."""
    if found := _ARCHIVE.match(file):
        archive, member = found["archive"], found["member"].removesuffix(".o")
        return (ARCHIVES.get(archive, "cpython"), archive, member)
    if (found := _OBJECT.match(file)) and not file.startswith("/"):
        return ("cpython", *(found["folder"] or "").split("/"), found["name"])
    return ("linker",)


def _node(path: str) -> tuple[str, ...]:
    """A file's node; a module's source and bytecode share one."""
    return tuple(path.removesuffix(".pyc").split("/"))


def lines(found: Sizes, smallest: float) -> Iterator[str]:
    """The tree as text, largest nodes first, without those below the share ``smallest`` of the total."""
    totals = _totals(found)
    total = totals[()]

    def show(node: tuple[str, ...]) -> Iterator[str]:
        size, name = totals[node], node[-1] if node else "layer"
        yield f"{size:>12,} {size / total:>6.1%}  {'  ' * len(node)}{name}"
        children = [each for each in totals if len(each) == len(node) + 1 and each[:-1] == node]
        for each in sorted(children, key=lambda each: -totals[each]):
            if totals[each] >= smallest * total:
                yield from show(each)

    yield from show(())


def write_treemap(found: Sizes, path: Path) -> None:
    """The tree as a self-contained HTML page."""
    from plotly import graph_objects  # noqa: PLC0415 (it is slow to import)

    totals = _totals(found)
    treemap = graph_objects.Treemap(
        ids=["/".join(node) for node in totals],
        labels=[node[-1] if node else "layer" for node in totals],
        parents=["/".join(node[:-1]) if node else None for node in totals],
        values=list(totals.values()),
        branchvalues="total",
        texttemplate="%{label}<br>%{value:,}",
        maxdepth=4,
    )
    graph_objects.Figure(treemap).update_layout(margin={"t": 0, "l": 0, "r": 0, "b": 0}).write_html(path)


def _totals(found: Sizes) -> Counter[tuple[str, ...]]:
    """Node → size, including everything below it."""
    totals: Counter[tuple[str, ...]] = Counter()
    for node, size in found.items():
        for depth in range(len(node) + 1):
            totals[node[:depth]] += size
    return totals
