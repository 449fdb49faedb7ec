"""The repository's own pins, products and files, read once for all tests."""

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
def pack_of(product: Product = PRODUCT, platform: Platform = PLATFORMS[0]) -> Pack:
    """The last step of a layer, without packages."""
    work = REPOSITORY.plan(product, platform)[-1].work
    assert isinstance(work, Pack)
    return work
