"""What has been measured of patches: ``docs/patches.json``, a line for each."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from builder import ROOT
from tools.bench.interpreter import geometric_mean

RESULTS = ROOT / "docs" / "patches.json"


@dataclass(frozen=True)
class Comparison:
    """Instructions or seconds with all patches and without one, in each round."""

    whole: tuple[float, ...]
    without: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The whole's by the other's, the least of all rounds: below 1 the patch gains."""
        return min(self.whole) / min(self.without)

    @property
    def ratios(self) -> tuple[float, ...]:
        """The same of each round."""
        return tuple(whole / without for whole, without in zip(self.whole, self.without, strict=True))


@dataclass(frozen=True)
class Figure:
    """A geometric mean of ratios, and how far the rounds were apart."""

    ratio: float
    spread: float
    """Half of the distance between the geometric means of the lowest and of the highest round."""

    @property
    def is_noise(self) -> bool:
        """Whether the ratio is no further from 1 than the rounds were from each other."""
        return abs(self.ratio - 1) <= self.spread


def figure(comparisons: Iterable[Comparison]) -> Figure | None:
    """Of several results of the same rounds; nothing if there are none."""
    given = tuple(comparisons)
    if not given:
        return None
    rounds = [geometric_mean(ratios) for ratios in zip(*(each.ratios for each in given), strict=True)]
    return Figure(geometric_mean([each.ratio for each in given]), (max(rounds) - min(rounds)) / 2)


@dataclass(frozen=True)
class Measurement:
    """A product without a patch, compared with the whole one."""

    key: str
    """sha256 over the keys of both, and over how they were measured."""
    day: str
    diff: str
    """The patch's `Patch.sha256`."""
    left_out: tuple[str, ...]
    """Names of the patches that were left out, the measured one first: those that cannot be there without it follow."""
    unprofiled: tuple[str, ...] = ()
    """Functions that have no profile in what was built without it, as the profile is that of the whole product."""
    failure: str = ""
    """Why the product cannot be built without it; then there are no results."""
    instructions: Mapping[str, Comparison] = field(default_factory=dict)
    """Program → instructions."""
    seconds: Mapping[str, Mapping[str, Comparison]] = field(default_factory=dict)
    """Benchmark → result → seconds of processor time."""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """From what `dump` gives, by way of JSON."""
        return cls(
            data["key"],
            data["day"],
            data["diff"],
            tuple(data["left_out"]),
            tuple(data["unprofiled"]),
            data["failure"],
            {name: _comparison(values) for name, values in data["instructions"].items()},
            {
                benchmark: {name: _comparison(values) for name, values in results.items()}
                for benchmark, results in data["seconds"].items()
            },
        )

    def dump(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "day": self.day,
            "diff": self.diff,
            "left_out": self.left_out,
            "unprofiled": self.unprofiled,
            "failure": self.failure,
            "instructions": {name: (each.whole, each.without) for name, each in self.instructions.items()},
            "seconds": {
                benchmark: {name: (each.whole, each.without) for name, each in results.items()}
                for benchmark, results in self.seconds.items()
            },
        }


def _comparison(values: Iterable[Iterable[float]]) -> Comparison:
    whole, without = values
    return Comparison(tuple(whole), tuple(without))


def load_results(path: Path = RESULTS) -> dict[str, Measurement]:
    """Path of a patch → what was measured last; nothing if there is no file."""
    if not path.exists():
        return {}
    return {patch: Measurement.parse(data) for patch, data in json.loads(path.read_text(encoding="utf-8")).items()}


def add_result(patch: str, measured: Measurement, path: Path = RESULTS) -> None:
    """Puts a result in the place of an earlier one; whoever is stopped in between has either."""
    found = {**load_results(path), patch: measured}
    lines = (f"{json.dumps(name)}: {json.dumps(found[name].dump())}" for name in sorted(found))
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    os.replace(unfinished, path)
