"""What stands in a PHP product's folder, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from builder.flags import Flag
from builder.interpreters.folder import Parts, own_flags, read_parts
from builder.plan.keys import Materials
from builder.platform import Platform
from builder.product import Product

FILES = ("configure.toml", "extensions.toml", "php.ini", "openssl.cnf")


@dataclass(frozen=True)
class Configure:
    """What a variant's configure is told."""

    answers: Mapping[str, str]
    """Variable of ``config.site`` → value, quoted as a shell wants it."""
    options: tuple[Flag, ...]


def read_extensions(product: Product, files: Materials) -> Parts:
    """Which of PHP's extensions are in the interpreter, by the names of ``php -m``."""
    return read_parts(product, "extensions.toml", files)


def read_configure(product: Product, platform: Platform, files: Materials) -> Configure:
    """What ``configure.toml`` has for a product's variant.

    Raises:
        BadProduct: an entry is for a variant that the product does not have.
    """
    data = files.toml(product.file("configure.toml"))
    answers = {**data["answers"], **data["machine"][platform.cpu.machine]}
    return Configure(answers, own_flags(product, data.get("options", ()), files))
