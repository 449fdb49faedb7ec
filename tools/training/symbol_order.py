"""Writes the symbol order, ``fast.symbols.txt``: the interpreter's symbols in the order in which start-up touches them.

The linker places these functions and data next to each other, so that a cold start reads, and a warm one keeps in
memory, a fraction of the pages. It ignores names that a later build no longer has. valgrind traces every memory access
of one start of the built layer, up to the second request for an event, and then of a bare interpreter, up to its exit;
the linker's map resolves the addresses.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from builder import ROOT
from builder.fetch import file_sha256
from tools.bench.api import SubjectProcess, event_bytes
from tools.bench.size import link_map_of
from tools.bench.subjects import Workspace, make_workspace
from tools.support.product import PRODUCT

RESULT = ROOT / PRODUCT.file(f"{PRODUCT.variant}.symbols.txt")
HEADER = "# Symbols in the order in which start-up touches them, for the linker. Written by ./nox -s symbol_order.\n"
TIMEOUT = 1800.0
"""Seconds: under valgrind a start takes minutes."""
OUT, SYMBOL = 49, 65
"""Columns of the linker's map in which the names of sections and of symbols begin, after four numbers."""


class Symbol(NamedTuple):
    """A function or an object of the interpreter."""

    address: int
    size: int
    name: str


def main() -> int:
    """Writes the file and returns the exit code."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        print("symbol_order: valgrind is not installed: apt-get install valgrind", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="order-") as folder:
        workspace = make_workspace(Path(folder).resolve())
        symbols = read_map(link_map_of(file_sha256(workspace.python)))
        names = order(symbols, trace(workspace, valgrind))
    RESULT.write_text(HEADER + "".join(f"{name}\n" for name in names), encoding="utf-8")
    print(f"{RESULT}: {len(names)} symbols")
    return 0


def read_map(lines: Iterable[str]) -> list[Symbol]:
    """The symbols with a size in LLD's map, by address."""
    found = []
    for line in lines:
        if line[OUT:SYMBOL].isspace():
            address, _, size, _ = (int(word, 16) for word in line[:OUT].split())
            if size:
                found.append(Symbol(address, size, line[SYMBOL:]))
    return sorted(found)


def order(symbols: Sequence[Symbol], addresses: Iterable[int]) -> list[str]:
    """The names of the symbols at the addresses, each once, in order of first access."""
    starts = [symbol.address for symbol in symbols]
    names: dict[str, None] = {}
    for address in addresses:
        index = bisect_right(starts, address) - 1
        if index >= 0 and address < starts[index] + symbols[index].size:
            names[symbols[index].name] = None
    return list(names)


def trace(workspace: Workspace, valgrind: str) -> list[int]:
    """Addresses in order of access: those of the loop's start, then those of a bare interpreter's start and exit."""
    ours, *_ = workspace.subjects()
    pipe = workspace.root / "accesses"
    os.mkfifo(pipe)
    tracer = (valgrind, "--tool=lackey", "--trace-mem=yes", f"--log-file={pipe}")
    found: list[int] = []

    def start_loop() -> None:
        with SubjectProcess(workspace, ours, tracer, TIMEOUT) as process:
            process.wait_for_request()
            process.invoke(event_bytes())

    def start_bare_interpreter() -> None:
        subprocess.run((*tracer, workspace.python, "-I", "-S", "-c", "pass"), check=True)

    for start in (start_loop, start_bare_interpreter):
        reader = threading.Thread(target=lambda: found.extend(_addresses(pipe)))
        reader.start()
        start()
        reader.join()
    return found


def _addresses(pipe: Path) -> Iterator[int]:
    """Lines are like ``I  004012a0,3`` or `` L 1ffefff6d0,8``; others are valgrind's messages."""
    seen = set()
    with pipe.open("rb") as lines:
        for line in lines:
            address = line[3 : line.find(b",")]
            if address not in seen and line[:2] in (b"I ", b" L", b" S", b" M"):
                seen.add(address)
                yield int(address, 16)


if __name__ == "__main__":
    sys.exit(main())
