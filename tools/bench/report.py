"""Summarises samples as medians, p99 and ratios, and prints them as a table and as JSON."""

import json
import platform
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from tools.bench.subjects import OURS

Samples = Mapping[str, Sequence[float]]


def summary(samples: Sequence[float]) -> dict[str, float]:
    ordered = sorted(samples)
    return {
        "min": ordered[0],
        "median": statistics.median(ordered),
        "p99": ordered[min(len(ordered) - 1, round(0.99 * (len(ordered) - 1)))],
        "samples": len(ordered),
    }


def report(
    what: str, unit: str, samples: Samples, more: Mapping[str, Mapping[str, float]] | None = None
) -> dict[str, Any]:
    """The results of one measurement. ``more`` adds columns: name → subject → value."""
    rows: dict[str, dict[str, float]] = {name: summary(values) for name, values in samples.items()}
    ours = rows[OURS]
    for name, row in rows.items():
        row["ours/this, median"] = ours["median"] / row["median"]
        row["ours/this, p99"] = ours["p99"] / row["p99"]
        for column, values in (more or {}).items():
            if name in values:
                row[column] = values[name]
                row[f"ours/this, {column}"] = values[OURS] / values[name]
    return {"what": what, "unit": unit, "machine": platform.machine(), "results": rows}


def show(result: Mapping[str, Any]) -> None:
    """Prints the table, then the JSON on one line."""
    rows: Mapping[str, Mapping[str, float]] = result["results"]
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    print(f"{result['what']} ({result['unit']})")
    print(f"{'':24}" + "".join(f"{column:>22}" for column in columns))
    for name, row in rows.items():
        print(f"{name:24}" + "".join(f"{_number(row.get(column)):>22}" for column in columns))
    print(json.dumps(result))


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.2f}"
