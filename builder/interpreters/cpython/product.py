"""What stands in a CPython product's folder, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from builder.errors import BadProduct
from builder.flags import Flag
from builder.plan.keys import Materials
from builder.platform import Platform
from builder.product import Product

FILES = ("configure.toml", "modules.toml", "omissions.toml", "regrtest.toml")


@dataclass(frozen=True)
class Modules:
    """Which of CPython's extension modules are in the interpreter, and why the others are not."""

    present: tuple[str, ...]
    absent: Mapping[str, str]
    """Name → reason."""


@dataclass(frozen=True)
class Configure:
    """What a series' configure is told."""

    answers: Mapping[str, str]
    """Variable of ``config.site`` → value."""
    options: tuple[Flag, ...]


def executable_of(product: Product) -> str:
    """``python3.13``: the name of the executable and of the library's folder."""
    return f"python{product.series}"


def read_modules(product: Product, files: Materials) -> Modules:
    """The lists of ``modules.toml``; `BadProduct` if a module is in both or an absent one has no reason."""
    path = product.file("modules.toml")
    data = files.toml(path)
    modules = Modules(tuple(data["present"]), dict(data["absent"]))
    both = set(modules.present) & set(modules.absent)
    if both or not all(modules.absent.values()):
        why = f"In both lists: {sorted(both)}; every absent module needs a reason."
        raise BadProduct(f"{path} contradicts itself.", why, "Correct the file.")
    return modules


def read_configure(product: Product, platform: Platform, files: Materials) -> Configure:
    """The answers of ``configure.toml``, and that the absent modules are not to be built; its options."""
    data = files.toml(product.file("configure.toml"))
    absent = {f"py_cv_module_{name}": "n/a" for name in read_modules(product, files).absent}
    answers = {**data["answers"], **data["machine"][platform.cpu.machine], **absent}
    return Configure(answers, tuple(Flag(**option) for option in data.get("options", ())))
