"""The variant without patches for speed, which is measured beside the one that has them."""

import subprocess
from pathlib import Path

from builder.emulator.call import unzip
from builder.pins import load_pins
from builder.product import Product, load_products
from tools.bench.files import Unavailable
from tools.support.product import PLATFORM, PRODUCT, build_layer

STOCK = "upstream"
"""Its name."""


def stock_product() -> Product:
    """The ``upstream`` variant of the product that is measured; `Unavailable` if it has none."""
    for each in load_products(load_pins()).by_name.values():
        if (each.folder, each.variant) == (PRODUCT.folder, STOCK):
            return each
    raise Unavailable(f"{PRODUCT.name} has no variant {STOCK} to be compared with")


def stock_layer(folder: Path) -> Path:
    """The layer of that variant, unzipped into a folder; from the store, or built.

    Raises:
        Unavailable: there is no such variant, or it cannot be built.
    """
    stock, arch = stock_product(), PLATFORM.cpu.lambda_name
    options = (f"--product={stock.name}", f"--arch={arch}")
    if build_layer(folder / "dist", *options, stdout=subprocess.DEVNULL).returncode:
        raise Unavailable(f"the layer of {stock.name} cannot be built: see above")
    unzip(folder / "dist" / f"{stock.stem(arch)}.zip", folder / "layer")
    return folder / "layer"
