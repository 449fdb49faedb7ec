"""The repository's own pins, products and files, read once for all tests."""

import shutil
import subprocess
import sys
from functools import cache

from builder.plan.steps import Pack
from builder.platform import CPUS, Platform
from builder.product import Product
from builder.repository import load_repository

REPOSITORY = load_repository()
PINS, FILES = REPOSITORY.pins, REPOSITORY.files
PRODUCT = REPOSITORY.products.by_name["cpython-3.13"]
X86_64, ARM64 = CPUS
PLATFORMS = tuple(Platform(cpu) for cpu in CPUS)


@cache
def pythons() -> tuple[str, ...]:
    """Those of the products' series that run here, as builds run some of our code with them; or else the tests' own."""
    series = sorted({each.series for each in REPOSITORY.products.by_name.values() if each.interpreter == "cpython"})
    found = filter(None, (shutil.which(f"python{each}") for each in series))
    runs = (
        path for path in found if subprocess.run((path, "-c", ""), capture_output=True, check=False).returncode == 0
    )
    return tuple(runs) or (sys.executable,)


@cache
def pack_of(product: Product = PRODUCT, platform: Platform = PLATFORMS[0]) -> Pack:
    """The last step of a layer, without packages."""
    work = REPOSITORY.plan(product, platform)[-1].work
    assert isinstance(work, Pack)
    return work
