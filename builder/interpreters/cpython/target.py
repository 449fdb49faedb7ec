"""A CPython on a platform, as wheels and markers see it."""

from dataclasses import dataclass

from builder.interpreters.cpython.product import abi_flags_of
from builder.platform import Platform
from builder.product import Product


@dataclass(frozen=True)
class Target:
    """What decides which wheels can be used."""

    version: str
    """Full CPython version, ``3.13.15``."""
    platform: Platform
    """Its glibc is that of the oldest system that the wheels must load on."""
    abi_flags: str = ""
    """``t`` without a GIL; of ``sys.abiflags``."""

    @property
    def series(self) -> str:
        """``3.13`` of ``3.13.15``."""
        return self.version.rpartition(".")[0]

    @property
    def executable(self) -> str:
        """``python3.13``, the library's folder too."""
        return f"python{self.series}{self.abi_flags}"

    @property
    def abi(self) -> str:
        """The ABI tag of its wheels (PEP 425)."""
        return f"cp{self.series.replace('.', '')}{self.abi_flags}"


def target_of(product: Product, platform: Platform) -> Target:
    return Target(product.version, platform, abi_flags_of(product))
