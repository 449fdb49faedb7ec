"""Fixtures for the tool that compares interpreters, and for both of the interpreters that it compares."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.emulator.call import unzip
from builder.pins import load_pins
from builder.product import load_products
from tools.prove.interpreters import STOCK, Interpreter
from tools.prove.known import Known, KnownDifferences
from tools.prove.report import Part
from tools.support.product import PLATFORM, PRODUCT, ROOT, Layer


@pytest.fixture
def told() -> list[str]:
    """The lines that a part told."""
    return []


@pytest.fixture
def part(told: list[str]) -> Part:
    return Part("fuzz", KnownDifferences(()), told.append)


@pytest.fixture
def this() -> Interpreter:
    """The Python that runs the tests."""
    return Interpreter("this", Path(sys.executable))


@pytest.fixture
def known() -> Callable[..., KnownDifferences]:
    def make(subject: str, *patterns: str) -> KnownDifferences:
        return KnownDifferences(tuple(Known(subject, pattern, "fast/0001", "It is meant.") for pattern in patterns))

    return make


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Layer:
    """The layer of the product's sources without its patches, where it is built."""
    products = load_products(load_pins()).by_name.values()
    (product,) = (each for each in products if each.folder == PRODUCT.folder and each.variant == STOCK)
    archive = ROOT / "dist" / f"{product.stem(PLATFORM.cpu.lambda_name)}.zip"
    if not archive.exists():
        pytest.skip(f"{archive} is not built")
    root = tmp_path_factory.mktemp("stock") / "layer"
    unzip(archive, root)
    return Layer(root)


@pytest.fixture(params=["product", "stock"])
def either(request: pytest.FixtureRequest) -> Layer:
    """The product's layer, and the one without its patches: what must be so on both."""
    layer: Layer = request.getfixturevalue("layer" if request.param == "product" else "stock")
    return layer
