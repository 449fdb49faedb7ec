"""Renders the results of `tools.bench.memory` as a page of tables, and as JSON."""

import json
import math
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.bench.huge_pages import SETTING, setting
from tools.bench.interpreters import NOTES
from tools.bench.memory import BLOCK, FIGURES, LARGEST_BLOCK, Results, Row, Value, middle, ratio
from tools.bench.stock import STOCK
from tools.bench.subjects import OURS, THREADED

STEM = "memory"
LIMIT = 1.05
"""A ratio to stock's above this is to be explained."""
HEADINGS = {True: "Huge pages where the system has them", False: "No huge pages"}

ABOUT = f"""\
Each function is a cgroup whose limit is its memory, without swap, and AWS_LAMBDA_FUNCTION_MEMORY_SIZE says how large it
is. On Lambda it is a virtual machine, whose kernel and runtime take some of it, too: the differences between columns
tell more than the figures. Files are in the page cache before, so they are no part of what is charged to the cgroup.

- **largest block after garbage**: a program drops five buffers of 3 MiB and 160,000 dicts, then makes one block and
  writes to all of it; the largest with which it is not killed, found by bisection in steps of 1 MiB.
- **peak**: of the same program with a block of {BLOCK} MiB. Memory that was given back by MADV_FREE counts in both
  until the kernel needs it; pages of files count in VmHWM.
- **idle loop**: at its first request for an event, the handler imported.
- **loop after garbage**: at the next request; the handler has made 40 MiB of dicts and dropped them. LazyFree is what
  was given back by MADV_FREE: the kernel takes it when it needs some.
"""


@dataclass(frozen=True)
class Measured:
    """What the figures are of."""

    product: str
    rounds: int
    cgroup_version: int
    huge_pages: str
    kernel: str
    machine: str


def measured(product: str, rounds: int, cgroup_version: int) -> Measured:
    """The same on this machine."""
    return Measured(product, rounds, cgroup_version, setting(), platform.release(), platform.machine())


def write_report(results: Results, of: Measured, folder: Path) -> str:
    """Writes ``memory.md`` and ``memory.json``; returns the page."""
    page = "\n".join(_page(results, of))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{STEM}.md").write_text(page, encoding="utf-8")
    rows = [
        {"figure": row.figure.name, "limit": row.limit, "huge_pages": row.huge_pages, "values": values}
        for row, values in results.items()
    ]
    (folder / f"{STEM}.json").write_text(json.dumps({**vars(of), "unit": "MiB", "rows": rows}), encoding="utf-8")
    return page


def _page(results: Results, of: Measured) -> Iterator[str]:
    turns = f"{of.rounds} round{'s' * (of.rounds != 1)}"
    yield f"<!-- ./nox -s bench -- memory wrote this, {turns} on {of.machine}. -->"
    yield "# Memory beside stock CPython's"
    yield ""
    yield f"{OURS.capitalize()} is `{of.product}`; `{STOCK}` is stock CPython, compiled alike, with the same loop."
    if any(THREADED in values for values in results.values()):
        yield f"“{THREADED}” is the managed runtime's loop, on the interpreter of {OURS}."
    if notes := [note for name, note in NOTES.items() if any(name in values for values in results.values())]:
        yield f"{'; '.join(notes)}. Programs of all interpreters ran in that Debian, with its libc."
    yield ""
    yield f"MiB; medians of {turns}{_spread(results)}."
    yield f"Linux {of.kernel}, cgroups of version {of.cgroup_version}, {SETTING}: `{of.huge_pages}`."
    yield ""
    yield ABOUT
    yield f"The ratio is that of {OURS} to `{STOCK}`, for blocks the inverse: above 1, {OURS} takes more. Those above"
    yield f"{LIMIT} are bold."
    for huge_pages, heading in HEADINGS.items():
        rows = sorted(
            (row for row in results if row.huge_pages == huge_pages),
            key=lambda row: (FIGURES.index(row.figure), row.limit),
        )
        if rows:
            yield from ("", f"## {heading}", "")
            yield from _table({row: results[row] for row in rows})
            yield ""
            yield from _exceeding(results, rows)
    yield ""


def _table(rows: Results) -> Iterator[str]:
    others = list(dict.fromkeys(name for values in rows.values() for name in values if name not in (OURS, STOCK)))
    yield f"| | function | {' | '.join((OURS, STOCK, 'ratio', *others))} |"
    yield f"| --- | ---: |{' ---: |' * (3 + len(others))}"
    for row, values in rows.items():
        cells = (
            *(_cell(row, values[name]) for name in (OURS, STOCK)),
            _ratio_cell(ratio(row, values)),
            *(_cell(row, values[name]) if name in values else "" for name in others),
        )
        yield f"| {row.figure.name} | {row.limit} MB | {' | '.join(cells)} |"


def _cell(row: Row, values: list[Value]) -> str:
    value = middle(values)
    if value is None:
        return "killed"
    return f"{value:.0f}" if row.figure is LARGEST_BLOCK else f"{value:.1f}"


def _ratio_cell(number: float | None) -> str:
    if number is None:
        return ""
    return f"**{_written(number)}**" if number > LIMIT else _written(number)


def _written(number: float) -> str:
    return "∞" if math.isinf(number) else f"{number:.3f}"


def _exceeding(results: Results, rows: list[Row]) -> Iterator[str]:
    """The rows above the limit, by name."""
    found = [(row, number) for row in rows if (number := ratio(row, results[row])) is not None and number > LIMIT]
    if not found:
        yield f"No ratio is above {LIMIT}."
        return
    yield f"Above {LIMIT}:"
    yield ""
    for row, number in found:
        yield f"- {row.figure.name}, {row.limit} MB: {_written(number)}"


def _spread(results: Mapping[Row, Mapping[str, list[Value]]]) -> str:
    """How far apart the rounds are, at most; empty of one round."""
    spreads: dict[bool, list[float]] = {True: [], False: []}
    for row, contestants in results.items():
        for values in contestants.values():
            lived = [value for value in values if value is not None]
            if len(lived) > 1:
                spreads[row.figure is LARGEST_BLOCK].append(max(lived) - min(lived))
    if not all(spreads.values()):
        return ""
    return f", which differ by at most {max(spreads[True]):.0f} in blocks and {max(spreads[False]):.1f} in the rest"
