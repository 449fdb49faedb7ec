"""builder.plan: pure, ordered, and a key changes exactly where a result would."""

import builtins
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from builder import profile
from builder.errors import BadPins
from builder.executors import FIXED_ENVIRONMENT
from builder.flags import Flag
from builder.pins import Pins, Source
from builder.plan import make
from builder.plan.keys import Materials, read_materials
from builder.plan.make import compile_steps, make_plan
from builder.plan.steps import Compile, InstallPackages, LockedPackage, Pack, Stdlib, Step
from builder.platform import Cpu, Platform
from builder.product import Product
from builder.recipes import Recipe
from builder.toolchain import wrappers

from .fakes import ROOT
from .repository import ARM64, FILES, PINS, PRODUCT, X86_64

OPENSSL = "patches/openssl/3.5/needed"
FAST = "patches/cpython/3.13/fast"
LIBRARIES = ("zlib", "bzip2", "xz", "libffi", "libuuid", "sqlite", "openssl")
COMPILED = (*LIBRARIES, "build_python", "cpython")
ENDING = {"cpython", "tree", "layer"}
"""The interpreter, and what is made of it."""
EVERYTHING = {"toolchain", *COMPILED, *ENDING}


def planned(
    pins: Pins = PINS,
    *,
    files: Materials = FILES,
    product: Product = PRODUCT,
    cpu: Cpu = X86_64,
    machine: Cpu = X86_64,
    glibc: str = "2.26",
    stdlib: Stdlib = "lean",
    tools: Mapping[str, str] = MappingProxyType({"deflate": "1"}),
    packages: InstallPackages | None = None,
) -> dict[str, Step]:
    """A plan's steps by their roles."""
    steps = make_plan(pins, product, Platform(cpu, glibc), machine, files, stdlib, tools, packages)
    assert len({step.role for step in steps}) == len(steps)
    return {step.role: step for step in steps}


def changed(after: Mapping[str, Step], before: Mapping[str, Step] | None = None) -> set[str]:
    """The steps that have to run again."""
    before = before or planned()
    assert before.keys() == after.keys()
    return {role for role in before if before[role].key != after[role].key}


def with_source(key: str, **fields: Any) -> Pins:
    return replace(PINS, sources={**PINS.sources, key: replace(PINS[key], **fields)})


def with_other_bytes(key: str) -> Pins:
    source: Source = PINS[key]
    return with_source(
        key, archives=tuple(replace(archive, sha256=archive.sha256[::-1]) for archive in source.archives)
    )


def with_file(path: str, content: str | bytes = "") -> Materials:
    """The repository's files with one of them new, or changed: without a content, by one more remark."""
    remark = FILES.contents.get(path, b"") + b"\n# One more remark.\n"
    new = content.encode() if isinstance(content, str) else content
    return Materials({**FILES.contents, path: new or remark})


def replaced(path: str, old: str, new: str) -> Materials:
    """The repository's files with something else in one of them."""
    assert FILES.text(path).count(old) == 1, f"{path} does not have {old!r} once"
    return with_file(path, FILES.text(path).replace(old, new))


def task_of(step: Step) -> Compile:
    assert isinstance(step.work, Compile)
    return step.work


def pack_of(steps: Mapping[str, Step]) -> Pack:
    work = steps["layer"].work
    assert isinstance(work, Pack)
    return work


def test_the_steps_are_the_compiler_the_recipes_the_tree_and_the_layer() -> None:
    assert list(planned()) == ["toolchain", *COMPILED, "tree", "layer"]
    assert set(planned()) == EVERYTHING


def test_every_step_comes_after_its_inputs() -> None:
    before: set[str] = set()
    for step in planned().values():
        assert {given.key for given in step.inputs} <= before
        before.add(step.key)


def test_the_keys_of_all_steps_differ_and_so_do_their_names() -> None:
    steps = planned().values()
    assert len({step.key for step in steps}) == len({step.name for step in steps}) == len(steps)
    assert {len(step.key) for step in steps} == {64}


def test_the_same_pins_give_the_same_plan() -> None:
    assert planned() == planned()
    assert changed(planned()) == set()


def test_the_order_in_which_files_are_found_does_not_matter() -> None:
    assert changed(planned(files=Materials(dict(reversed(list(FILES.contents.items())))))) == set()


# Pins.


@pytest.mark.parametrize("role", LIBRARIES)
def test_another_library_rebuilds_it_and_the_interpreter(role: str) -> None:
    source = task_of(planned()[role]).source
    assert changed(planned(with_other_bytes(source.key))) == {role} | ENDING


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("cpython-3.13", {"build_python"} | ENDING),
        ("tzdata", {"tree", "layer"}),
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
    assert changed(planned(other)) == {"zlib"} | ENDING


@pytest.mark.parametrize("key", ["zlib", "tzdata", "ziglang"])
def test_where_an_archive_comes_from_changes_the_manifest_alone(key: str) -> None:
    elsewhere = tuple(replace(archive, url="https://mirror.example/", debian="") for archive in PINS[key].archives)
    assert changed(planned(with_source(key, archives=elsewhere))) == {"layer"}


def test_other_licence_files_rebuild_the_step_that_takes_them_along() -> None:
    assert changed(planned(with_source("zlib", licence_files=("README",)))) == {"zlib"} | ENDING
    assert changed(planned(with_source("tzdata", licence_files=("README",)))) == {"tree", "layer"}


@pytest.mark.parametrize("role", COMPILED)
def test_what_is_compiled_of_a_source_is_told_its_own_release_date_as_the_time(role: str) -> None:
    key = task_of(planned()[role]).source.key
    later = planned(with_source(key, date=datetime(2030, 1, 1, tzinfo=UTC)))
    told = {other for other in COMPILED if task_of(later[other]).epoch == 1893456000}
    assert told == {other for other in COMPILED if task_of(later[other]).source.key == key}
    assert changed(later) == told | ENDING


@pytest.mark.parametrize("key", ["cpython-3.13", "openssl"])
def test_a_source_that_is_compiled_and_has_no_release_date_is_refused(key: str) -> None:
    with pytest.raises(BadPins, match=f"{key} has no date"):
        planned(with_source(key, date=None))


# Patches.


def test_another_patch_rebuilds_its_library_and_the_interpreter() -> None:
    (patch,) = (path for path in FILES.below(OPENSSL) if path.endswith(".patch"))
    assert changed(planned(files=with_file(patch))) == {"openssl"} | ENDING


def test_one_more_patch_rebuilds_its_library_and_the_interpreter() -> None:
    series = with_file(f"{OPENSSL}/series", FILES.text(f"{OPENSSL}/series") + "0002-b.patch\n")
    more = Materials({**series.contents, f"{OPENSSL}/0002-b.patch": b"a patch"})
    assert changed(planned(files=more)) == {"openssl"} | ENDING


def test_another_patch_of_the_interpreter_rebuilds_it_and_the_build_python_only_if_the_build_needs_it() -> None:
    assert changed(planned(files=with_file(f"{FAST}/0002-add-carries-last.patch"))) == ENDING
    needed = with_file("patches/cpython/3.13/needed/series", "0001-a.patch\n")
    more = Materials({**needed.contents, "patches/cpython/3.13/needed/0001-a.patch": b"a patch"})
    assert changed(planned(files=more)) == {"build_python"} | ENDING


def test_a_patch_for_another_series_changes_nothing() -> None:
    assert changed(planned(files=with_file("patches/openssl/1.0/needed/0001-a.patch"))) == set()


def test_a_remark_in_a_series_changes_nothing() -> None:
    assert changed(planned(files=with_file(f"{FAST}/series"))) == set()


def test_patches_are_applied_in_the_order_of_the_sets_and_of_their_series() -> None:
    assert PRODUCT.patches == ("needed", "fixes", "fast")
    fixes, names = "patches/cpython/3.13/fixes", FILES.text(f"{FAST}/series").split()
    series = {f"{fixes}/series": b"9-late.patch\n1-early.patch # comes second\n"}
    others = {path: content for path, content in FILES.contents.items() if not path.startswith(f"{fixes}/")}
    more = Materials({**others, **series, f"{fixes}/1-early.patch": b"", f"{fixes}/9-late.patch": b""})
    expected = (f"{fixes}/9-late.patch", f"{fixes}/1-early.patch", *(f"{FAST}/{name}" for name in names))
    assert tuple(task_of(planned(files=more)["cpython"]).patches) == expected


def test_the_order_of_patches_is_part_of_the_key() -> None:
    first, second, *others = FILES.text(f"{FAST}/series").split()
    swapped = with_file(f"{FAST}/series", "\n".join((second, first, *others)))
    assert changed(planned(files=swapped)) == ENDING
    assert changed(planned(product=replace(PRODUCT, patches=PRODUCT.patches[::-1]))) == ENDING


# A product's files, and the runtime's.


def test_another_profile_rebuilds_what_reads_it() -> None:
    assert changed(planned(files=with_file(PRODUCT.profile))) == ENDING
    assert changed(planned(files=with_file("builder/recipes/libraries.profdata.xz"))) == {*LIBRARIES} | ENDING
    assert changed(planned(files=with_file("products/cpython-3.14/fast.profdata.xz"))) == set()


WITHOUT_PROFILE = wrappers(Platform(X86_64), X86_64, FILES)["cc"]


def test_an_interpreter_that_is_not_trained_is_compiled_without_a_profile() -> None:
    steps = planned(product=replace(PRODUCT, trained=False))
    task = task_of(steps["cpython"])
    assert (task.profile, task.wrappers["cc-profiled"]) == (None, WITHOUT_PROFILE)
    assert changed(steps) == ENDING


def test_a_library_that_the_libraries_profile_was_trained_without_is_compiled_without_it() -> None:
    steps = planned(files=replaced(profile.note_of(make.LIBRARIES_PROFILE), "\nzlib = 142\n", "\n"))
    task = task_of(steps["zlib"])
    assert (task.profile, task.wrappers["cc-profiled"]) == (None, WITHOUT_PROFILE)
    assert changed(steps) == {"zlib"} | ENDING


def test_training_builds_instrumented_steps_beside_the_others_without_a_profile() -> None:
    usual = planned()
    steps = compile_steps(PINS, PRODUCT, Platform(X86_64), X86_64, FILES, Path("runtime.a"))
    assert list(steps) == ["toolchain", *COMPILED]
    assert {role for role in steps if steps[role].key == usual[role].key} == {"toolchain", "build_python"}
    assert {role for role in steps if steps[role].name == usual[role].name} == {"toolchain", "build_python"}
    for role in (*LIBRARIES, "cpython"):
        task = task_of(steps[role])
        assert (task.profile, task.profile_runtime) == (None, "runtime.a")
        assert "-fprofile-generate" in task.wrappers["cc-profiled"]


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("configure.toml", 'ac_cv_working_tzset = "yes"', 'ac_cv_working_tzset = "no"', ENDING),
        ("modules.toml", '"_abc", ', "", {"layer"}),
        ("modules.toml", "[absent]\n", '[absent]\n_asyncio = "whatever"\n', {"build_python"} | ENDING),
        ("omissions.toml", '"curses"', '"curses", "this.py"', {"tree", "layer"}),
        ("fast.symbols.txt", "\nPyLong_FromLong\n", "\n", ENDING),
    ],
)
def test_another_product_file_rebuilds_what_is_made_by_it(name: str, old: str, new: str, expected: set[str]) -> None:
    path = PRODUCT.file(name)
    files = replaced(path, old, new)
    if "_asyncio" in new:
        files = Materials({**files.contents, path: files.contents[path].replace(b'"_asyncio", ', b"")})
    assert changed(planned(files=files)) == expected


@pytest.mark.parametrize("path", ["layer_runtime/loop.py", "bootstrap", "new.py", "layer_runtime/new.py"])
def test_a_change_in_the_runtime_makes_a_new_zip_and_nothing_else(path: str) -> None:
    assert changed(planned(files=with_file(f"runtime/python/{path}"))) == {"layer"}


def test_a_change_in_the_runtimes_c_rebuilds_the_interpreter() -> None:
    assert changed(planned(files=with_file("runtime/python/native/answer.h"))) == ENDING


def test_a_change_in_another_runtime_changes_nothing() -> None:
    assert changed(planned(files=with_file("runtime/other/bootstrap"))) == set()


def test_a_file_that_the_runtime_loses_makes_a_new_zip() -> None:
    lost = "runtime/python/layer_runtime/snapstart.py"
    fewer = Materials({path: content for path, content in FILES.contents.items() if path != lost})
    assert changed(planned(files=fewer)) == {"layer"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("elf.toml", ', "libdl.so.2"', ""), ("elf.toml", "stack protector", "why"), ("content.toml", "45000000", "4")],
)
def test_another_rule_of_the_audit_makes_a_new_zip(name: str, old: str, new: str) -> None:
    files = replaced(f"builder/artifacts/policy/{name}", old, new)
    assert changed(planned(files=files)) == {"layer"}


@pytest.mark.parametrize("change", [{"shebang": "/opt/bin/python3.13"}, {"libraries": ("librt.so.1",)}], ids=str)
def test_what_a_product_says_of_its_layer_makes_a_new_zip(change: dict[str, Any]) -> None:
    assert changed(planned(product=replace(PRODUCT, **change))) == {"layer"}


def test_another_version_of_the_compressor_makes_a_new_zip() -> None:
    assert changed(planned(tools={"deflate": "2"})) == {"layer"}


def test_the_full_library_shares_everything_that_is_compiled() -> None:
    assert changed(planned(stdlib="full")) == {"tree", "layer"}


# Recipes.

MODULE_OF = {
    **{role: f"builder.recipes.{role}" for role in LIBRARIES},
    "build_python": "builder.interpreters.cpython.build_python",
    "cpython": "builder.interpreters.cpython.recipe",
}


def spoil(monkeypatch: pytest.MonkeyPatch, role: str, change: Callable[[Recipe], dict[str, Any]]) -> None:
    """Lets a recipe have something else in its fields."""
    module = import_module(MODULE_OF[role])
    original = module.recipe

    def spoilt(*given: Any) -> Recipe:
        recipe: Recipe = original(*given)
        return replace(recipe, **change(recipe))

    monkeypatch.setattr(module, "recipe", spoilt)


SPOILT: dict[str, Callable[[Recipe], dict[str, Any]]] = {
    "commands": lambda recipe: {"commands": (*recipe.commands, ("true",))},
    "environment": lambda recipe: {"environment": {**recipe.environment, "MORE": "1"}},
    "files": lambda recipe: {"files": {**recipe.files, "src/more.h": ""}},
}


@pytest.mark.parametrize("role", COMPILED)
@pytest.mark.parametrize("field", SPOILT)
def test_another_recipe_rebuilds_its_step_and_what_needs_it(
    monkeypatch: pytest.MonkeyPatch, role: str, field: str
) -> None:
    before = planned()
    spoil(monkeypatch, role, SPOILT[field])
    assert changed(planned(), before) == {role} | ENDING


@pytest.mark.parametrize("role", COMPILED)
def test_another_reason_for_an_option_changes_the_manifest_alone(monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    before = planned()
    spoil(monkeypatch, role, lambda recipe: {"options": (Flag(recipe.options[0].text, "why not"), *recipe.options[1:])})
    assert changed(planned(), before) == {"layer"}


def test_a_recipe_that_needs_others_in_another_order_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    before = planned()
    spoil(monkeypatch, "cpython", lambda recipe: {"needs": recipe.needs[::-1]})
    assert changed(planned(), before) == ENDING


def test_what_no_recipe_needs_is_not_in_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    before = planned()
    spoil(monkeypatch, "cpython", lambda recipe: {"needs": tuple(need for need in recipe.needs if need != "sqlite")})
    after = planned()
    assert before.keys() - after.keys() == {"sqlite"}
    assert {role for role in after if after[role].key != before[role].key} == ENDING


def test_what_a_library_needs_comes_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, "zlib", lambda _: {"needs": ("openssl",)})
    steps = planned()
    assert list(steps)[:3] == ["toolchain", "openssl", "zlib"]
    assert steps["openssl"] in steps["zlib"].inputs


def test_another_fixed_environment_rebuilds_all_that_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    before = planned()
    monkeypatch.setattr(make, "FIXED_ENVIRONMENT", {**FIXED_ENVIRONMENT, "LC_ALL": "C.UTF-8"})
    assert changed(planned(), before) == {*COMPILED} | ENDING


def test_other_scripts_for_the_compiler_rebuild_what_calls_them(monkeypatch: pytest.MonkeyPatch) -> None:
    before = planned()
    monkeypatch.setattr(make, "wrappers", lambda *given, **more: {**wrappers(*given, **more), "cc-profiled": ""})
    assert changed(planned(), before) == ({*COMPILED} | ENDING) - {"build_python"}


def test_another_script_that_links_rebuilds_the_interpreter_alone() -> None:
    assert changed(planned(files=with_file("builder/cc-link.sh"))) == ENDING


# Platforms and machines.


@pytest.mark.parametrize("change", [{"cpu": ARM64}, {"glibc": "2.34"}], ids=["processor", "glibc"])
def test_another_platform_needs_no_other_build_python(change: dict[str, Any]) -> None:
    before, after = planned(), planned(**change)
    assert changed(after, before) == EVERYTHING - {"toolchain", "build_python"}
    assert before["build_python"].name == after["build_python"].name


def test_steps_for_two_processors_do_not_share_a_name() -> None:
    here, there = planned(), planned(cpu=ARM64)
    same = {role for role in here if here[role].name == there[role].name}
    assert same == {"toolchain", "build_python"}


def test_another_machine_takes_its_own_compiler() -> None:
    assert changed(planned(machine=ARM64)) == EVERYTHING


def test_the_manifest_does_not_say_on_which_machine_a_layer_was_built() -> None:
    here, there = planned()["layer"], planned(machine=ARM64)["layer"]
    assert here.work == there.work
    assert here.values == there.values


# Packages.

SIX = LockedPackage("six", "1.17.0", ("a" * 64,))
PACKAGES = InstallPackages(PRODUCT, Platform(X86_64), (SIX,), "1.1.0")


def test_packages_are_a_step_before_the_layer() -> None:
    steps = planned(packages=PACKAGES)
    assert list(steps)[-3:] == ["tree", "packages", "layer"]
    assert [given.name for given in steps["packages"].inputs] == ["build_python-cpython-3.13-x86_64"]
    assert pack_of(steps).name == "cpython-3.13.15-x86_64-packages"
    assert steps["layer"].key != planned()["layer"].key
    assert steps["layer"].name != planned()["layer"].name


def test_a_layer_of_both_kinds_has_both_in_its_name() -> None:
    assert pack_of(planned(packages=PACKAGES, stdlib="full")).name == "cpython-3.13.15-x86_64-full-packages"


def test_a_layer_with_packages_is_for_the_runtimes_that_these_are_for() -> None:
    newer = replace(PACKAGES, platform=Platform(X86_64, "2.34"))
    steps = planned(packages=newer)
    pack = pack_of(steps)
    assert pack.platform == newer.platform
    assert pack.facts["platform"]["compatible_runtimes"] == ("provided.al2023",)
    assert steps["tree"].key == planned()["tree"].key


@pytest.mark.parametrize(
    "other",
    [
        replace(PACKAGES, packages=(replace(SIX, version="1.16.0"),)),
        replace(PACKAGES, packages=(replace(SIX, sha256=("b" * 64,)),)),
        replace(PACKAGES, packages=(SIX, replace(SIX, name="seven"))),
        replace(PACKAGES, installer="2"),
        replace(PACKAGES, platform=Platform(X86_64, "2.34")),
    ],
    ids=["version", "hash", "one-more", "installer", "runtime"],
)
def test_other_packages_are_installed_and_nothing_else_is(other: InstallPackages) -> None:
    assert changed(planned(packages=other), planned(packages=PACKAGES)) == {"packages", "layer"}


# Several products.


def upstream(product: Product = PRODUCT) -> tuple[Product, Materials]:
    """A variant of a product that differs in nothing but that, and the repository with its files."""
    other = replace(product, variant="upstream")
    files = {other.profile: FILES.contents[product.profile], other.symbol_order: FILES.contents[product.symbol_order]}
    return other, Materials({**FILES.contents, **files})


def test_two_products_that_differ_in_their_names_alone_share_libraries_and_tools_and_nothing_of_their_own() -> None:
    other = planned(product=replace(PRODUCT, name="cpython-3.13-other"))
    assert changed(other) == ENDING
    shared = {role for role, step in planned().items() if other[role].name == step.name}
    assert shared == {"toolchain", "build_python", *LIBRARIES}


def test_two_products_that_differ_in_their_variants_alone_share_libraries_and_no_interpreter() -> None:
    product, files = upstream()
    assert changed(planned(product=product, files=files), planned(files=files)) == ENDING


def test_a_product_of_another_source_takes_the_libraries_that_are_there() -> None:
    newer = replace(PINS["cpython-3.13"], key="cpython-3.99", version="3.99.0")
    pins = replace(PINS, sources={**PINS.sources, newer.key: newer})
    product = replace(PRODUCT, name="cpython-3.99", source=newer.key, version=newer.version, patches=())
    other = planned(pins, product=product)
    assert changed(other, planned(pins)) == {"build_python"} | ENDING
    assert other["cpython"].name == "cpython-3.99-x86_64"
    assert pack_of(other).name == "cpython-3.99.0-x86_64"


def test_a_variant_without_patches_is_compiled_of_the_source_as_it_is() -> None:
    product, files = upstream(replace(PRODUCT, name="cpython-3.13-upstream", patches=("needed",)))
    steps = planned(product=product, files=files)
    assert task_of(steps["cpython"]).patches == {}
    assert task_of(steps["openssl"]).patches == task_of(planned()["openssl"]).patches != {}


# Where a plan comes from.


def test_making_a_plan_opens_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    planned(packages=PACKAGES)  # which imports what it needs
    files = Materials(dict(FILES.contents))

    def refuse(*given: Any, **_: Any) -> Any:
        raise AssertionError(f"{given} is looked at")

    with monkeypatch.context() as patched:
        for module, name in ((builtins, "open"), (io, "open"), (os, "open"), (os, "scandir"), (os, "listdir")):
            patched.setattr(module, name, refuse)
        for name in ("open", "read_text", "read_bytes", "stat", "iterdir", "glob", "rglob"):
            patched.setattr(Path, name, refuse)
        steps = planned(files=files, packages=PACKAGES)
        keys = [step.key for step in steps.values()]
    assert keys == [step.key for step in planned(packages=PACKAGES).values()]


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


def test_comments_in_what_only_describes_steps_are_not_part_of_any_key(tmp_path: Path) -> None:
    for folder in ("builder", "patches", "products", "runtime"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    carried_out = {path for step in planned().values() for path in step.files}
    commented = 0
    for path in ("builder", "products"):
        for file in (*(tmp_path / path).rglob("*.py"), *(tmp_path / path).rglob("*.toml")):
            if file.relative_to(tmp_path).as_posix() not in carried_out:
                commented += 1
                file.write_text(file.read_text(encoding="utf-8") + "\n# One more remark.\n", encoding="utf-8")
    assert commented > 50
    expected = "".join(f"{step.name} {step.key}\n" for step in planned().values())
    assert keys_of(tmp_path, "1") == expected
    assert keys_of(ROOT, "2") == expected


def test_the_materials_are_the_files_that_steps_may_depend_on(tmp_path: Path) -> None:
    known = (
        *("builder/recipes/zlib.py", "builder/cc-link.sh", "patches/openssl/3.5/needed/0001-a.patch"),
        *("products/cpython-3.13/fast.profdata.xz", "runtime/python/bootstrap", "runtime/python/deep/loop.py"),
    )
    ignored = ("runtime/python/__pycache__/loop.cpython-313.pyc", "tests/unit/test_plan.py", "README.md", "patches.txt")
    for path in (*known, *ignored):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path, encoding="utf-8")
    materials = read_materials(tmp_path)
    assert set(materials.sha256) == set(materials.contents) == {*known}
    assert materials.text("builder/cc-link.sh") == "builder/cc-link.sh"
    assert list(materials.below("runtime")) == ["runtime/python/bootstrap", "runtime/python/deep/loop.py"]
    (tmp_path / "runtime/python/bootstrap").write_text("changed", encoding="utf-8")
    again = read_materials(tmp_path)
    different = {path for path in again.sha256 if again.sha256[path] != materials.sha256[path]}
    assert different == {"runtime/python/bootstrap"}
