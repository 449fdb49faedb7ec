"""What stands in a PHP product's folder, read and checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from builder.errors import BadProduct
from builder.flags import Flag
from builder.plan.keys import Materials
from builder.platform import Platform
from builder.product import FILE, Product

FILES = ("configure.toml", "extensions.toml", "php.ini", "openssl.cnf")


@dataclass(frozen=True)
class Extensions:
    """Which of PHP's extensions are in the interpreter, by the names of ``php -m``, and why the others are not."""

    present: tuple[str, ...]
    absent: Mapping[str, str]
    """Name → reason."""


@dataclass(frozen=True)
class Configure:
    """What a variant's configure is told."""

    answers: Mapping[str, str]
    """Variable of ``config.site`` → value, quoted as a shell wants it."""
    options: tuple[Flag, ...]


def read_extensions(product: Product, files: Materials) -> Extensions:
    """The lists of ``extensions.toml``; `BadProduct` if one is in both or an absent one has no reason."""
    path = product.file("extensions.toml")
    data = files.toml(path)
    extensions = Extensions(tuple(data["present"]), dict(data["absent"]))
    both = {name.lower() for name in extensions.present} & {name.lower() for name in extensions.absent}
    if both or not all(extensions.absent.values()):
        why = f"In both lists: {sorted(both)}; every absent extension needs a reason."
        raise BadProduct(f"{path} contradicts itself.", why, "Correct the file.")
    return extensions


def read_configure(product: Product, platform: Platform, files: Materials) -> Configure:
    """What ``configure.toml`` has for a product's variant.

    Raises:
        BadProduct: an entry is for a variant that the product does not have.
    """
    data = files.toml(product.file("configure.toml"))
    answers = {**data["answers"], **data["machine"][platform.cpu.machine]}
    return Configure(answers, _own_flags(product, data.get("options", ()), files))


def _own_flags(product: Product, entries: Iterable[Mapping[str, Any]], files: Materials) -> tuple[Flag, ...]:
    """Those of a list's entries that are for the product's variant; without ``variants``, one is for all."""
    known = files.toml(product.file(FILE))["variants"]
    if unknown := {name for entry in entries for name in entry.get("variants", ()) if name not in known}:
        why = f"{product.file('configure.toml')} has entries for {', '.join(sorted(unknown))}."
        raise BadProduct(f"{product.folder} has no such variant.", why, f"It has {', '.join(known)}: correct the file.")
    own = (entry for entry in entries if product.variant in entry.get("variants", known))
    return tuple(Flag(entry["text"], entry["why"]) for entry in own)
