"""What builds with instruments are made of, and which interpreters are compared. The builds themselves take long."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from builder.console import Terminal
from builder.errors import MissingTool, UnknownTarget
from builder.plan.steps import Compile
from builder.product import Product
from tools.prove import builds
from tools.prove.builds import KINDS, Kind, laid_out
from tools.prove.interpreters import Interpreter, patched_products
from tools.prove.steps import Workshop, workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return workshop(tmp_path, Terminal(), 1)


@pytest.fixture
def products(shop: Workshop) -> tuple[Product, Product]:
    (pair,) = patched_products(shop.repository.products, ("cpython-3.13",))
    return pair


def test_a_product_is_compared_with_the_variant_of_its_folder_that_is_stock(products: tuple[Product, Product]) -> None:
    assert [product.name for product in products] == ["cpython-3.13-upstream", "cpython-3.13"]


def test_stock_itself_and_what_has_no_stock_beside_it_are_refused(shop: Workshop) -> None:
    with pytest.raises(UnknownTarget, match="Without its patches there is nothing to compare"):
        patched_products(shop.repository.products, ("cpython-3.13-upstream",))
    (product,) = shop.repository.products.choose(("cpython-3.13",))
    alone = replace(shop.repository.products, by_name={product.name: product})
    with pytest.raises(UnknownTarget, match="has no variant 'upstream'"):
        patched_products(alone, (product.name,))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_stock_and_patched_differ_in_their_patches_alone(
    shop: Workshop, products: tuple[Product, Product], kind: Kind
) -> None:
    stock, patched = (builds._step(shop, kind, product, "clang 14") for product in products)
    assert isinstance(stock.work, Compile)
    assert isinstance(patched.work, Compile)
    assert stock.work.recipe == patched.work.recipe
    assert stock.work.wrappers == patched.work.wrappers
    assert len(patched.work.patches) > len(stock.work.patches)
    assert all("/needed/" in path for path in stock.work.patches)
    assert stock.work.profile is patched.work.profile is None
    assert stock.name != patched.name


def test_what_a_build_is_made_of_is_its_key(shop: Workshop, products: tuple[Product, Product]) -> None:
    _, product = products
    kind = KINDS["assertions"]
    other = replace(kind, options=(*kind.options, KINDS["free-threaded"].options[1]))
    steps = [
        builds._step(shop, kind, product, "clang 14"),
        builds._step(shop, kind, product, "clang 15"),
        builds._step(shop, other, product, "clang 14"),
        builds._step(shop, KINDS["thread"], product, "clang 14"),
    ]
    assert len({step.key for step in steps}) == 4
    assert builds._step(shop, kind, product, "clang 14").key == steps[0].key


def test_a_build_sees_no_path_of_the_machine(shop: Workshop, products: tuple[Product, Product]) -> None:
    step = builds._step(shop, KINDS["address"], products[1], "clang 14")
    assert isinstance(step.work, Compile)
    assert str(Path.cwd()) not in repr(step.work.recipe)
    assert not any(word.startswith("/") for command in step.work.recipe.commands for word in command)


def test_races_that_upstream_knows_of_are_suppressed(tmp_path: Path, products: tuple[Product, Product]) -> None:
    built = builds._built(KINDS["thread"], products[0], tmp_path)
    assert built.name == "thread-cpython-3.13-upstream"
    assert built.environment["TSAN_OPTIONS"].endswith(f":suppressions={tmp_path}/build/Tools/tsan/suppressions.txt")
    assert "suppressions" not in repr(builds._built(KINDS["address"], products[0], tmp_path))


def test_a_machine_without_clang_gets_one_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "SYSTEM_PATH", "/nonexistent")
    with pytest.raises(MissingTool) as caught:
        builds._check_compiler(KINDS["assertions"])
    assert "clang" in caught.value.why
    assert "apt-get install clang" in caught.value.do


def test_a_clang_without_its_sanitizers_is_the_same_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in builds.PROGRAMS:
        (tmp_path / name).write_text("#!/bin/sh\necho cannot find libclang_rt.tsan >&2\nexit 1\n", encoding="ascii")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(builds, "SYSTEM_PATH", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(MissingTool, match=r"libclang_rt\.tsan"):
        builds._check_compiler(KINDS["thread"])


@pytest.mark.skipif(shutil.which("clang") is None, reason="there is no clang")
def test_the_compiler_is_known_by_its_version() -> None:
    said = subprocess.run(("clang", "--version"), capture_output=True, text=True, check=True).stdout
    assert builds._check_compiler(Kind("plain", ())) == said


def test_tests_write_into_a_copy_of_a_build(tmp_path: Path) -> None:
    original = tmp_path / "store" / "build"
    (original / "Lib").mkdir(parents=True)
    (original / "python").write_text("program", encoding="ascii")
    (original / "Lib" / "os.py").write_text("source", encoding="ascii")
    (original / "link").symlink_to("python")
    copied = laid_out(Interpreter("some", original / "python"), tmp_path / "scratch")
    assert copied.python.read_text(encoding="ascii") == "program"
    assert (copied.python.parent / "link").is_symlink()
    (copied.python.parent / "Lib" / "new.pyc").touch()
    (copied.python.parent / "Lib" / "os.py").unlink()
    assert sorted(path.name for path in (original / "Lib").iterdir()) == ["os.py"]
    assert laid_out(Interpreter("some", original / "python"), tmp_path / "scratch") == copied
