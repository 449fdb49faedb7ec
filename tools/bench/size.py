"""What takes the space in a layer, by source and by module: its manifest, and the linker's map of its interpreter.

Sizes are in bytes, unzipped. A place is a path of names from the layer's root down.
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
    **{f"lib{word[2:]}.a": name for name, link in LIBRARIES.values() for word in link.split()},
}
"""Library → its source; others are CPython's own."""

OUT, IN = 49, 57
"""Columns of the linker's map where sections that go out and sections that come in begin; before stand four numbers."""
IN_NO_FILE = (".tbss", ".bss", ".comment", ".shstrtab")

_ARCHIVE = re.compile(r"(?:.*/)?(?:\w+\.lto\.)?(?P<archive>lib\w+\.a)\((?P<member>[^ )]+)")
_OBJECT = re.compile(r"(?:(?P<folder>.*)/)?(?:\w+\.lto\.)?(?P<name>[^/]+)\.o$")


def link_map_of(sha256: str) -> list[str]:
    """The lines of the map that the linker wrote of an interpreter; Unavailable unless that is the store's."""
    steps = load_repository().plan(PRODUCT, PLATFORM)
    step, store = next(step for step in steps if step.role == "cpython"), Store(cache_folder())
    python = store.result(step) / "bin" / TARGET.executable
    if not store.has(step) or file_sha256(python) != sha256:
        raise Unavailable("this is not the interpreter that these sources give: ./nox -s build_layer")
    return (store.result(step) / "link.map").read_text(encoding="utf-8").splitlines()


def sizes(manifest: Mapping[str, Any], link_map: Iterable[str]) -> Sizes:
    """Place → size, of all that the layer holds."""
    found: Counter[tuple[str, ...]] = Counter()
    for entry in manifest["entries"]:
        path = entry["path"]
        if path.startswith("bin/python3."):
            found.update(_interpreter(path, entry["size"], link_map))
        else:
            found[_place(path)] += entry["size"]
    return found


def _interpreter(path: str, size: int, link_map: Iterable[str]) -> Counter[tuple[str, ...]]:
    """What the linker put into a file, and under the linker's own name the rest of it."""
    found: Counter[tuple[str, ...]] = Counter()
    section = ""
    for line in link_map:
        if line[OUT:IN].strip():
            section = line[OUT:].strip()
        elif line[IN : IN + 1].strip() and section not in IN_NO_FILE:
            file = line[IN:].rpartition(":(")[0]
            found[path, *_origin(file)] += int(line.split(None, 3)[2], 16)
    found[path, "linker"] += size - found.total()
    return found


def _origin(file: str) -> tuple[str, ...]:
    """``openssl/libcrypto.a/…`` of a library's member, ``cpython/Objects/…`` of an object."""
    if found := _ARCHIVE.match(file):
        archive, member = found["archive"], found["member"].removesuffix(".o")
        return (ARCHIVES.get(archive, "cpython"), archive, member)
    if (found := _OBJECT.match(file)) and not file.startswith("/"):
        return ("cpython", *(found["folder"] or "").split("/"), found["name"])
    return ("linker",)


def _place(path: str) -> tuple[str, ...]:
    """A file's place; a module's is that of its source and its bytecode."""
    return tuple(path.removesuffix(".pyc").split("/"))


def lines(found: Sizes, smallest: float) -> Iterator[str]:
    """The tree as text, without what has less than a share of the whole; the largest first."""
    totals = _totals(found)
    whole = totals[()]

    def show(place: tuple[str, ...]) -> Iterator[str]:
        size, name = totals[place], place[-1] if place else "layer"
        yield f"{size:>12,} {size / whole:>6.1%}  {'  ' * len(place)}{name}"
        below = [each for each in totals if len(each) == len(place) + 1 and each[:-1] == place]
        for each in sorted(below, key=lambda each: -totals[each]):
            if totals[each] >= smallest * whole:
                yield from show(each)

    yield from show(())


def write_treemap(found: Sizes, path: Path) -> None:
    """The tree as a page of HTML that needs nothing else."""
    from plotly import graph_objects  # noqa: PLC0415 (it takes long to import)

    totals = _totals(found)
    treemap = graph_objects.Treemap(
        ids=["/".join(place) for place in totals],
        labels=[place[-1] if place else "layer" for place in totals],
        parents=["/".join(place[:-1]) if place else None for place in totals],
        values=list(totals.values()),
        branchvalues="total",
        texttemplate="%{label}<br>%{value:,}",
        maxdepth=4,
    )
    graph_objects.Figure(treemap).update_layout(margin={"t": 0, "l": 0, "r": 0, "b": 0}).write_html(path)


def _totals(found: Sizes) -> Counter[tuple[str, ...]]:
    """Place → size of all that is there and below."""
    totals: Counter[tuple[str, ...]] = Counter()
    for place, size in found.items():
        for depth in range(len(place) + 1):
            totals[place[:depth]] += size
    return totals
