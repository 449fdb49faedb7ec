"""Figures of comparisons, and the file that they are kept in."""

import math
from pathlib import Path

import pytest

from tools.patches.results import Comparison, Figure, Measurement, add_result, figure, load_results

FASTER = Comparison((0.9, 0.8), (1.0, 1.0))
SAME = Comparison((2.0, 2.1), (2.0, 2.1))
MEASURED = Measurement(
    "k" * 64,
    "2026-11-28",
    "d" * 64,
    ("0002-b.patch", "0003-c.patch"),
    ("f",),
    "",
    {"fib": SAME},
    {"go": {"go": FASTER}},
)


def test_a_ratio_is_that_of_the_least_of_all_rounds() -> None:
    assert Comparison((3.0, 2.0), (4.0, 8.0)).ratio == 0.5
    assert Comparison((3.0, 2.0), (4.0, 8.0)).ratios == (0.75, 0.25)


def test_a_figure_is_a_geometric_mean_and_half_the_distance_of_its_rounds() -> None:
    found = figure((FASTER, SAME))
    assert found
    assert found.ratio == pytest.approx(math.sqrt(0.8))
    assert found.spread == pytest.approx((math.sqrt(0.9) - math.sqrt(0.8)) / 2)
    assert figure(()) is None


@pytest.mark.parametrize(
    ("ratio", "spread", "noise"), [(0.99, 0.02, True), (1.5, 0.5, True), (0.97, 0.02, False), (1.0, 0.0, True)]
)
def test_what_is_no_further_from_one_than_its_rounds_from_each_other_is_noise(
    ratio: float, spread: float, noise: bool
) -> None:
    assert Figure(ratio, spread).is_noise is noise


def test_results_come_back_as_they_were_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "patches.json"
    assert load_results(path) == {}
    failed = Measurement("k", "2026-11-29", "d", ("0001-a.patch",), failure="It does not compile.")
    add_result("b", MEASURED, path)
    add_result("a", failed, path)
    assert load_results(path) == {"a": failed, "b": MEASURED}
    add_result("a", MEASURED, path)
    assert load_results(path) == {"a": MEASURED, "b": MEASURED}
    assert [line[:3] for line in path.read_text("utf-8").splitlines()] == ["{", '"a"', '"b"', "}"]
    assert list(tmp_path.iterdir()) == [path]
