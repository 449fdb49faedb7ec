"""Renders the results of `tools.bench.interpreter` as a page with tables."""

import json
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.bench.interpreter import Values, geometric_mean, least
from tools.bench.interpreters import NOTES
from tools.bench.stock import STOCK

STEM = "interpreter"

Results = Mapping[str, Values]
"""Interpreter → result → seconds per iteration; ours first."""


def write_report(results: Results, versions: Mapping[str, str], product: str, rounds: int, folder: Path) -> str:
    """Writes ``interpreter.md`` and ``.json``; returns the page. ``versions`` are what each one's ``-VV`` prints."""
    page = "\n".join((*_head(product, rounds), *_means(results, versions), "", *_rows(results), ""))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{STEM}.md").write_text(page, encoding="utf-8")
    (folder / f"{STEM}.json").write_text(json.dumps(results), encoding="utf-8")
    return page


def ratios_to(results: Results, other: str, mine: str = "") -> dict[str, float]:
    """Result → time of ours, or of ``mine``, divided by that of another."""
    mine = mine or next(iter(results))
    return {name: least(results, mine, name) / least(results, other, name) for name in results[mine]}


def _head(product: str, rounds: int) -> Iterator[str]:
    turns = f"{rounds} round{'s' * (rounds != 1)}"
    yield f"<!-- ./nox -s bench -- interpreter wrote this, {turns} on {platform.machine()}. -->"
    yield f"# The interpreter of {product} compared with others"
    yield ""
    yield "Time of one divided by the time of the other, each the least of all rounds: below 1, the first is faster."
    yield ""
    yield f"![The ratios as bars]({STEM}.svg)"
    yield ""


def _means(results: Results, versions: Mapping[str, str]) -> Iterator[str]:
    """What each interpreter is, and geometric means: of ours, and of stock's if that is among them."""
    ours, *others = results
    stock = [STOCK] if STOCK in others else []
    yield f"| | what it is | {' | '.join(f'{mine} / it' for mine in (ours, *stock))} |"
    yield f"| --- | --- |{' ---: |' * (1 + len(stock))}"
    for other in results:
        means = ("" if other in (ours, mine) else _mean(results, other, mine) for mine in (ours, *stock))
        yield f"| {other} | {versions[other]} | {' | '.join(means)} |"
    yield ""
    if stock:
        yield f"`{STOCK}` is the variant without patches for speed."
    if notes := [note for name, note in NOTES.items() if name in others]:
        yield f"{'; '.join(notes)}. All interpreters ran in that Debian, with its libc."


def _mean(results: Results, other: str, mine: str) -> str:
    return f"**{geometric_mean(list(ratios_to(results, other, mine).values())):.3f}**"


def _rows(results: Results) -> Iterator[str]:
    """Ours divided by each other, a line for each result; that of the lowest ratio to the first other is the first."""
    ours, *others = results
    columns = [ratios_to(results, other) for other in others]
    yield f"| {len(results[ours])} results of pyperformance | {' | '.join(f'{ours} / {other}' for other in others)} |"
    yield f"| --- |{' ---: |' * len(others)}"
    for name in sorted(columns[0], key=columns[0].__getitem__):
        yield f"| {name} | {' | '.join(f'{column[name]:.3f}' for column in columns)} |"
