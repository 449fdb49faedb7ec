"""What stands in a CPython product's folder, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from builder.errors import BadProduct
from builder.flags import Flag
from builder.interpreters.folder import Parts, own_flags, read_parts
from builder.plan.keys import Materials
from builder.platform import Platform
from builder.product import Product

FILES = ("configure.toml", "modules.toml", "omissions.toml", "regrtest.toml")

ABI_FLAGS = {
    "": (),
    "t": (Flag("--disable-gil", "threads of one interpreter run Python code at the same time, each on a processor"),),
}
"""What ``sys.abiflags`` can say → configure's options for it."""


@dataclass(frozen=True)
class Configure:
    """What a variant's configure is told."""

    answers: Mapping[str, str]
    """Variable of ``config.site`` → value."""
    options: tuple[Flag, ...]
    environment: tuple[Flag, ...]
    """``NAME=value``, for configure and make."""


def abi_flags_of(product: Product) -> str:
    """``t`` of ``products/cpython-3.14t/``, else nothing: what ``sys.abiflags`` says.

    Raises:
        BadProduct: there are no such flags.
    """
    flags = product.folder.partition(f"-{product.series}")[2]
    if flags not in ABI_FLAGS:
        why = f"CPython has the flags {', '.join(filter(None, ABI_FLAGS))}, and not {flags}."
        raise BadProduct(f"{product.folder} names another ABI than CPython has.", why, "Rename the folder.")
    return flags


def executable_of(product: Product) -> str:
    """``python3.13``, or ``python3.14t``: the name of the executable and of the library's folder."""
    return f"python{product.series}{abi_flags_of(product)}"


def read_modules(product: Product, files: Materials) -> Parts:
    """Which of CPython's extension modules are in the interpreter."""
    return read_parts(product, "modules.toml", files)


def read_configure(product: Product, platform: Platform, files: Materials) -> Configure:
    """What ``configure.toml`` has for a product's variant, and that the absent modules are not to be built.

    Raises:
        BadProduct: an entry is for a variant that the product does not have.
    """
    data = files.toml(product.file("configure.toml"))
    absent = {f"py_cv_module_{name}": "n/a" for name in read_modules(product, files).absent}
    answers = {**data["answers"], **data["machine"][platform.cpu.machine], **absent}
    options, environment = (own_flags(product, data.get(name, ()), files) for name in ("options", "environment"))
    return Configure(answers, ABI_FLAGS[abi_flags_of(product)] + options, environment)
