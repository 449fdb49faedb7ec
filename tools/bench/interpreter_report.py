"""Renders the results of `tools.bench.interpreter` as a page with a table, and as a plot in PNG and SVG."""

import json
import platform
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl

from tools.bench.interpreter import Values, geometric_mean, ratios

mpl.use("Agg")
mpl.rcParams["svg.hashsalt"] = "bench"  # or ids differ in each run

from matplotlib import pyplot as plt  # noqa: E402 (it reads the settings above)

STEM = "interpreter"


def write_report(results: Mapping[str, Values], rounds: int, folder: Path) -> str:
    """Writes ``interpreter.md``, ``.json``, ``.png`` and ``.svg``; returns the page."""
    ours, *others = results
    names = sorted(results[ours], key=lambda name: ratios(results, name)[0])
    means = [geometric_mean([ratios(results, name)[column] for name in names]) for column in range(len(others))]
    turns = f"{rounds} round{'s' * (rounds != 1)}"
    page = "\n".join(
        (
            f"<!-- ./nox -s bench -- interpreter wrote this, {turns} on {platform.machine()}. -->",
            "# The interpreter beside others",
            "",
            f"Time of {ours}, by the other's: the least of all rounds; below 1, ours is faster.",
            "",
            f"![The ratios as bars]({STEM}.svg)",
            "",
            f"| of pyperformance's, {len(names)} | {' | '.join(others)} |",
            f"| --- |{' ---: |' * len(others)}",
            f"| **geometric mean** | {' | '.join(f'**{mean:.3f}**' for mean in means)} |",
            *(f"| {name} | {' | '.join(f'{each:.3f}' for each in ratios(results, name))} |" for name in names),
            "",
        )
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{STEM}.md").write_text(page, encoding="utf-8")
    (folder / f"{STEM}.json").write_text(json.dumps(results), encoding="utf-8")
    plot({name: ratios(results, name)[0] for name in names}, means[0], f"{ours} / {others[0]}", folder / STEM)
    return page


def plot(values: Mapping[str, float], mean: float, title: str, stem: Path) -> None:
    """A bar for each benchmark, the fastest on top."""
    names = list(values)[::-1]
    figure, axes = plt.subplots(figsize=(8, 1.5 + 0.17 * len(names)), layout="constrained")
    colours = ["#2a7e43" if values[name] <= 1 else "#b3432b" for name in names]
    axes.barh(names, [values[name] - 1 for name in names], left=1, color=colours)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.axvline(mean, color="#2a7e43", linewidth=0.8, linestyle="--", label=f"geometric mean {mean:.3f}")
    axes.set_xlabel("time, ours by theirs")
    axes.tick_params(axis="y", labelsize=7)
    axes.margins(y=0.01)
    axes.set_title(title)
    axes.legend(loc="lower left")
    for suffix in (".png", ".svg"):
        figure.savefig(stem.with_suffix(suffix), dpi=120, metadata={"Date": None} if suffix == ".svg" else None)
    plt.close(figure)
