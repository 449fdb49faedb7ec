"""builder.profile: the committed profiles, their notes, and whether they still fit."""

import lzma
from pathlib import Path

import pytest

from builder.errors import BadProduct, StaleProfile
from builder.plan.keys import Materials, read_materials
from builder.plan.steps import Compile
from builder.profile import TOLERATED, Profile, instrumented, note_of, read_profile
from builder.recipes import Recipe

from .repository import PLATFORMS, PRODUCT, REPOSITORY

TRAINED = "x86_64"
TASKS = tuple(step.work for step in REPOSITORY.plan(PRODUCT, PLATFORMS[0]) if isinstance(step.work, Compile))
FITTING = "Compiling a.c\n1 warning generated.\nwarning: a.c: unused variable [-Wunused]\n"
MISMATCH = (
    "warning: a.c: function control flow change detected (hash mismatch) {} Hash = 94 up to 7 count discarded"
    " [-Wbackend-plugin]\n"
)
MISSING = (
    "warning: b.c: no profile data available for function {} Hash = 784 up to 0 count discarded [-Wbackend-plugin]\n"
)


def a_profile(functions: int) -> Profile:
    return Profile("any.profdata.xz", b"", {"zlib": functions})


def unfit(count: int) -> str:
    return FITTING + "".join((MISMATCH, MISSING)[number % 2].format(f"f{number}") for number in range(count))


def test_a_profile_fits_a_log_without_complaints() -> None:
    a_profile(0).check("zlib", TRAINED, FITTING)


@pytest.mark.parametrize("machine", TOLERATED)
def test_a_small_share_of_functions_need_not_fit(machine: str) -> None:
    a_profile(1000).check("zlib", machine, unfit(int(1000 * TOLERATED[machine])))


def test_more_are_an_error_that_counts_them_and_names_some() -> None:
    with pytest.raises(StaleProfile, match=r"21 of 1000 differ .* among them f0, f1, f10"):
        a_profile(1000).check("zlib", TRAINED, unfit(int(1000 * TOLERATED[TRAINED]) + 1))


def test_a_function_that_several_files_hold_counts_once() -> None:
    a_profile(100).check("zlib", TRAINED, MISSING.format("inline_one") * 50)


@pytest.mark.parametrize("path", sorted({task.profile.path for task in TASKS if task.profile}))
def test_a_committed_profile_can_be_unpacked_and_has_a_note_on_every_source_that_reads_it(
    tmp_path: Path, path: str
) -> None:
    profile = read_profile(read_materials(), path)
    profile.unpack(tmp_path / "profile")
    assert (tmp_path / "profile").read_bytes()[1:8] == b"lprofi\x81"  # LLVM's magic number, behind a byte 0xff
    readers = {task.source.name for task in TASKS if task.profile and task.profile.path == path}
    assert readers
    assert readers <= set(profile.functions) <= {task.source.name for task in TASKS}
    assert all(count > 10 for count in profile.functions.values())


def test_all_that_ships_reads_a_profile() -> None:
    assert {task.source.name for task in TASKS if not task.profile} == {"cpython"}  # the build-python
    assert {task.recipe.kind for task in TASKS if not task.profile} == {"tool"}


def test_a_profile_without_a_proper_note_is_refused() -> None:
    files = {"a/fast.profdata.xz": lzma.compress(b"")}
    with pytest.raises(BadProduct, match=r"fast\.profdata\.toml"):
        read_profile(Materials(files), "a/fast.profdata.xz")
    files[note_of("a/fast.profdata.xz")] = b'sha256 = "0"\n'
    with pytest.raises(BadProduct, match="functions"):
        read_profile(Materials(files), "a/fast.profdata.xz")


def test_only_a_recipe_that_links_programs_gets_the_runtime() -> None:
    library = Recipe("zlib", (("make",),))
    program = Recipe("cpython", (("make",),), environment={"LDFLAGS": "-s", "CC": "cc"})
    assert instrumented(library) == library
    assert instrumented(program).environment == {
        "LDFLAGS": "-s -Wl,-u,__llvm_profile_runtime ../profile-runtime.a",
        "CC": "cc",
    }
