"""builder.plan: pure, ordered, and a key changes exactly where a result would."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from builder import plan
from builder.errors import BadPins
from builder.executors import FIXED_ENVIRONMENT
from builder.interpreters.cpython.packages.requirements import Locked
from builder.pins import Pins, Source, load_pins
from builder.plan import (
    LAYER_CODE,
    PACKAGES_CODE,
    PREFIX_CODE,
    RECIPES,
    Bake,
    Compile,
    Materials,
    Pack,
    Stdlib,
    Step,
    compile_steps,
    make_plan,
    read_materials,
)
from builder.platform import CPUS, Cpu, Target
from builder.recipes import Recipe
from builder.toolchain import wrappers

from .fakes import ROOT

PINS = load_pins()
X86_64, ARM64 = CPUS
OPENSSL_PATCH = "patches/openssl/3.5/needed/0001-a.patch"
PROFILE = "products/cpython-3.13/fast.profdata.xz"
FILES = {
    PROFILE: "4" * 64,
    **dict.fromkeys((*PREFIX_CODE, *PACKAGES_CODE, *LAYER_CODE), "0" * 64),
    OPENSSL_PATCH: "1" * 64,
    "runtime/bootstrap": "2" * 64,
    "runtime/loop.py": "3" * 64,
}
LIBRARIES = {"zlib", "bzip2", "xz", "libffi", "libuuid", "sqlite", "openssl"}
COMPILED = LIBRARIES | {"build_python", "cpython"}
PRODUCT = {"cpython", "prefix", "layer"}
EVERYTHING = COMPILED | {"toolchain"} | PRODUCT


def planned(
    pins: Pins = PINS,
    *,
    files: Mapping[str, str] = MappingProxyType(FILES),
    cpu: Cpu = X86_64,
    machine: Cpu = X86_64,
    glibc: str = "2.26",
    stdlib: Stdlib = "lean",
    tools: Mapping[str, str] = MappingProxyType({"tool deflate": "1"}),
    bake: Bake | None = None,
) -> dict[str, Step]:
    """A plan's steps by the first part of their names."""
    target = Target(pins.python("3.13").version, cpu, glibc)
    steps = make_plan(pins, target, machine, Materials(files), stdlib, tools, bake)
    return {step.name.partition("-")[0]: step for step in steps}


def changed(after: Mapping[str, Step], before: Mapping[str, Step] | None = None) -> set[str]:
    """The steps that have to run again."""
    before = before or planned()
    assert before.keys() == after.keys()
    return {name for name in before if before[name].key != after[name].key}


def with_source(name: str, **fields: Any) -> Pins:
    return replace(PINS, sources={**PINS.sources, name: replace(PINS[name], **fields)})


def with_other_bytes(name: str) -> Pins:
    source: Source = PINS[name]
    return with_source(
        name, archives=tuple(replace(archive, sha256=archive.sha256[::-1]) for archive in source.archives)
    )


def with_file(path: str) -> dict[str, str]:
    return {**FILES, path: "f" * 64}


def test_the_steps_are_the_compiler_the_recipes_the_prefix_and_the_layer() -> None:
    assert list(planned()) == ["toolchain", *RECIPES, "prefix", "layer"]
    assert set(planned()) == EVERYTHING


def test_every_step_comes_after_its_inputs() -> None:
    before: set[str] = set()
    for step in planned().values():
        assert {given.key for given in step.inputs} <= before
        before.add(step.key)


def test_the_keys_of_all_steps_differ() -> None:
    steps = planned().values()
    assert len({step.key for step in steps}) == len(steps)
    assert {len(step.key) for step in steps} == {64}


def test_the_same_pins_give_the_same_plan() -> None:
    assert planned() == planned()
    assert changed(planned()) == set()


def test_the_order_in_which_files_are_found_does_not_matter() -> None:
    assert changed(planned(files=dict(reversed(FILES.items())))) == set()


@pytest.mark.parametrize("name", sorted(LIBRARIES))
def test_another_library_rebuilds_it_and_the_product(name: str) -> None:
    source = RECIPES[name](Target("3.13.15", X86_64)).source
    assert changed(planned(with_other_bytes(source))) == {name} | PRODUCT


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("cpython", {"build_python"} | PRODUCT),
        ("tzdata", {"prefix", "layer"}),
        ("ziglang", EVERYTHING),
        ("emulator", set[str]()),
    ],
)
def test_another_source_rebuilds_what_uses_it(source: str, expected: set[str]) -> None:
    assert changed(planned(with_other_bytes(source))) == expected


def test_any_of_a_sources_forms_is_part_of_the_key() -> None:
    first, *others = PINS["zlib"].archives
    assert others
    other = with_source("zlib", archives=(replace(first, sha256="e" * 64), *others))
    assert changed(planned(other)) == {"zlib"} | PRODUCT


def test_where_an_archive_comes_from_does_not_matter() -> None:
    elsewhere = tuple(replace(archive, url="https://mirror.example/", debian="") for archive in PINS["zlib"].archives)
    assert changed(planned(with_source("zlib", archives=elsewhere))) == set()


def test_other_licence_files_rebuild_the_step_that_takes_them_along() -> None:
    assert changed(planned(with_source("zlib", licence_files=("README",)))) == {"zlib"} | PRODUCT


def test_the_release_date_is_what_every_compiled_step_is_told_as_the_time() -> None:
    later = with_source("cpython", date=datetime(2030, 1, 1, tzinfo=UTC))
    assert changed(planned(later)) == EVERYTHING - {"toolchain"}


def test_another_patch_rebuilds_its_library_and_the_product() -> None:
    assert changed(planned(files=with_file(OPENSSL_PATCH))) == {"openssl"} | PRODUCT
    assert changed(planned(files=with_file(OPENSSL_PATCH.replace("0001", "0002")))) == {"openssl"} | PRODUCT


def test_another_profile_rebuilds_all_that_ships() -> None:
    assert changed(planned(files=with_file(PROFILE))) == LIBRARIES | PRODUCT
    assert changed(planned(files=with_file("products/cpython-3.14/fast.profdata.xz"))) == set()


def test_a_series_without_a_profile_has_no_plan() -> None:
    with pytest.raises(BadPins, match="train_profile"):
        planned(files={path: digest for path, digest in FILES.items() if path != PROFILE})


def test_training_builds_instrumented_steps_beside_the_others_without_a_profile() -> None:
    target, usual = Target("3.13.15", X86_64), planned()
    steps = compile_steps(PINS, target, X86_64, Materials({}), Path("runtime.a"))
    assert list(steps) == ["toolchain", *RECIPES]
    assert {name for name in steps if steps[name].key == usual[name].key} == {"toolchain", "build_python"}
    assert {name for name in steps if steps[name].name == usual[name].name} == {"toolchain", "build_python"}
    for name in LIBRARIES | {"cpython"}:
        work = steps[name].work
        assert isinstance(work, Compile)
        assert (work.profile, work.runtime) == (None, Path("runtime.a"))
        assert "-fprofile-generate" in work.wrappers["cc-profiled"]


def test_a_patch_for_another_series_changes_nothing() -> None:
    assert changed(planned(files=with_file("patches/openssl/1.0/needed/0001-a.patch"))) == set()


def test_patches_are_applied_in_the_order_of_their_numbers() -> None:
    second = OPENSSL_PATCH.replace("0001", "0002")
    work = planned(files={second: "f" * 64, **FILES})["openssl"].work
    assert isinstance(work, Compile)
    assert work.patches == (ROOT / OPENSSL_PATCH, ROOT / second)


@pytest.mark.parametrize("path", ["runtime/loop.py", "runtime/bootstrap", "runtime/new.py"])
def test_a_change_in_the_runtime_makes_a_new_zip_and_nothing_else(path: str) -> None:
    assert changed(planned(files=with_file(path))) == {"layer"}


def test_a_file_that_the_runtime_loses_makes_a_new_zip() -> None:
    fewer = {path: digest for path, digest in FILES.items() if path != "runtime/loop.py"}
    assert changed(planned(files=fewer)) == {"layer"}


@pytest.mark.parametrize("path", PREFIX_CODE)
def test_code_that_makes_the_prefix_makes_it_anew(path: str) -> None:
    assert changed(planned(files=with_file(path))) == {"prefix", "layer"}


@pytest.mark.parametrize("path", LAYER_CODE)
def test_code_that_makes_the_layer_makes_it_anew(path: str) -> None:
    assert changed(planned(files=with_file(path))) == {"layer"}


def test_another_version_of_the_compressor_makes_a_new_zip() -> None:
    assert changed(planned(tools={"tool deflate": "2"})) == {"layer"}


def test_the_full_library_shares_everything_that_is_compiled() -> None:
    assert changed(planned(stdlib="full")) == {"prefix", "layer"}


def spoil(field: str, recipe: Recipe) -> Recipe:
    """The recipe with something else in one of its fields."""
    others: dict[str, Any] = {
        "commands": (*recipe.commands, ("true",)),
        "environment": {**recipe.environment, "MORE": "1"},
        "files": {**recipe.files, "src/more.h": ""},
        "needs": recipe.needs[:-1] or ("build_python",),
    }
    return replace(recipe, **{field: others[field]})


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("field", ["commands", "environment", "files"])
def test_another_recipe_rebuilds_its_step_and_what_needs_it(
    monkeypatch: pytest.MonkeyPatch, name: str, field: str
) -> None:
    before = planned()
    monkeypatch.setattr(plan, "RECIPES", {**RECIPES, name: lambda target: spoil(field, RECIPES[name](target))})
    assert changed(planned(), before) == {name} | PRODUCT


def test_a_recipe_that_needs_less_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    before = planned()
    monkeypatch.setattr(
        plan, "RECIPES", {**RECIPES, "cpython": lambda target: spoil("needs", RECIPES["cpython"](target))}
    )
    assert changed(planned(), before) == PRODUCT


def test_another_fixed_environment_rebuilds_all_that_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    before = planned()
    monkeypatch.setattr(plan, "FIXED_ENVIRONMENT", {**FIXED_ENVIRONMENT, "LC_ALL": "C.UTF-8"})
    assert changed(planned(), before) == COMPILED | PRODUCT


def test_other_scripts_for_the_compiler_rebuild_who_calls_them(monkeypatch: pytest.MonkeyPatch) -> None:
    before = planned()
    monkeypatch.setattr(plan, "wrappers", lambda *given, **more: {**wrappers(*given, **more), "cc-profiled": ""})
    assert changed(planned(), before) == (COMPILED | PRODUCT) - {"build_python"}


@pytest.mark.parametrize("change", [{"cpu": ARM64}, {"glibc": "2.34"}], ids=["processor", "glibc"])
def test_another_target_needs_no_other_build_python(change: dict[str, Any]) -> None:
    before, after = planned(), planned(**change)
    assert changed(after, before) == EVERYTHING - {"toolchain", "build_python"}
    assert before["build_python"].name == after["build_python"].name


def test_steps_for_two_processors_do_not_share_a_name() -> None:
    here, there = planned(), planned(cpu=ARM64)
    same = {name for name in here if here[name].name == there[name].name}
    assert same == {"toolchain", "build_python"}


def test_another_machine_takes_its_own_compiler() -> None:
    assert changed(planned(machine=ARM64)) == EVERYTHING


SIX = Locked("six", "1.17.0", ("a" * 64,))
BAKE = Bake(Target("3.13.15", X86_64), (SIX,), "1.1.0")


def test_packages_are_a_step_before_the_layer() -> None:
    steps = planned(bake=BAKE)
    assert list(steps)[-3:] == ["prefix", "packages", "layer"]
    assert [given.name for given in steps["packages"].inputs] == ["build_python-x86_64"]
    assert isinstance(pack := steps["layer"].work, Pack)
    assert pack.name == "cpython-3.13.15-x86_64-packages"
    assert steps["layer"].key != planned()["layer"].key


def test_a_layer_of_both_kinds_has_both_in_its_name() -> None:
    assert isinstance(pack := planned(bake=BAKE, stdlib="full")["layer"].work, Pack)
    assert pack.name == "cpython-3.13.15-x86_64-full-packages"


@pytest.mark.parametrize(
    "other",
    [
        replace(BAKE, packages=(replace(SIX, version="1.16.0"),)),
        replace(BAKE, packages=(replace(SIX, sha256=("b" * 64,)),)),
        replace(BAKE, packages=(SIX, replace(SIX, name="seven"))),
        replace(BAKE, installer="2"),
        replace(BAKE, target=replace(BAKE.target, glibc="2.34")),
    ],
    ids=["version", "hash", "one-more", "installer", "runtime"],
)
def test_other_packages_are_baked_anew_and_nothing_else_is(other: Bake) -> None:
    assert changed(planned(bake=other), planned(bake=BAKE)) == {"packages", "layer"}


@pytest.mark.parametrize("path", sorted({*PACKAGES_CODE} - {*PREFIX_CODE, *LAYER_CODE}))
def test_code_that_bakes_bakes_anew(path: str) -> None:
    assert changed(planned(bake=BAKE, files=with_file(path)), planned(bake=BAKE)) == {"packages", "layer"}


def test_a_plan_without_packages_knows_nothing_of_the_code_that_bakes() -> None:
    for path in {*PACKAGES_CODE} - {*PREFIX_CODE, *LAYER_CODE}:
        assert changed(planned(files=with_file(path))) == set()


KEYS = """
from tests.unit.test_plan import planned
for step in planned().values():
    print(step.name, step.key)
"""


def keys_of(root: Path, hash_seed: str) -> str:
    """The plan's keys in a fresh process that has the builder from ``root``."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join((str(root), str(ROOT)))}
    command = (sys.executable, "-P", "-c", KEYS)
    return subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=True).stdout


def test_comments_and_docstrings_in_the_builder_are_not_part_of_any_key(tmp_path: Path) -> None:
    for folder in ("builder", "runtime", "products"):  # Recipes hold what they read there.
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for module in (tmp_path / "builder").rglob("*.py"):
        module.write_text(module.read_text(encoding="utf-8") + "\n# One more remark.\n", encoding="utf-8")
    expected = "".join(f"{step.name} {step.key}\n" for step in planned().values())
    assert keys_of(tmp_path, "1") == expected
    assert keys_of(ROOT, "2") == expected


def test_the_materials_are_the_files_that_steps_depend_on(tmp_path: Path) -> None:
    shipped = ("runtime/bootstrap", "runtime/deep/loop.py", "patches/openssl/3.5/needed/0001-a.patch", PROFILE)
    ignored = ("runtime/__pycache__/loop.cpython-313.pyc", "builder/recipes/zlib.py", "README.md", "patches.txt")
    for path in (*PREFIX_CODE, *PACKAGES_CODE, *LAYER_CODE, *shipped, *ignored):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path, encoding="utf-8")
    materials = read_materials(tmp_path)
    assert set(materials.sha256) == {*PREFIX_CODE, *PACKAGES_CODE, *LAYER_CODE, *shipped}
    assert list(materials.below("runtime")) == ["runtime/bootstrap", "runtime/deep/loop.py"]
    (tmp_path / "runtime/bootstrap").write_text("changed", encoding="utf-8")
    again = read_materials(tmp_path)
    assert {path for path in again.sha256 if again.sha256[path] != materials.sha256[path]} == {"runtime/bootstrap"}
