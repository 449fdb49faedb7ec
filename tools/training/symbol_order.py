"""Writes ``start-order.txt``: what of the interpreter a start touches, in the order of touching.

The linker lays these functions and data side by side, so that a cold start reads, and a warm one keeps in memory, a
fraction of the pages. Names that a later build no longer has are passed over. Every memory access of one start of the
built layer, up to the second request for an event, is taken from valgrind, and after these those of a bare interpreter,
up to its end; the linker's map says what stands there.
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

RESULT = ROOT / PRODUCT.symbol_order
HEADER = "# What a start touches, in the order of touching: ./nox -s train_order wrote this, and the linker reads it.\n"
PATIENCE = 1800.0
"""Seconds: under valgrind a start takes minutes."""
OUT, SYMBOL = 49, 65
"""Columns of the linker's map where the names of sections and of symbols begin; before them stand four numbers."""


class Symbol(NamedTuple):
    """A function or an object of the interpreter."""

    address: int
    size: int
    name: str


def main() -> int:
    """Writes the file; an exit code."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        print("train_order: valgrind is not there: apt-get install valgrind", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="order-") as folder:
        workspace = make_workspace(Path(folder).resolve())
        symbols = read_map(link_map_of(file_sha256(workspace.python)))
        names = order(symbols, touched(workspace, valgrind))
    RESULT.write_text(HEADER + "".join(f"{name}\n" for name in names), encoding="utf-8")
    print(f"{RESULT}: {len(names)} symbols")
    return 0


def read_map(lines: Iterable[str]) -> list[Symbol]:
    """The symbols of a map of LLD's that have a size, by address."""
    found = []
    for line in lines:
        if line[OUT:SYMBOL].isspace():
            address, _, size, _ = (int(word, 16) for word in line[:OUT].split())
            if size:
                found.append(Symbol(address, size, line[SYMBOL:]))
    return sorted(found)


def order(symbols: Sequence[Symbol], addresses: Iterable[int]) -> list[str]:
    """The names of what stands at the addresses, each once."""
    starts = [symbol.address for symbol in symbols]
    names: dict[str, None] = {}
    for address in addresses:
        place = bisect_right(starts, address) - 1
        if place >= 0 and address < starts[place] + symbols[place].size:
            names[symbols[place].name] = None
    return list(names)


def touched(workspace: Workspace, valgrind: str) -> list[int]:
    """Addresses in the order of touching: those of the loop's start, then those of a bare start and of its end."""
    ours, *_ = workspace.subjects()
    pipe = workspace.root / "accesses"
    os.mkfifo(pipe)
    tracer = (valgrind, "--tool=lackey", "--trace-mem=yes", f"--log-file={pipe}")
    found: list[int] = []

    def start_of_the_loop() -> None:
        with SubjectProcess(workspace, ours, tracer, PATIENCE) as process:
            process.wait_for_request()
            process.invoke(event_bytes())

    def bare_start() -> None:
        subprocess.run((*tracer, workspace.python, "-I", "-S", "-c", "pass"), check=True)

    for work in (start_of_the_loop, bare_start):
        reader = threading.Thread(target=lambda: found.extend(_addresses(pipe)))
        reader.start()
        work()
        reader.join()
    return found


def _addresses(pipe: Path) -> Iterator[int]:
    """Lines are like ``I  004012a0,3`` or `` L 1ffefff6d0,8``; others are valgrind's own words."""
    seen = set()
    with pipe.open("rb") as lines:
        for line in lines:
            address = line[3 : line.find(b",")]
            if address not in seen and line[:2] in (b"I ", b" L", b" S", b" M"):
                seen.add(address)
                yield int(address, 16)


if __name__ == "__main__":
    sys.exit(main())
