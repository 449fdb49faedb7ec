"""Renders the results of `tools.bench.interpreter` as a page with a table."""

import json
import platform
from collections.abc import Mapping
from pathlib import Path

from tools.bench.interpreter import Values, geometric_mean, least
from tools.bench.stock import STOCK

STEM = "interpreter"


def write_report(results: Mapping[str, Values], rounds: int, folder: Path) -> tuple[str, dict[str, float]]:
    """Writes ``interpreter.md`` and ``.json``; returns the page, and its first column for the plot.

    The first of the results is ours. If stock's are among them, they are compared with the others', too.
    """
    ours = next(iter(results))
    stock = [STOCK] if STOCK in results else []
    pairs = [(mine, other) for other in results if other not in (ours, *stock) for mine in (ours, *stock)]
    pairs += [(ours, STOCK)] * len(stock)
    rows = {
        name: [least(results, mine, name) / least(results, other, name) for mine, other in pairs]
        for name in results[ours]
    }
    rows = dict(sorted(rows.items(), key=lambda row: row[1][0]))
    means = [geometric_mean(column) for column in zip(*rows.values(), strict=True)]
    turns = f"{rounds} round{'s' * (rounds != 1)}"
    page = "\n".join(
        (
            f"<!-- ./nox -s bench -- interpreter wrote this, {turns} on {platform.machine()}. -->",
            "# The interpreter compared with others",
            "",
            "Time of one divided by the time of the other, each the least of all rounds: below 1, the first is faster.",
            *((f"`{STOCK}` is the variant without patches for speed.",) if stock else ()),
            "",
            f"![The ratios as bars]({STEM}.svg)",
            "",
            f"| {len(rows)} benchmarks of pyperformance | {' | '.join(f'{mine} / {other}' for mine, other in pairs)} |",
            f"| --- |{' ---: |' * len(pairs)}",
            f"| **geometric mean** | {' | '.join(f'**{mean:.3f}**' for mean in means)} |",
            *(f"| {name} | {' | '.join(f'{each:.3f}' for each in row)} |" for name, row in rows.items()),
            "",
        )
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{STEM}.md").write_text(page, encoding="utf-8")
    (folder / f"{STEM}.json").write_text(json.dumps(results), encoding="utf-8")
    return page, {name: row[0] for name, row in rows.items()}
