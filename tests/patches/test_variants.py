"""The product without a patch: what is left of a series, and what cannot be there either."""

import difflib
from pathlib import Path

import pytest

from builder.platform import CPUS, Platform
from tools.patches.header import Patch
from tools.patches.load import load_patches
from tools.patches.variants import left_out, tree_step, without

from .repository import FOLDER, GOOD, PRODUCT, REPOSITORY, text, with_patches

PLATFORM = Platform(CPUS[0])
LINES = [f"line {number}\n" for number in range(1, 31)]


def replaced(lines: list[str], number: int, line: str) -> list[str]:
    return [line if place == number else each for place, each in enumerate(lines, 1)]


def diff(before: list[str], after: list[str]) -> str:
    return "".join(difflib.unified_diff(before, after, "a/text", "b/text"))


FIRST = diff(LINES, replaced(LINES, 3, "first\n"))
ON_TOP = diff(replaced(LINES, 3, "first\n"), replaced(LINES, 3, "on top\n"))
APART = diff(LINES, replaced(LINES, 20, "apart\n"))
PATCHES = {
    "0001-first.patch": text(GOOD, FIRST),
    "0002-on-top.patch": text(GOOD, ON_TOP),
    "0003-apart.patch": text(GOOD, APART),
    "0004-needs.patch": text({**GOOD, "Needs": "0003, for apart()."}, diff(LINES, replaced(LINES, 28, "needs\n"))),
}
SERIES = with_patches(PATCHES)


@pytest.fixture
def patches() -> tuple[Patch, ...]:
    return load_patches(SERIES)[PRODUCT.source]


def test_a_series_without_a_patch_is_one_that_never_had_it(patches: tuple[Patch, ...]) -> None:
    kept = {name: content for name, content in PATCHES.items() if not name.startswith(("0001", "0002"))}
    ours = without(SERIES, patches[:2])
    assert ours.files.contents == with_patches(kept).files.contents
    assert tree_step(ours, PRODUCT, PLATFORM).key == tree_step(with_patches(kept), PRODUCT, PLATFORM).key
    assert without(SERIES, ()).files.contents == SERIES.files.contents


def test_only_the_interpreter_is_made_again_without_a_patch() -> None:
    path = next(path for path in REPOSITORY.files.below(FOLDER) if path.endswith(".patch"))
    patch = Patch(path, "", {}, "")
    whole, ours = (tree_step(each, PRODUCT, PLATFORM) for each in (REPOSITORY, without(REPOSITORY, (patch,))))
    keys = [{given.role: given.key for given in step.inputs} for step in (whole, ours)]
    assert {role for role in keys[0] if keys[0][role] != keys[1][role]} == {"cpython"}


def test_what_does_not_apply_without_a_patch_and_what_needs_it_is_left_out_with_it(
    patches: tuple[Patch, ...], tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "text").write_text("".join(LINES), "utf-8")
    found = {patch.number: [each.number for each in left_out(patch, patches, source, tmp_path)] for patch in patches}
    assert found == {"0001": ["0001", "0002"], "0002": ["0002"], "0003": ["0003", "0004"], "0004": ["0004"]}
    assert (source / "text").read_text("utf-8") == "".join(LINES)
