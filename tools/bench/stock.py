"""Layers that are measured beside this one: the variant without patches for speed, and those of other products."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from builder.emulator.call import unzip
from builder.interpreters.cpython.product import executable_of
from builder.pins import load_pins
from builder.product import Product, load_products
from tools.bench.files import Unavailable
from tools.support.product import PLATFORM, PRODUCT, build_layer

STOCK = "upstream"
"""Name of that variant."""


def stock_product() -> Product:
    """The ``upstream`` variant of the product that is measured; `Unavailable` if it has none."""
    for each in load_products(load_pins()).by_name.values():
        if (each.folder, each.variant) == (PRODUCT.folder, STOCK):
            return each
    raise Unavailable(f"{PRODUCT.name} has no variant {STOCK} to be compared with")


def layer_of(product: Product, folder: Path) -> Path:
    """The layer of another product, unzipped into a folder; from the store, or built.

    Raises:
        Unavailable: it cannot be built.
    """
    arch = PLATFORM.cpu.lambda_name
    options = (f"--product={product.name}", f"--arch={arch}")
    if build_layer(folder / "dist", *options, stdout=subprocess.DEVNULL).returncode:
        raise Unavailable(f"the layer of {product.name} cannot be built: see above")
    unzip(folder / "dist" / f"{product.stem(arch)}.zip", folder / "layer")
    return folder / "layer"


def stock_layer(folder: Path) -> Path:
    """The layer of that variant, as `layer_of` gives it; `Unavailable` if there is no such variant, too."""
    return layer_of(stock_product(), folder)


def with_paths(others: Sequence[str], folder: Path) -> list[str]:
    """What is to be compared, with ``NAME=PATH`` for each product, whose layer is unzipped into a folder of its own.

    Raises what `layer_of` raises.
    """
    products = load_products(load_pins()).by_name

    def with_path(other: str) -> str:
        if not (product := products.get(other)):
            return other
        return f"{other}={layer_of(product, folder / other) / 'bin' / executable_of(product)}"

    return [with_path(other) for other in others]
