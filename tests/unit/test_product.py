"""builder.product: a folder is a product with its variants, or an error says what is wrong with it."""

import copy
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from builder.errors import BadPins, BadProduct, UnknownTarget
from builder.interpreters import load_interpreter
from builder.package_manager import load_package_manager
from builder.pins import Pins
from builder.plan import make
from builder.plan.keys import Materials, read_materials
from builder.plan.make import check_pins, library_recipe, used_sources
from builder.product import Product, Products, load_products
from builder.recipes import Recipe

from .fakes import ROOT, a_source, toml
from .repository import FILES, PINS, PLATFORMS, PRODUCT, REPOSITORY
from .test_plan import planned, with_file

GOOD: dict[str, Any] = {
    "schema": 1,
    "default": True,
    "interpreter": "thing",
    "source": "thing",
    "runtime": "thing",
    "shebang": "/opt/bin/thing",
    "variants": {"fast": {"patches": ["needed", "fast"]}},
}
THING = a_source(name="thing")  # its version is 1.0, so its series is 1
OTHER = Product("other-2", "other", "other", "2.0", "fast", (), "thing", "/opt/bin/other", (), True, "products/other-2")


@pytest.fixture
def data() -> dict[str, Any]:
    """A good ``product.toml`` that a test may spoil."""
    return copy.deepcopy(GOOD)


def lay(root: Path, name: str, data: Mapping[str, Any]) -> Path:
    """Makes a product's folder, with the files that its variants want."""
    folder = root / "products" / name
    folder.mkdir(parents=True)
    (root / "runtime" / "thing").mkdir(parents=True, exist_ok=True)
    (folder / "product.toml").write_text("".join(f"{key} = {toml(value)}\n" for key, value in data.items()), "utf-8")
    for variant in data.get("variants", ()):
        for file in (f"{variant}.profdata.xz", f"{variant}.profdata.toml", f"{variant}.symbols.txt"):
            (folder / file).write_bytes(b"")
    return folder


def load(root: Path) -> Products:
    return load_products(Pins({"thing": THING}), root)


def why_refused(root: Path) -> list[str]:
    """What is said to be wrong with the products of a repository."""
    with pytest.raises(BadProduct) as caught:
        load(root)
    assert caught.value.exit_code == 34
    assert caught.value.what == f"{root / 'products'} is not in order."
    assert "docs/products.md" in caught.value.do
    return [line.strip() for line in caught.value.why.splitlines()]


# What is there.


def test_the_repositorys_own_products_are_in_order_and_the_default_one_is_a_cpython() -> None:
    products = load_products(PINS)
    assert products == REPOSITORY.products
    assert products.by_name[products.default.name] is products.default
    assert products.default.interpreter == "cpython"
    check_pins(PINS, products.by_name.values(), PLATFORMS[0], FILES)


@pytest.mark.parametrize("product", REPOSITORY.products.by_name.values(), ids=lambda product: product.name)
def test_every_product_of_the_repository_has_a_plan(product: Product) -> None:
    for platform in PLATFORMS:
        steps = REPOSITORY.plan(product, platform)
        assert steps[-1].name == f"layer-{product.name}-{platform.cpu.lambda_name}-lean"


def test_a_folder_comes_back_as_it_is(tmp_path: Path, data: dict[str, Any]) -> None:
    data["variants"]["fast"]["libraries"] = ["librt.so.1"]
    lay(tmp_path, "thing-1", data)
    assert load(tmp_path).by_name == {
        "thing-1": Product(
            name="thing-1",
            interpreter="thing",
            source="thing",
            version="1.0",
            variant="fast",
            patches=("needed", "fast"),
            runtime="thing",
            shebang="/opt/bin/thing",
            libraries=("librt.so.1",),
            trained=True,
            folder="products/thing-1",
            default=True,
        )
    }


def test_the_first_variant_has_the_folders_name_and_another_one_its_own_after_it(
    tmp_path: Path, data: dict[str, Any]
) -> None:
    data["variants"] = {"swift": {"patches": []}, "fast": {"patches": ["fast"]}}
    lay(tmp_path, "thing-1", data)
    products = load(tmp_path)
    assert {name: (each.variant, each.patches) for name, each in products.by_name.items()} == {
        "thing-1": ("swift", ()),
        "thing-1-fast": ("fast", ("fast",)),
    }
    assert products.default.name == "thing-1"
    assert products.by_name["thing-1-fast"].profile == "products/thing-1/fast.profdata.xz"
    assert products.by_name["thing-1-fast"].symbol_order == "products/thing-1/fast.symbols.txt"


def test_upstreams_own_says_so_even_where_it_is_the_only_one(tmp_path: Path, data: dict[str, Any]) -> None:
    data["variants"] = {"upstream": {"patches": []}}
    lay(tmp_path, "thing-1", data)
    products = load(tmp_path)
    assert list(products.by_name) == [products.default.name] == ["thing-1-upstream"]


@pytest.mark.parametrize(
    ("version", "trained", "preview", "tracked"),
    [
        ("3.15.0", True, False, True),
        ("3.15.0", False, False, False),
        ("3.15.0rc1", True, True, False),
        ("3.15.0a7", True, True, False),
        ("8.5.0RC1", False, True, False),
    ],
)
def test_what_is_not_final_or_not_trained_is_not_tracked(
    version: str, trained: bool, preview: bool, tracked: bool
) -> None:
    product = replace(PRODUCT, version=version, trained=trained)
    assert (product.preview, product.tracked) == (preview, tracked)


@pytest.mark.parametrize(
    ("name", "version", "stem"),
    [
        ("cpython-3.13", "3.13.15", "cpython-3.13.15-x86_64"),
        ("cpython-3.13-upstream", "3.13.15", "cpython-3.13.15-upstream-x86_64"),
        ("cpython-3.14t", "3.14.2", "cpython-3.14.2t-x86_64"),
        ("cpython-3.14t-upstream", "3.14.2", "cpython-3.14.2t-upstream-x86_64"),
        ("cpython-3.15-upstream", "3.15.0rc1", "cpython-3.15.0rc1-upstream-x86_64"),
        ("php-8.4", "8.4.11", "php-8.4.11-x86_64"),
    ],
)
def test_files_in_dist_are_called_by_product_version_and_lambdas_architecture(
    name: str, version: str, stem: str
) -> None:
    product = Product(
        name, "cpython", "source", version, "fast", (), "python", "/opt/bin/x", (), True, f"products/{name}"
    )
    assert product.stem("x86_64") == stem
    assert product.stem("arm64") == stem.replace("x86_64", "arm64")


def test_the_series_of_a_version_is_its_first_two_numbers() -> None:
    assert PRODUCT.version.startswith(f"{PRODUCT.series}.")
    assert PRODUCT.series == "3.13"


# What can be asked for.


@pytest.fixture
def products(tmp_path: Path, data: dict[str, Any]) -> Products:
    """``thing-1``, the default, ``thing-1-upstream`` and ``rest-1``."""
    data["variants"]["upstream"] = {"patches": ["needed"]}
    lay(tmp_path, "thing-1", data)
    lay(tmp_path, "rest-1", {**GOOD, "default": False})
    return load(tmp_path)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (("thing-1",), ["thing-1"]),
        (("thing-*",), ["thing-1", "thing-1-upstream"]),
        (("*",), ["rest-1", "thing-1", "thing-1-upstream"]),
        (("*-upstream", "rest-1"), ["thing-1-upstream", "rest-1"]),
        (("thing-1", "*", "thing-1"), ["thing-1", "rest-1", "thing-1-upstream"]),
        (("thing-[12]",), ["thing-1"]),
    ],
)
def test_products_are_chosen_by_names_and_globs_each_once(
    products: Products, patterns: tuple[str, ...], expected: list[str]
) -> None:
    assert [product.name for product in products.choose(patterns)] == expected


@pytest.mark.parametrize("pattern", ["thing-2", "ruby-*", "", "THING-1", "thing", "../thing-1"])
def test_a_name_or_a_glob_that_means_nothing_is_refused_with_what_there_is(products: Products, pattern: str) -> None:
    with pytest.raises(UnknownTarget) as caught:
        products.choose(("thing-1", pattern))
    assert caught.value.exit_code == 3
    assert caught.value.what == f"There is no product {pattern!r}."
    assert caught.value.why == "products/ has rest-1, thing-1, thing-1-upstream."
    assert caught.value.do == "Pass --product thing-1, or a glob: --product 'thing-*'."


def test_without_a_name_it_is_the_environments_product_or_the_default_one(
    products: Products, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STATIC_PYTHON_PRODUCT", raising=False)
    assert products.choose(()) == (products.default,)
    monkeypatch.setenv("STATIC_PYTHON_PRODUCT", "")
    assert products.choose(()) == (products.default,)
    monkeypatch.setenv("STATIC_PYTHON_PRODUCT", "*-upstream")
    assert [product.name for product in products.choose(())] == ["thing-1-upstream"]
    assert products.choose(("rest-1",))[0].name == "rest-1"
    monkeypatch.setenv("STATIC_PYTHON_PRODUCT", "nothing")
    with pytest.raises(UnknownTarget, match="There is no product 'nothing'"):
        products.choose(())


def test_where_one_product_is_needed_several_are_refused(products: Products) -> None:
    assert products.choose_one(("rest-*",)).name == "rest-1"
    with pytest.raises(UnknownTarget) as caught:
        products.choose_one(("thing-*",))
    assert caught.value.what == "This takes one product, and 2 are meant."
    assert caught.value.why == "These are thing-1, thing-1-upstream."


# What is wrong with a folder.


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data.update(color="red"), "unknown key 'color'"),
        (lambda data: data.update(schema=2), "schema is 2, not 1"),
        (lambda data: data.pop("schema"), "schema is None, not 1"),
        (lambda data: data.pop("interpreter"), "it has no interpreter"),
        (lambda data: data.pop("runtime"), "it has no runtime"),
        (lambda data: data.pop("variants"), "it has no variants"),
        (lambda data: data.update(shebang=["/opt/bin/thing"]), "shebang is not a text"),
        (lambda data: data.update(default=1), "default is not true or false"),
        (lambda data: data.update(variants=["fast"]), "variants is not a table"),
        (lambda data: data.update(variants={}), "it has no variant"),
        (lambda data: data["variants"].update(fast=["needed"]), "fast is no table"),
        (lambda data: data["variants"]["fast"].update(patch="needed"), "fast: unknown key 'patch'"),
        (lambda data: data["variants"]["fast"].pop("patches"), "fast: it has no patches"),
        (lambda data: data["variants"]["fast"].update(patches="needed"), "fast: patches is not a list of texts"),
        (lambda data: data["variants"]["fast"].update(patches=[1]), "fast: patches is not a list of texts"),
        (
            lambda data: data["variants"]["fast"].update(libraries="librt.so.1"),
            "fast: libraries is not a list of texts",
        ),
        (lambda data: data.update(source="thing-9"), "pins.toml has no source 'thing-9'"),
        (lambda data: data.update(runtime="ruby"), "there is no runtime/ruby"),
    ],
)
def test_what_a_product_must_not_say_is_told(
    tmp_path: Path, data: dict[str, Any], change: Callable[[dict[str, Any]], object], told: str
) -> None:
    change(data)
    lay(tmp_path, "thing-1", data)
    assert f"thing-1: {told}" in why_refused(tmp_path)


@pytest.mark.parametrize("file", ["upstream.profdata.xz", "upstream.profdata.toml", "upstream.symbols.txt"])
def test_a_variant_without_its_profile_or_its_order_of_symbols_is_refused(
    tmp_path: Path, data: dict[str, Any], file: str
) -> None:
    data["variants"]["upstream"] = {"patches": ["needed"]}
    (lay(tmp_path, "thing-1", data) / file).unlink()
    assert why_refused(tmp_path) == [
        f"thing-1: upstream has no products/thing-1/{file}: train it, or say `trained = false`"
    ]


def test_a_folder_without_its_file_is_refused(tmp_path: Path, data: dict[str, Any]) -> None:
    (lay(tmp_path, "thing-1", data) / "product.toml").unlink()
    assert why_refused(tmp_path) == ["thing-1: product.toml cannot be read: No such file or directory"]


@pytest.mark.parametrize("content", [b"schema = \n", b"schema = 1\nschema = 1\n", b"\xff\xfe"])
def test_what_is_not_toml_is_refused(tmp_path: Path, data: dict[str, Any], content: bytes) -> None:
    (lay(tmp_path, "thing-1", data) / "product.toml").write_bytes(content)
    (why,) = why_refused(tmp_path)
    assert why.startswith("thing-1: product.toml is no TOML: ")


@pytest.mark.parametrize("name", ["thing-2", "thing-1.1", "thing-11", "thing1", "thing"])
def test_a_folder_that_is_not_named_after_its_series_is_refused(
    tmp_path: Path, data: dict[str, Any], name: str
) -> None:
    lay(tmp_path, name, data)
    assert why_refused(tmp_path) == [f"{name}: its folder is not named after series 1"]


def test_two_products_of_one_name_are_refused(tmp_path: Path, data: dict[str, Any]) -> None:
    data["variants"]["upstream"] = {"patches": ["needed"]}
    lay(tmp_path, "thing-1", data)
    lay(tmp_path, "thing-1-upstream", {**GOOD, "default": False})
    assert why_refused(tmp_path) == ["thing-1-upstream: there is another product thing-1-upstream"]


def test_two_defaults_are_refused_and_named(tmp_path: Path, data: dict[str, Any]) -> None:
    lay(tmp_path, "thing-1", data)
    lay(tmp_path, "rest-1", data)
    assert why_refused(tmp_path) == ["one product has to be the default, and rest-1, thing-1 are"]


def test_no_default_is_refused(tmp_path: Path, data: dict[str, Any]) -> None:
    del data["default"]
    lay(tmp_path, "thing-1", data)
    assert why_refused(tmp_path) == ["one product has to be the default, and none is"]
    assert why_refused(tmp_path / "empty") == ["one product has to be the default, and none is"]


def test_all_that_is_wrong_with_all_folders_is_told_at_once(tmp_path: Path, data: dict[str, Any]) -> None:
    lay(tmp_path, "rest-1", {**data, "schema": 7, "more": 1})
    lay(tmp_path, "thing-2", {**data, "runtime": "ruby"})
    assert why_refused(tmp_path) == [
        "rest-1: schema is 7, not 1",
        "rest-1: unknown key 'more'",
        "thing-2: its folder is not named after series 1",
        "thing-2: there is no runtime/ruby",
    ]


# Pins, and what they are for.


def test_a_pin_of_which_nothing_is_made_is_refused() -> None:
    pins = Pins({**PINS.sources, "ruby-3.4": a_source(name="ruby-3.4"), "perl": a_source(name="perl")})
    with pytest.raises(BadPins) as caught:
        check_pins(pins, REPOSITORY.products.by_name.values(), PLATFORMS[0], FILES)
    assert caught.value.exit_code == 10
    assert caught.value.what == "Nothing is made of ruby-3.4, perl."
    assert 'purpose = "tests"' in caught.value.do


def test_a_pin_that_tests_need_may_be_of_no_product() -> None:
    pins = Pins({**PINS.sources, "perl": a_source(name="perl", purpose="tests")})
    check_pins(pins, REPOSITORY.products.by_name.values(), PLATFORMS[0], FILES)


def test_what_a_product_is_made_of_is_its_recipes_sources_and_its_data() -> None:
    keys = {source.key for source in used_sources(PINS, PRODUCT, PLATFORMS[0], FILES)}
    assert {"cpython-3.13", "openssl", "util-linux", "tzdata"} <= keys
    assert not keys & {"ziglang", "emulator"}


# Patches.

SET = "patches/cpython/3.13/fast"


def refused(files: Materials, product: Product = PRODUCT) -> BadProduct:
    with pytest.raises(BadProduct) as caught:
        planned(files=files, product=product)
    return caught.value


def test_a_series_that_names_a_missing_patch_is_refused() -> None:
    error = refused(with_file(f"{SET}/series", FILES.text(f"{SET}/series") + "0099-more.patch\n../needed/x.patch\n"))
    assert error.what == f"{SET}/series is not right."
    assert error.why == (
        f"{SET}/0099-more.patch is named there, and missing; {SET}/../needed/x.patch is named there, and missing."
    )


def test_a_patch_that_no_series_names_is_refused() -> None:
    error = refused(with_file(f"{SET}/0099-more.patch"))
    assert error.what == f"{SET}/series is not right."
    assert error.why == f"{SET}/0099-more.patch is not named there."


def test_a_patch_of_a_library_that_no_series_names_is_refused() -> None:
    error = refused(with_file("patches/openssl/3.5/needed/0099-more.patch"))
    assert error.why == "patches/openssl/3.5/needed/0099-more.patch is not named there."


def test_a_set_that_is_not_there_is_refused() -> None:
    error = refused(FILES, Product(**{**vars(PRODUCT), "patches": ("needed", "faster")}))
    assert error.what == "cpython has no patch set 'faster'."
    assert error.why == "There is no patches/cpython/3.13/faster/series."


def test_a_librarys_patches_without_a_series_are_refused() -> None:
    error = refused(with_file("patches/zlib/1.3/needed/0001-a.patch"))
    assert error.what == "zlib has no patch set 'needed'."
    assert error.why == "There is no patches/zlib/1.3/needed/series."


# What the plug-in has to do with it.


def test_a_product_without_a_file_that_its_interpreter_reads_is_refused() -> None:
    path = PRODUCT.file("regrtest.toml")
    error = refused(Materials({name: content for name, content in FILES.contents.items() if name != path}))
    assert error.what == "cpython-3.13 is not complete."
    assert error.why == f"There is no {path}."


@pytest.mark.parametrize("name", ["ruby", "", "cpython.recipe", "no.such.module", "builder.interpreters.ruby"])
def test_an_unknown_interpreter_is_refused(name: str) -> None:
    with pytest.raises(BadProduct) as caught:
        load_interpreter(name)
    assert caught.value.exit_code == 34
    assert caught.value.what == f"There is no interpreter {name!r}."
    assert "docs/products.md" in caught.value.do


def test_a_module_that_is_no_plug_in_is_refused_with_what_it_lacks() -> None:
    with pytest.raises(BadProduct) as caught:
        load_interpreter("builder.interpreters.cpython.assemble")
    assert caught.value.what == "'builder.interpreters.cpython.assemble' is no interpreter."
    assert "lacks FILES, recipes, rules" in caught.value.why
    assert "assemble," not in caught.value.why


def test_a_plug_in_that_cannot_be_imported_says_what_it_misses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plug_ins").mkdir()
    (tmp_path / "plug_ins" / "broken.py").write_text("import no_such_module\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        load_interpreter("plug_ins.broken")


def test_every_plug_in_of_the_repository_is_one() -> None:
    folder = ROOT / "builder" / "interpreters"
    names = {path.name for path in folder.iterdir() if (path / "__init__.py").is_file()}
    assert names >= {product.interpreter for product in REPOSITORY.products.by_name.values()}
    for name in names:
        assert load_interpreter(name).FILES


def test_a_library_that_has_no_recipe_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    thing = ModuleType("thing")
    vars(thing)["recipes"] = lambda *_: {"thing": Recipe("thing", (("make",),), needs=("readline",))}
    monkeypatch.setattr(make, "load_interpreter", lambda _: thing)
    with pytest.raises(BadProduct) as caught:
        used_sources(PINS, OTHER, PLATFORMS[0], FILES)
    assert caught.value.what == "There is no library 'readline'."
    assert caught.value.why == "builder/recipes/readline.py is missing."


def test_a_recipe_that_cannot_be_imported_says_what_it_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "builder.recipes.zlib")
    monkeypatch.setitem(sys.modules, "builder.flags", None)
    with pytest.raises(ModuleNotFoundError, match=r"builder\.flags"):
        library_recipe("zlib")


def test_the_files_of_a_repository_are_those_that_its_products_are_read_from(
    tmp_path: Path, data: dict[str, Any]
) -> None:
    lay(tmp_path, "thing-1", data)
    files = read_materials(tmp_path)
    product = load(tmp_path).default
    assert {product.file("product.toml"), product.profile, product.symbol_order} <= files.contents.keys()


def test_an_interpreter_without_packages_says_so() -> None:
    with pytest.raises(BadProduct, match=r"tests\.tiny\.plugin has no packages") as caught:
        load_package_manager("tests.tiny.plugin")
    assert "--packages" in caught.value.do
