"""What plug-ins read alike from their products' folders, and ask alike of their executables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from builder.errors import BadProduct
from builder.flags import Flag
from builder.plan.keys import Materials
from builder.product import FILE, Product

REQUIRED = {
    "__memcpy_chk": "fortified memory functions",
    "__vsnprintf_chk": "fortified formatting",
    "memcpy": "the fastest one for the processor at hand",
    "exp": "the mathematics that everybody else has",
}
"""Symbols of glibc that an executable needs → what it has of them."""


@dataclass(frozen=True)
class Parts:
    """Which of the parts that upstream publishes are in the interpreter, and why the others are not."""

    present: tuple[str, ...]
    absent: Mapping[str, str]
    """Name → reason."""


def read_parts(product: Product, name: str, files: Materials) -> Parts:
    """The lists of ``modules.toml``, or whatever its name is.

    Raises:
        BadProduct: a part is in both lists, or an absent one has no reason.
    """
    path = product.file(name)
    data = files.toml(path)
    parts = Parts(tuple(data["present"]), dict(data["absent"]))
    both = {each.lower() for each in parts.present} & {each.lower() for each in parts.absent}
    if both or not all(parts.absent.values()):
        why = f"In both lists: {sorted(both)}; everything that is absent needs a reason."
        raise BadProduct(f"{path} contradicts itself.", why, "Correct the file.")
    return parts


def own_flags(product: Product, entries: Iterable[Mapping[str, Any]], files: Materials) -> tuple[Flag, ...]:
    """Those of ``configure.toml``'s entries that are for the product's variant; without ``variants``, one is for all.

    Raises:
        BadProduct: an entry is for a variant that the product does not have.
    """
    known = files.toml(product.file(FILE))["variants"]
    if unknown := {name for entry in entries for name in entry.get("variants", ()) if name not in known}:
        why = f"{product.file('configure.toml')} has entries for {', '.join(sorted(unknown))}."
        raise BadProduct(f"{product.folder} has no such variant.", why, f"It has {', '.join(known)}: correct the file.")
    own = (entry for entry in entries if product.variant in entry.get("variants", known))
    return tuple(Flag(entry["text"], entry["why"]) for entry in own)
