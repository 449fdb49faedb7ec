"""The page of all patches: what it says of headers and of results, and that the committed one is up to date."""

from dataclasses import replace

import pytest

from tools.patches.__main__ import PAGE
from tools.patches.header import Patch, parse_patch
from tools.patches.load import load_patches
from tools.patches.page import page
from tools.patches.results import Comparison, Measurement, load_results

from .repository import DIFF, FOLDER, GOOD, REPOSITORY, text

GENERATED = DIFF.replace("Modules/a.c", "Python/generated_cases.c.h")
LESS = Comparison((0.80, 0.82), (1.0, 1.0))
SAME = Comparison((1.0, 1.01), (1.0, 1.0))
EXACT = Comparison((99.0, 99.0), (100.0, 100.0))


def a_patch(diff: str = DIFF, **fields: str) -> Patch:
    patch, problems = parse_patch(f"{FOLDER}/0002-do-less.patch", text({**GOOD, **fields}, diff))
    assert problems == []
    return patch


def measured(patch: Patch) -> Measurement:
    return Measurement(
        "k",
        "2026-11-28",
        patch.sha256,
        (patch.name,),
        (),
        "",
        {"fib": EXACT, "str": Comparison((7.0, 7.0), (7.0, 7.0))},
        {"programs/fib": {"programs/fib": LESS}, "json_loads": {"json_loads": SAME}, "go": {"go": SAME}},
    )


def written(patch: Patch, result: Measurement | None = None) -> str:
    return page({"thing-1": (patch,)}, {patch.path: result} if result else {})


def row(patch: Patch, result: Measurement | None = None) -> list[str]:
    """The cells of the table's only row."""
    (line,) = (line for line in written(patch, result).splitlines() if line.startswith("| [0002]"))
    return [cell.strip() for cell in line.strip("|").replace("\\|", "¦").split("|")]


def test_the_committed_page_is_what_the_generator_gives() -> None:
    assert PAGE.read_text("utf-8") == page(load_patches(REPOSITORY), load_results()), "run ./nox -s patches"


def test_every_result_is_of_a_patch_that_is_there() -> None:
    assert load_results().keys() <= {patch.path for each in load_patches(REPOSITORY).values() for patch in each}


def test_a_patch_that_has_not_been_measured_says_so() -> None:
    cells = ["[0002](#thing-1-0002)", "Do less", "+3 -2", "not measured", "", "", "Nothing", "no"]
    assert row(a_patch()) == cells
    assert "- **Benchmark:** programs/fib, json_loads; not measured\n" in written(a_patch())
    assert "None has been measured." in " ".join(written(a_patch()).split())


def test_figures_are_those_of_the_dozen_and_of_its_own_benchmarks() -> None:
    patch = a_patch()
    assert row(patch, measured(patch))[3:6] == ["0.995", "1.000 ± 0.005", "0.894 ± 0.008"]
    said = written(patch, measured(patch))
    assert (
        "- **Time:** programs/fib 0.800 ± 0.010, json_loads 1.000 ± 0.005; all 12: 1.000 ± 0.005 (within its noise)\n"
        in said
    )
    assert "- **Instructions:** 0.995; where they differ: fib 0.990\n" in said
    assert "- **Measured:** 2026-11-28\n" in said
    assert "1 have been measured." in said


def test_what_gives_less_than_its_noise_is_named() -> None:
    patch = a_patch(Benchmark="json_loads")
    assert "no time is further from 1 than its noise for 0002." in " ".join(written(patch, measured(patch)).split())


def test_a_result_says_what_it_is_not_of_the_patch_alone() -> None:
    patch = a_patch()
    names = (patch.name, "0007-b.patch", "0009-c.patch")
    result = replace(measured(patch), diff="another", left_out=names, unprofiled=("f", "g"))
    assert row(patch, result)[3:6] == ["0.995*", "1.000 ± 0.005*", "0.894 ± 0.008*"]
    assert (
        "- **Measured:** 2026-11-28; together with 0007, 0009, which cannot be there without it; "
        "of an earlier state of the patch; without a profile of `f`, `g`\n"
    ) in written(patch, result)


def test_what_cannot_be_built_without_a_patch_is_said() -> None:
    patch = a_patch()
    result = Measurement("k", "2026-11-28", patch.sha256, (patch.name,), failure="A command failed.")
    assert row(patch, result)[3:6] == ["not built", "", ""]
    assert "without the patch, this was not built: A command failed.\n" in written(patch, result)


@pytest.mark.parametrize(
    ("changes", "sees"),
    [
        ("Nothing. Not even this.", "Nothing"),
        ("`a.b` is gone, and a|b is there: so it is.", "`a.b` is gone, and a¦b is there"),
        ("sys.path_hooks[0] is 2.5", "sys.path_hooks[0] is 2.5"),
    ],
)
def test_the_table_has_the_first_sentence_of_what_a_program_sees(changes: str, sees: str) -> None:
    assert row(a_patch(Changes=changes))[6] == sees


@pytest.mark.parametrize(
    ("upstream", "cell"),
    [
        ("gh-99108, in 3.14: another way.", "[gh-99108](https://github.com/python/cpython/issues/99108), in 3.14"),
        ("https://example.org/1, after 3.15, partly.", "[link](https://example.org/1)"),
        ("docs/upstream/0002-do-less.md: there is more.", "[report](upstream/0002-do-less.md)"),
        ("not for upstream: ours.", "no"),
    ],
)
def test_the_table_says_where_upstream_is(upstream: str, cell: str) -> None:
    assert row(a_patch(Upstream=upstream))[7] == cell


def test_all_fields_stand_below_the_table_with_links() -> None:
    said = written(a_patch(GENERATED, Upstream="docs/upstream/a.md, see gh-1.", Generated="by hand."))
    assert "- **Why:** it does too much. Now it does less.\n" in said
    assert "- **Generated:** by hand.\n" in said
    link = "[docs/upstream/a.md](upstream/a.md), see [gh-1](https://github.com/python/cpython/issues/1)."
    assert f"- **Upstream:** {link}\n" in said
    assert f"[0002-do-less.patch](../{FOLDER}/0002-do-less.patch): `Python/generated_cases.c.h` +3 -2\n" in said
    assert "3 lines added and 2 removed, 5 of both in files" in said


def test_a_patch_without_benchmarks_has_no_figures() -> None:
    patch = a_patch(Benchmark="none: it is for certificates.")
    assert row(patch)[3:6] == ["", "", ""]
    assert "- **Benchmark:** none: it is for certificates.\n" in written(patch)
