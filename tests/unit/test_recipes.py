"""builder.recipes, and an interpreter's own: pure data that holds nothing of the machine."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from packaging.version import Version

from builder import ROOT
from builder.errors import BadProduct
from builder.executors import FIXED_ENVIRONMENT
from builder.executors.tools import TOOLS
from builder.flags import words
from builder.interpreters.cpython import build_python
from builder.interpreters.cpython import recipe as cpython
from builder.interpreters.cpython.product import executable_of, read_modules
from builder.plan.keys import Materials
from builder.plan.steps import Compile
from builder.platform import Platform
from builder.product import Product
from builder.recipes import AUTOCONF, BUILD_TRIPLET, MAKE_LIBRARY, Recipe, libffi, library, libuuid, make_out, zstd
from builder.toolchain import COMPILER_FLAGS

from .repository import FILES, PINS, PLATFORMS, PRODUCT, REPOSITORY

PRODUCTS = tuple(product for product in REPOSITORY.products.by_name.values() if product.interpreter == "cpython")


def recipes_of(product: Product, platform: Platform) -> dict[str, Recipe]:
    """The recipes of a CPython and all that it needs, by name, in the order of building."""
    steps = REPOSITORY.plan(product, platform)
    return {step.role: step.work.recipe for step in steps if isinstance(step.work, Compile)}


PLANNED = {
    f"{product.name}-{platform.cpu.lambda_name}": (product, platform) for product in PRODUCTS for platform in PLATFORMS
}
ALL = {f"{of}-{name}": (name, recipe) for of, it in PLANNED.items() for name, recipe in recipes_of(*it).items()}
MODULES = read_modules(PRODUCT, FILES)
each_product = pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.name)
each_recipe = pytest.mark.parametrize(("name", "recipe"), ALL.values(), ids=ALL)

PREFIX = "/opt"
"""Where Lambda unpacks layers: the one absolute path that a recipe may know."""
TARGETS_FOLDERS = tuple(libuuid.PATHS.values())
"""Where libuuid looks for its clock's state on the system that it runs on."""
_ABSOLUTE = re.compile(r"(?:^|[=:\s'\"]|-[ILB])(/[A-Za-z][^\s'\"]*)")
_OWN = ("cc", "cc-builtins", "build-cc", "ar", "ranlib", "ld")


def texts(recipe: Recipe) -> Iterator[str]:
    """Everything in a recipe that a command, a compiler or a configure script reads."""
    for command in recipe.commands:
        yield from command
    yield from recipe.environment.values()
    yield from recipe.files.values()


def test_a_recipe_is_the_same_whenever_it_is_asked_for() -> None:
    again = {f"{of}-{name}": (name, recipe) for of, it in PLANNED.items() for name, recipe in recipes_of(*it).items()}
    assert again == ALL


@each_recipe
def test_a_recipe_is_data_of_strings(name: str, recipe: Recipe) -> None:
    assert recipe.commands
    for command in recipe.commands:
        assert isinstance(command, tuple)
        assert all(type(word) is str for word in command)
    for mapping in (recipe.environment, recipe.files):
        assert all(type(word) is str for pair in mapping.items() for word in pair)


@each_recipe
def test_no_recipe_holds_an_absolute_path_but_the_layers(name: str, recipe: Recipe) -> None:
    known = (PREFIX, *(TARGETS_FOLDERS if name == "libuuid" else ()))
    found = {path for text in texts(recipe) for path in _ABSOLUTE.findall(text)}
    assert {path for path in found if not any(PurePosixPath(path).is_relative_to(folder) for folder in known)} == set()


@each_recipe
def test_no_recipe_holds_a_path_of_the_machine_that_plans(name: str, recipe: Recipe) -> None:
    here = (str(ROOT), str(Path.home()))
    assert not [text for text in texts(recipe) for path in here if len(path) > 1 and path in text]


@each_recipe
def test_files_are_written_inside_the_sandbox(name: str, recipe: Recipe) -> None:
    for place in recipe.files:
        assert not PurePosixPath(place).is_absolute()
        assert ".." not in PurePosixPath(place).parts


@each_recipe
def test_no_path_leads_out_of_the_sandbox(name: str, recipe: Recipe) -> None:
    for text in texts(recipe):
        assert "../.." not in text
        for place in re.findall(r"(?<![\w.])\.\./([\w.-]+)", text):
            assert place in {"deps", "out", "config.site", "builtins.o", "newer_libc.o", *recipe.files}


@each_recipe
def test_every_program_is_the_sources_own_or_on_the_list(name: str, recipe: Recipe) -> None:
    for command in recipe.commands:
        own = command[0].startswith(("./", "../deps/build_python/bin/"))
        assert own or command[0] in {*TOOLS, *_OWN}


@each_recipe
def test_what_a_recipe_reads_of_others_it_needs(name: str, recipe: Recipe) -> None:
    read = {place for text in texts(recipe) for place in re.findall(r"\.\./deps/([\w-]+)", text)}
    assert read == set(recipe.needs)


@each_product
def test_what_a_recipe_needs_comes_before_it(product: Product) -> None:
    recipes = recipes_of(product, PLATFORMS[0])
    order = list(recipes)
    for name, recipe in recipes.items():
        assert all(order.index(need) < order.index(name) for need in recipe.needs)


@each_recipe
def test_every_source_is_pinned_with_a_licence_to_ship(name: str, recipe: Recipe) -> None:
    assert PINS[recipe.source].licence_files


@each_recipe
def test_a_recipe_does_not_undo_the_fixed_environment(name: str, recipe: Recipe) -> None:
    assert not recipe.environment.keys() & {*FIXED_ENVIRONMENT, "PATH", "HOME", "TMPDIR", "MAKEFLAGS", "ZIG"}


@each_recipe
def test_whatever_ships_is_compiled_with_the_shared_flags(name: str, recipe: Recipe) -> None:
    everything = " ".join(texts(recipe))
    missing = [flag for flag in words(COMPILER_FLAGS) if f" {flag}" not in everything and name != "build_python"]
    assert missing == []


@each_recipe
def test_every_configure_believes_in_a_cross_build(name: str, recipe: Recipe) -> None:
    for command in recipe.commands:
        if command[0] == "./configure" and name != "build_python":  # which is for this machine
            assert BUILD_TRIPLET in command
            assert [word for word in command if word.startswith("--host=")] not in (
                [],
                ["--host=x86_64-build-linux-gnu"],
            )


def test_the_build_triplet_is_no_machines_own() -> None:
    assert BUILD_TRIPLET.removeprefix("--build=") not in {platform.triplet for platform in PLATFORMS}


def test_tools_that_configure_would_look_up_are_named_without_a_path() -> None:
    assert not [value for value in AUTOCONF.values() if "/" in value]


def test_folders_are_made_in_out() -> None:
    assert make_out("lib", "include/x") == ("mkdir", "-p", "../out/lib", "../out/include/x")


def test_a_library_is_compiled_by_its_makefile(tmp_path: Path) -> None:
    """With the machine's make, and stand-ins for compiler and archiver that write down how they were called."""
    for folder in ("src/deep", "out/lib", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    for tool in ("cc-profiled", "ar"):
        script = tmp_path / "bin" / tool
        script.write_text(f'#!/bin/sh\necho {tool} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    for source in ("one.c", "deep/two.S"):
        (tmp_path / "src" / source).touch()
    ((name, text),) = library("thing", ("one.c", "deep/two.S"), ("-O3", "-Ix")).items()
    (tmp_path / name).write_text(text, encoding="utf-8")
    environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    done = subprocess.run(
        (*MAKE_LIBRARY, "--silent"), cwd=tmp_path / "src", env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "cc-profiled -O3 -Ix -c one.c -o one.o",
        "cc-profiled -O3 -Ix -c deep/two.S -o deep/two.o",
        "ar rcs ../out/lib/libthing.a one.o deep/two.o",
    ]


@each_product
def test_no_module_is_both_present_and_absent_or_listed_twice(product: Product) -> None:
    modules = read_modules(product, FILES)
    assert not set(modules.present) & set(modules.absent)
    assert len(set(modules.present)) == len(modules.present)


@each_product
def test_every_absent_module_has_a_reason(product: Product) -> None:
    absent = read_modules(product, FILES).absent
    assert {"_tkinter", "_curses", "readline", "_gdbm", "_dbm"} <= absent.keys()
    assert all(len(why) > 4 for why in absent.values())


@each_product
def test_the_modules_that_functions_rely_on_are_present(product: Product) -> None:
    wanted = (
        *("_uuid", "_ssl", "_hashlib", "_sqlite3", "_ctypes", "_lzma", "_bz2", "zlib", "_decimal", "pyexpat"),
        *("_multiprocessing", "_posixshmem", "_zoneinfo", "_asyncio"),
    )
    assert set(wanted) <= set(read_modules(product, FILES).present)


@each_product
def test_the_build_python_leaves_out_modules_of_the_lists_only(product: Product) -> None:
    modules = read_modules(product, FILES)
    answers = build_python.recipe(product, FILES).files["config.site"].split()
    names = [answer.removeprefix("py_cv_module_").removesuffix("=n/a") for answer in answers]
    assert set(names) == {*modules.absent, *(name for name in build_python.UNUSED if name in modules.present)}
    assert len(names) == len(set(names))


@each_product
def test_the_folders_name_decides_whether_there_is_a_gil(product: Product) -> None:
    no_gil = product.folder.endswith("t")
    assert executable_of(product) == f"python{product.series}{'t' * no_gil}"
    for recipe in (cpython.recipe(product, PLATFORMS[0], FILES), build_python.recipe(product, FILES)):
        (configure,) = (command for command in recipe.commands if command[0] == "./configure")
        assert ("--disable-gil" in configure) == no_gil == ("--disable-gil" in {flag.text for flag in recipe.options})


def test_an_abi_that_cpython_does_not_have_is_refused() -> None:
    with pytest.raises(BadProduct, match=r"products/cpython-3\.13td names another ABI than CPython has"):
        executable_of(replace(PRODUCT, folder="products/cpython-3.13td"))


def test_what_the_build_python_leaves_out_is_a_module_of_some_series() -> None:
    known = {name for product in PRODUCTS for name in read_modules(product, FILES).present}
    assert set(build_python.UNUSED) <= known


@pytest.mark.parametrize(("product", "platform"), PLANNED.values(), ids=PLANNED)
def test_absent_modules_are_switched_off_in_configures_answers(product: Product, platform: Platform) -> None:
    answers = cpython.recipe(product, platform, FILES).files["config.site"].splitlines()
    modules = read_modules(product, FILES)
    assert {f"py_cv_module_{name}=n/a" for name in modules.absent} <= set(answers)
    assert not [name for name in modules.present if f"py_cv_module_{name}=n/a" in answers]


@each_product
def test_each_processor_has_its_own_answers_besides_those_that_all_share(product: Product) -> None:
    answers = [
        set(cpython.recipe(product, platform, FILES).files["config.site"].splitlines()) for platform in PLATFORMS
    ]
    assert "ac_cv_gcc_asm_for_x64=yes" in answers[0] - answers[1]
    assert "ac_cv_gcc_asm_for_x64=no" in answers[1] - answers[0]
    assert "ac_cv_computed_gotos=yes" in answers[0] & answers[1]


@pytest.mark.parametrize(("product", "platform"), PLANNED.values(), ids=PLANNED)
def test_an_eval_loop_without_tail_calls_is_kept_from_a_frame_of_40_kb(product: Product, platform: Platform) -> None:
    recipe = cpython.recipe(product, platform, FILES)
    tail_calls = any("--with-tail-call-interp" in command for command in recipe.commands)
    # Before 3.14 there are no tail calls, and frames are small.
    expected = not tail_calls and Version(product.version) >= Version("3.14")
    assert (recipe.environment.get("CFLAGS_CEVAL") == "-finline-max-stacksize=512") == expected


@pytest.mark.parametrize(
    "text",
    ['present = ["a"]\n[absent]\na = "a reason"\n', 'present = ["a"]\n[absent]\nb = ""\n'],
    ids=["in both lists", "no reason"],
)
def test_a_list_of_modules_that_contradicts_itself_is_refused(text: str) -> None:
    files = Materials({PRODUCT.file("modules.toml"): text.encode()})
    with pytest.raises(BadProduct, match=r"products/cpython-3\.13/modules\.toml contradicts itself"):
        read_modules(PRODUCT, files)


def test_a_library_is_needed_by_those_that_have_its_module() -> None:
    path = PRODUCT.file("modules.toml")
    modules = FILES.text(path).replace('"_zstd", ', "")
    for present, needed in ((modules, False), (modules.replace('"_bz2", ', '"_bz2", "_zstd", '), True)):
        recipe = cpython.recipe(PRODUCT, PLATFORMS[0], Materials({**FILES.contents, path: present.encode()}))
        assert ("zstd" in recipe.needs) == needed
        assert ("LIBZSTD_LIBS" in recipe.environment) == needed
        assert {"bzip2", "openssl", "build_python"} <= set(recipe.needs)


def with_options(text: str) -> Materials:
    """The repository's files with more in the product's ``configure.toml``."""
    path = PRODUCT.file("configure.toml")
    return Materials({**FILES.contents, path: FILES.contents[path] + text.encode()})


def test_options_and_variables_of_a_product_are_passed_and_told_with_their_reasons() -> None:
    option = '\n[[options]]\ntext = "--with-something=yes"\nwhy = "a reason"\n'
    variable = '\n[[environment]]\ntext = "CFLAGS_MORE=-a -b=c"\nwhy = "another"\n'
    recipe = cpython.recipe(PRODUCT, PLATFORMS[0], with_options(option + variable))
    (configure,) = (command for command in recipe.commands if command[0] == "./configure")
    assert "--with-something=yes" in configure
    assert recipe.environment["CFLAGS_MORE"] == "-a -b=c"
    told = {(option.text, option.why) for option in recipe.options}
    assert {("--with-something=yes", "a reason"), ("CFLAGS_MORE=-a -b=c", "another")} <= told


@pytest.mark.parametrize(
    ("variants", "passed"), [("", True), ("[]", False), ('["fast"]', True), ('["upstream"]', False)]
)
def test_an_option_may_be_for_some_variants_alone(variants: str, passed: bool) -> None:
    assert PRODUCT.variant == "fast"
    option = '\n[[options]]\ntext = "--with-x"\nwhy = "a reason"\n' + (f"variants = {variants}\n" if variants else "")
    recipe = cpython.recipe(PRODUCT, PLATFORMS[0], with_options(option))
    assert any("--with-x" in command for command in recipe.commands) == passed


def test_an_option_for_a_variant_that_there_is_not_is_refused() -> None:
    option = '\n[[options]]\ntext = "--with-x"\nwhy = "a reason"\nvariants = ["fast", "swift"]\n'
    with pytest.raises(BadProduct) as refused:
        cpython.recipe(PRODUCT, PLATFORMS[0], with_options(option))
    assert refused.value.what == "products/cpython-3.13 has no such variant."
    assert refused.value.why == "products/cpython-3.13/configure.toml has entries for swift."


def test_zstd_has_assembly_for_x86_64_alone() -> None:
    made = [zstd.recipe(platform).files["library.mk"] for platform in PLATFORMS]
    assert ["huf_decompress_amd64.S" in text for text in made] == [True, False]


def test_the_version_in_libffis_header_is_the_pinned_one() -> None:
    assert PINS["libffi"].version == libffi.VERSION
