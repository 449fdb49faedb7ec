"""The two interpreters that are compared: one of stock sources, one of the same sources with a product's patches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from builder.console import Terminal
from builder.emulator.call import unzip
from builder.errors import UnknownTarget
from builder.interpreters.cpython.target import target_of
from builder.layers import Request, build_layers
from builder.platform import make_platform, this_machine
from builder.product import Product, Products

STOCK = "upstream"
"""The variant without a patch that is meant to change anything."""
LIMIT = 120.0
"""Seconds for a chunk of cases, of which the slowest takes about one."""


@dataclass(frozen=True)
class Interpreter:
    """A Python to run."""

    name: str
    python: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables besides those that every run has."""
    limit: float = LIMIT
    """Seconds without an answer after which it hangs."""


@dataclass(frozen=True)
class Pair:
    """What is compared with what."""

    stock: Interpreter
    patched: Interpreter

    def __iter__(self) -> Iterator[Interpreter]:
        return iter((self.stock, self.patched))


def patched_products(products: Products, patterns: tuple[str, ...]) -> tuple[tuple[Product, Product], ...]:
    """The products that are meant, each after the one of its folder that is stock.

    Raises:
        UnknownTarget: none is meant, or one has no stock beside it.
    """
    chosen = [product for product in products.choose(patterns) if product.variant != STOCK]
    if not chosen:
        why = (
            f"Without its patches there is nothing to compare: {', '.join(patterns) or 'the environment'} means stock."
        )
        raise UnknownTarget("No product with patches is meant.", why, "Pass --product, or none.")
    pairs = []
    for product in chosen:
        beside = [each for each in products.by_name.values() if each.folder == product.folder and each.variant == STOCK]
        if not beside or product.interpreter != "cpython":
            raise UnknownTarget(
                f"{product.name} cannot be compared with stock.",
                f"{product.folder}/ has no variant {STOCK!r}, or is of no CPython.",
                "Pass the --product of a CPython that has one.",
            )
        pairs.append((beside[0], product))
    return tuple(pairs)


def shipped(stock: Product, product: Product, folder: Path, terminal: Terminal, jobs: int) -> Pair:
    """The interpreters of two layers as they ship, from the store or built, unzipped into ``folder``."""
    platform = make_platform(this_machine().lambda_name)
    request = Request((stock.name, product.name), (platform.cpu.lambda_name,))
    build_layers(request, terminal, jobs=jobs, output=folder / "dist")
    made = []
    for each in (stock, product):
        unzip(folder / "dist" / f"{each.stem(platform.cpu.lambda_name)}.zip", folder / each.name)
        made.append(Interpreter(each.name, folder / each.name / "bin" / target_of(each, platform).executable))
    return Pair(*made)
