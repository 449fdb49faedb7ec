"""The repository as a build sees it: pins, products and files, read once, and the plans that they give."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder import ROOT
from builder.artifacts.pack import compressor_version
from builder.pins import Pins, load_pins
from builder.plan.keys import Materials, read_materials
from builder.plan.make import check_pins, make_plan
from builder.plan.steps import InstallPackages, Stdlib, Step
from builder.platform import CPUS, Cpu, Platform, this_machine
from builder.product import Product, Products, load_products


@dataclass(frozen=True)
class Repository:
    """All that plans are made of."""

    pins: Pins
    products: Products
    files: Materials
    tools: Mapping[str, str]
    """Our own tools that decide bytes of an artifact, by name, and their versions."""

    def plan(
        self,
        product: Product,
        platform: Platform,
        stdlib: Stdlib = "lean",
        packages: InstallPackages | None = None,
        machine: Cpu | None = None,
    ) -> tuple[Step, ...]:
        """The steps to a layer, the layer last; on this machine if no other processor is named."""
        given = (self.pins, product, platform, machine or this_machine(), self.files, stdlib, self.tools)
        return make_plan(*given, packages)


def load_repository(root: Path = ROOT) -> Repository:
    """Reads and checks it.

    Raises:
        BadPins: ``pins.toml`` is not in order, or pins what nothing is made of.
        BadProduct: a folder of ``products/`` is not in order.
    """
    pins = load_pins(root / "builder" / "pins.toml")
    products, files = load_products(pins, root), read_materials(root)
    check_pins(pins, products.by_name.values(), Platform(CPUS[0]), files)
    return Repository(pins, products, files, {"deflate": compressor_version()})
