"""What the cache folder takes on the disk, by kind."""

from collections.abc import Iterator
from typing import NamedTuple

from builder.disk import disk_usage
from builder.store import LAYOUT, Store

KINDS = {
    "downloads": "archives and the compiler's wheel",
    "roots": "systems that mmdebstrap made",
    "rivals": "CPython by other compilers, for benchmarks",
    "wheels": "packages for tests and benchmarks",
    "sdists": "sources of packages whose own tests are run",
    "zig": "zig cache: start-up files and link stubs",
    "logs": "what commands printed",
    "work": "steps under way, or given up",
    "trash": "what is on its way out",
}
"""Folders besides that of the steps, and what is in them."""


class Row(NamedTuple):
    """A line of the table."""

    kind: str
    entries: int
    size: int
    """Bytes."""
    what: str


def cache_sizes(store: Store) -> Iterator[Row]:
    """A row for each kind that there is, and one for all."""
    root, steps = store.root, store.root / "store"
    results = list(store.results())
    current = sum(result.current for result in results)
    yield Row("steps", current, disk_usage(store.folder), f"finished, in {steps.name}/{LAYOUT}")
    if older := len(results) - current:
        size = disk_usage(*(result.path for result in results if not result.current))
        yield Row("older steps", older, size, "of an older builder: left alone until they are pruned")
    for name, what in KINDS.items():
        if (root / name).is_dir():
            yield Row(name, sum(1 for _ in (root / name).iterdir()), disk_usage(root / name), what)
    yield Row("total", 0, disk_usage(root), str(root))


def table(store: Store) -> str:
    """The rows as text."""
    lines = (
        f"{row.kind:<12} {row.entries or '':>8} {row.size / 1e6:>9.1f} MB   {row.what}" for row in cache_sizes(store)
    )
    return "\n".join(lines)
