"""Draws the ratios of `tools.bench.interpreter_report` as bars."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl

from tools.bench.interpreter import geometric_mean

mpl.use("Agg")
mpl.rcParams["svg.hashsalt"] = "bench"  # or ids differ in each run

from matplotlib import pyplot as plt  # noqa: E402 (it reads the settings above)


def plot(values: Mapping[str, float], title: str, stem: Path) -> None:
    """Writes ``<stem>.png`` and ``.svg``: a bar for each benchmark, the fastest on top."""
    mean = geometric_mean(list(values.values()))
    names = list(values)[::-1]
    figure, axes = plt.subplots(figsize=(8, 1.5 + 0.17 * len(names)), layout="constrained")
    colours = ["#2a7e43" if values[name] <= 1 else "#b3432b" for name in names]
    axes.barh(names, [values[name] - 1 for name in names], left=1, color=colours)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.axvline(mean, color="#2a7e43", linewidth=0.8, linestyle="--", label=f"geometric mean {mean:.3f}")
    axes.set_xlabel("time of ours / time of the other")
    axes.tick_params(axis="y", labelsize=7)
    axes.margins(y=0.01)
    axes.set_title(title)
    axes.legend(loc="lower left")
    for suffix in (".png", ".svg"):
        figure.savefig(stem.with_suffix(suffix), dpi=120, metadata={"Date": None} if suffix == ".svg" else None)
    plt.close(figure)
