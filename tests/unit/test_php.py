"""builder.interpreters.php: what stands in its product's folder, its recipes, its tree, its loop as it ships."""

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from builder.errors import BadProduct
from builder.executors.tools import TOOLS
from builder.flags import words
from builder.functions.compiler import load_compiler
from builder.interpreters import php
from builder.interpreters.php.product import read_configure, read_extensions
from builder.interpreters.php.recipe import BUNDLED, DEFAULTS, LIBRARIES, READER, SWITCHES
from builder.package_manager import load_package_manager
from builder.plan.keys import Materials
from builder.plan.steps import Assemble, Compile
from builder.platform import Platform
from builder.recipes import BUILD_TRIPLET, Recipe, curl, libsodium, libzip
from builder.toolchain import COMPILER_FLAGS

from .fakes import ROOT
from .repository import FILES, PINS, PLATFORMS, REPOSITORY, pack_of
from .test_runtime import RecordingSandbox

PRODUCT = REPOSITORY.products.by_name["php-8.4-upstream"]
EXTENSIONS = read_extensions(PRODUCT, FILES)
NATIVE = f"runtime/{PRODUCT.runtime}/native/layer_runtime.c"
OF_THE_TARGET = ("/opt", "/var/task/php/conf.d", "/usr/sbin/sendmail")
"""Paths of the system that PHP runs on, as far as a recipe names any."""
OWN = ("cc", "cc-builtins", "build-cc", "ar", "ranlib", "ld")
_ABSOLUTE = re.compile(r"(?:^|[=:\s'\"]|-[ILB])(/[A-Za-z][^\s'\":]*)")


def recipes(platform: Platform) -> dict[str, Recipe]:
    steps = REPOSITORY.plan(PRODUCT, platform)
    return {step.role: step.work.recipe for step in steps if isinstance(step.work, Compile)}


ALL = {
    f"{name}-{platform.cpu.lambda_name}": (name, recipe)
    for platform in PLATFORMS
    for name, recipe in recipes(platform).items()
}
each_recipe = pytest.mark.parametrize(("name", "recipe"), ALL.values(), ids=ALL)


def texts(recipe: Recipe) -> list[str]:
    commands = [word for command in recipe.commands for word in command]
    return [*commands, *recipe.environment.values(), *recipe.files.values()]


def with_file(name: str, old: str, new: str) -> Materials:
    """The repository's files with another text in one of the product's."""
    path = PRODUCT.file(name)
    assert old in FILES.text(path)
    return Materials({**FILES.contents, path: FILES.text(path).replace(old, new, 1).encode()})


def recipe_of(files: Materials = FILES) -> Recipe:
    return php.recipes(PRODUCT, PLATFORMS[0], files)["php"]


# --- recipes -----------------------------------------------------------------------------------------------------


@each_recipe
def test_a_recipe_knows_no_path_of_the_machine_that_builds(name: str, recipe: Recipe) -> None:
    ours = {FILES.text(READER), FILES.text(NATIVE)}  # code in C, and a script of sed's, whose slashes begin no path
    kept = [text for text in texts(recipe) if text not in ours and "/CONFIGURE_COMMAND/" not in text]
    found = {path for text in kept for path in _ABSOLUTE.findall(text)}
    assert {
        path for path in found if not any(PurePosixPath(path).is_relative_to(each) for each in OF_THE_TARGET)
    } == set()
    assert not [text for text in texts(recipe) if "../.." in text]


@each_recipe
def test_a_recipe_reads_what_it_needs_and_calls_what_is_on_the_list(name: str, recipe: Recipe) -> None:
    read = {place for text in texts(recipe) for place in re.findall(r"\.\./deps/([\w-]+)", text)}
    assert read == set(recipe.needs)
    assert {command[0] for command in recipe.commands} - {*TOOLS, *OWN} <= {"./configure"}


@each_recipe
def test_whatever_ships_is_compiled_with_the_shared_flags(name: str, recipe: Recipe) -> None:
    everything = " ".join(texts(recipe))
    assert [flag for flag in words(COMPILER_FLAGS) if f" {flag}" not in everything] == []


@each_recipe
def test_every_configure_believes_in_a_cross_build(name: str, recipe: Recipe) -> None:
    for command in recipe.commands:
        if command[0] == "./configure":
            assert BUILD_TRIPLET in command
            assert [word for word in command if word.startswith("--host=")]


def test_libraries_that_cpython_links_too_are_the_same_steps() -> None:
    other = REPOSITORY.products.by_name["cpython-3.14"]
    ours, theirs = ({step.role: step.key for step in REPOSITORY.plan(each, PLATFORMS[0])} for each in (PRODUCT, other))
    shared = {"toolchain", "openssl", "zlib", "bzip2", "sqlite", "libffi"}
    assert {role for role in ours if ours[role] == theirs.get(role)} == shared


def test_the_version_in_libzips_header_is_the_pinned_one() -> None:
    assert PINS["libzip"].version == libzip.VERSION


def test_a_build_of_curl_that_found_less_than_it_was_to_is_refused() -> None:
    checks = [command for command in curl.recipe(PLATFORMS[0]).commands if command[:2] == ("sh", "-ec")]
    assert "grep -q '^#define USE_NGHTTP2 1$' lib/curl_config.h" in checks[0][2]


def test_libsodiums_configure_is_not_told_what_is_no_option_of_it() -> None:
    recipe = libsodium.recipe(PLATFORMS[0])
    assert not [word for word in recipe.commands[0] if word.startswith("ac_cv")]
    assert recipe.files["config.site"] == "ac_cv_prog_cc_c23=no\n"


# --- extensions --------------------------------------------------------------------------------------------------


def test_what_is_present_is_switched_on_and_nothing_else() -> None:
    (configure,) = (command for command in recipe_of().commands if command[0] == "./configure")
    assert {option for name, option in SWITCHES.items() if name in EXTENSIONS.present} == set(SWITCHES.values())
    assert set(SWITCHES.values()) <= set(configure)
    assert not set(DEFAULTS.values()) & set(configure)


def test_an_extension_that_is_taken_off_the_list_is_switched_off_with_its_library() -> None:
    recipe = recipe_of(with_file("extensions.toml", '"curl", "ftp",', '"ftp",'))
    assert not {"curl", "nghttp2"} & set(recipe.needs)
    assert "CURL_LIBS" not in recipe.environment
    assert "--with-curl" not in recipe.commands[0]
    recipe = recipe_of(with_file("extensions.toml", '"fileinfo", ', ""))
    assert "--disable-fileinfo" in recipe.commands[0]


def test_each_library_is_for_an_extension_that_there_is() -> None:
    known = {name.lower() for name in EXTENSIONS.present}
    assert {extension.lower() for extension, _, _ in LIBRARIES.values()} <= known
    assert {name.lower() for name in (*SWITCHES, *DEFAULTS)} <= known


def test_the_lists_do_not_contradict_each_other() -> None:
    assert len(set(EXTENSIONS.present)) == len(EXTENSIONS.present)
    with pytest.raises(BadProduct, match=r"products/php-8\.4/extensions\.toml contradicts itself"):
        read_extensions(PRODUCT, with_file("extensions.toml", '"curl",', '"curl", "INTL",'))
    with pytest.raises(BadProduct, match="contradicts itself"):
        read_extensions(PRODUCT, with_file("extensions.toml", 'com_dotnet = "Windows"', 'com_dotnet = ""'))


def test_an_option_for_a_variant_that_there_is_not_is_refused() -> None:
    files = with_file("configure.toml", "[[options]]\n", '[[options]]\nvariants = ["swift"]\n')
    with pytest.raises(BadProduct, match=r"products/php-8\.4 has no such variant"):
        read_configure(PRODUCT, PLATFORMS[0], files)


def test_the_manifest_tells_which_extensions_are_inside() -> None:
    facts = php.facts(PRODUCT, FILES)
    assert "curl" in facts["extensions"]["present"]
    assert facts["extensions"]["absent"]["intl"].startswith("needs ICU")


# --- the tree, the loop ------------------------------------------------------------------------------------------


def test_the_tree_is_the_executable_what_configures_it_and_the_licences(tmp_path: Path) -> None:
    made, library, out = tmp_path / "php", tmp_path / "zlib", tmp_path / "work" / "out"
    for folder in (
        made / "bin",
        made / "licenses" / "php",
        made / "bundled" / "ir",
        library / "licenses" / "zlib",
        out,
    ):
        folder.mkdir(parents=True)
    (made / "bin" / "php").write_bytes(b"\x7fELF")
    for place in ("php/licenses/php", "php/bundled/ir", "zlib/licenses/zlib"):
        (tmp_path / place / "LICENSE").write_text(place, encoding="utf-8")
    task = Assemble(PRODUCT, PLATFORMS[0], "lean", (), {name: name for name in php.TREE_FILES})
    out.rmdir()
    php.assemble(task, RecordingSandbox(), tmp_path / "work", {"php": made, "zlib": library}, {})
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == {
        "bin/php",
        "bin/php.ini",
        "ssl/openssl.cnf",
        "share/licenses/php/LICENSE",
        "share/licenses/php/ir/LICENSE",
        "share/licenses/zlib/LICENSE",
    }


def test_each_copy_of_others_has_a_licence_in_its_own_folder() -> None:
    copied = {command[-1] for command in recipe_of().commands if command[0] == "cp"}
    assert {f"../out/bundled/{name}/LICENSE" for name in BUNDLED} <= copied


def test_the_loop_ships_without_what_is_inside_the_executable(tmp_path: Path) -> None:
    php.lay_runtime(pack_of(PRODUCT), RecordingSandbox(), tmp_path, {})
    laid = {path.relative_to(tmp_path / "runtime").as_posix() for path in (tmp_path / "runtime").rglob("*.*")}
    there = {
        path.relative_to(ROOT / "runtime" / "php").as_posix() for path in (ROOT / "runtime" / "php").rglob("*.php")
    }
    assert laid == there
    assert "layer_runtime/main.php" in laid


def test_the_executable_is_made_of_all_that_is_linked_and_the_rest_is_ours() -> None:
    assert php.origins("bin/php", ("zlib", "php")) == ("zlib", "php", "runtime")
    assert php.origins("bin/php.ini", ("zlib", "php")) == ("runtime",)


def test_there_are_no_packages_and_nothing_is_compiled_and_both_are_said() -> None:
    with pytest.raises(BadProduct) as packages:
        load_package_manager("php")
    assert packages.value.do == "Leave --packages out; packages can be part of the function."
    with pytest.raises(BadProduct) as functions:
        load_compiler("php")
    assert functions.value.do == "Deploy it as it is, with --no-bytecode; or zip the folder."


def test_a_file_that_is_missing_is_said() -> None:
    files = Materials({path: text for path, text in FILES.contents.items() if path != PRODUCT.file("php.ini")})
    with pytest.raises(BadProduct, match=r"There is no products/php-8\.4/php\.ini"):
        replace(REPOSITORY, files=files).plan(PRODUCT, PLATFORMS[0])
