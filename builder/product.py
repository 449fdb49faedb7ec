"""The products: each a folder of data below ``products/``, one for a series of an interpreter, with its variants.

::

    products/<interpreter>-<series>/
        product.toml            what the series is made of; here a variant is three lines
        …                       what the interpreter's plug-in reads: its `Interpreter.FILES`
        <variant>.profdata.xz   the variant's optimisation profile; its note is beside it, in TOML
        <variant>.symbols.txt   the order in which the linker lays out what a start touches

The first variant has the folder's own name; any other one's is appended, ``<interpreter>-<series>-upstream``. So is
``upstream`` where it is the first: the folder's own name is for a variant with patches of ours, if there ever is one.
"""

import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from builder import PRODUCT_VARIABLE, ROOT
from builder.errors import BadProduct, UnknownTarget
from builder.pins import Pins
from builder.profile import note_of

FOLDER = "products"
FILE = "product.toml"
SCHEMA = 1
UPSTREAM = "upstream"
"""The variant whose name always shows: what upstream publishes, with the patches that the build itself needs."""

_KEYS = {"schema": int, "interpreter": str, "source": str, "runtime": str, "shebang": str, "variants": dict}
_VARIANT_KEYS = {"patches": list}
_OPTIONAL_KEYS = {"default": bool}
_OPTIONAL_VARIANT_KEYS = {"libraries": list, "trained": bool}
_KINDS = {int: "a number", str: "a text", dict: "a table", list: "a list of texts", bool: "true or false"}


@dataclass(frozen=True)
class Product:
    """What is shipped: an interpreter of one series, in one variant."""

    name: str
    """``tiny-1.0-upstream``; the first variant has no suffix."""
    interpreter: str
    """Name of its plug-in: a module of ``builder.interpreters``."""
    source: str
    """Key of its source in ``pins.toml``."""
    version: str
    """The source's, in full: ``1.0.1``."""
    variant: str
    patches: tuple[str, ...]
    """The patch sets that are applied to its source, in this order."""
    runtime: str
    """The folder of ``runtime/`` that ships beside the interpreter."""
    shebang: str
    """What the kernel runs ``bootstrap`` with: an absolute path and one word of options."""
    libraries: tuple[str, ...]
    """Sonames of glibc's that its executable may need, besides those of the audit's policy."""
    trained: bool
    """Whether it has a profile and a symbol order; without, the compiler guesses."""
    folder: str
    """Path of its data, from the repository's root."""
    default: bool = False

    @property
    def series(self) -> str:
        """``1.0`` of ``1.0.1``."""
        return self.version.rpartition(".")[0]

    @property
    def preview(self) -> bool:
        """Whether upstream's version is not final yet: it is built and tested, and neither tracked nor released."""
        return is_preview(self.version)

    @property
    def tracked(self) -> bool:
        """Whether git tracks in ``dist/`` what describes its layers, and a release has them."""
        return self.trained and not self.preview

    def stem(self, arch: str) -> str:
        """``tiny-1.0.1-upstream-x86_64``: what its files in ``dist/`` are called, for an architecture."""
        return f"{self.name.replace(self.series, self.version, 1)}-{arch}"

    def file(self, name: str) -> str:
        """Path of one of its files, from the repository's root."""
        return f"{self.folder}/{name}"

    @property
    def profile(self) -> str:
        """Path of its profile; empty if it has none."""
        return self.file(f"{self.variant}.profdata.xz") if self.trained else ""

    @property
    def symbol_order(self) -> str:
        """Path of its symbol order; empty if it has none."""
        return self.file(f"{self.variant}.symbols.txt") if self.trained else ""


def is_preview(version: str) -> bool:
    """Whether a version is an alpha, a beta or a release candidate: ``8.5.0rc1``, beside ``8.5.0``."""
    return re.fullmatch(r"[\d.]+", version) is None


@dataclass(frozen=True)
class Products:
    """All products of a repository."""

    by_name: Mapping[str, Product]
    default: Product

    def choose(self, patterns: Collection[str]) -> tuple[Product, ...]:
        """The products with these names or globs, each once; for none, the one of the environment or the default.

        Raises:
            UnknownTarget: a name or a glob matches no product.
        """
        chosen: dict[str, Product] = {}
        for pattern in patterns or (os.environ.get(PRODUCT_VARIABLE) or self.default.name,):
            found = {name: product for name, product in self.by_name.items() if fnmatchcase(name, pattern)}
            if not found:
                raise UnknownTarget(
                    f"There is no product {pattern!r}.",
                    f"{FOLDER}/ has {', '.join(self.by_name)}.",
                    f"Pass --product {self.default.name}, or a glob: --product '{self.default.interpreter}-*'.",
                )
            chosen |= found
        return tuple(chosen.values())

    def choose_one(self, patterns: Collection[str]) -> Product:
        """The same where there may be only one.

        Raises:
            UnknownTarget: there is none, or several are meant.
        """
        product, *others = self.choose(patterns)
        if others:
            names = ", ".join(each.name for each in (product, *others))
            raise UnknownTarget(
                f"This takes one product, and {1 + len(others)} are meant.",
                f"These are {names}.",
                "Pass one of them as --product.",
            )
        return product


def load_products(pins: Pins, root: Path = ROOT) -> Products:
    """Reads and checks the folders below ``products/``.

    Raises:
        BadProduct: with everything that is wrong with any of them.
    """
    products: dict[str, Product] = {}
    problems: list[str] = []
    for folder in sorted(path for path in (root / FOLDER).glob("*") if path.is_dir()):
        found, wrong = _read(folder, pins, root)
        wrong += (f"there is another product {each.name}" for each in found if each.name in products)
        problems += (f"{folder.name}: {problem}" for problem in wrong)
        products |= {each.name: each for each in found}
    defaults = [product for product in products.values() if product.default]
    if len(defaults) != 1 and not problems:
        names = ", ".join(product.name for product in defaults)
        problems.append(f"one product has to be the default, and {f'{names} are' if names else 'none is'}")
    if problems:
        do = "Fix the entries above; docs/products.md says what a product is made of."
        raise BadProduct(f"{root / FOLDER} is not in order.", "\n       ".join(problems), do)
    return Products(products, defaults[0])


def _read(folder: Path, pins: Pins, root: Path) -> tuple[tuple[Product, ...], list[str]]:
    """The products of a folder, and what is wrong with it; beside a file that is wrong, nothing else is looked at."""
    try:
        data = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
    except OSError as error:
        return (), [f"{FILE} cannot be read: {error.strerror}"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return (), [f"{FILE} is no TOML: {error}"]
    if wrong := list(_misfits(data, pins)):
        return (), wrong
    found = tuple(_products(folder, data, pins))
    return found, list(_lacks(found, root))


def _misfits(data: Mapping[str, Any], pins: Pins) -> Iterator[str]:
    """What a ``product.toml`` should not say, or should."""
    if data.get("schema") != SCHEMA:
        yield f"schema is {data.get('schema')!r}, not {SCHEMA}"
    yield from _wrong_keys(data, _KEYS, _OPTIONAL_KEYS)
    if isinstance(source := data.get("source"), str) and source not in pins.sources:
        yield f"pins.toml has no source {source!r}"
    variants = data.get("variants")
    if variants == {}:
        yield "it has no variant"
    for variant, own in variants.items() if isinstance(variants, dict) else ():
        if isinstance(own, dict):
            yield from (f"{variant}: {problem}" for problem in _wrong_keys(own, _VARIANT_KEYS, _OPTIONAL_VARIANT_KEYS))
        else:
            yield f"{variant} is no table"


def _wrong_keys(table: Mapping[str, Any], wanted: Mapping[str, type], optional: Mapping[str, type]) -> Iterator[str]:
    known = {**wanted, **optional}
    yield from (f"unknown key {key!r}" for key in table if key not in known)
    yield from (f"it has no {key}" for key in wanted if key not in table)
    for key, kind in known.items():
        if key in table and not _is_a(table[key], kind):
            yield f"{key} is not {_KINDS[kind]}"


def _is_a(value: object, kind: type) -> bool:
    return isinstance(value, kind) and (not isinstance(value, list) or all(isinstance(entry, str) for entry in value))


def _products(folder: Path, data: Mapping[str, Any], pins: Pins) -> Iterator[Product]:
    source = pins[data["source"]]
    for number, (variant, own) in enumerate(data["variants"].items()):
        yield Product(
            name=folder.name if number == 0 and variant != UPSTREAM else f"{folder.name}-{variant}",
            interpreter=data["interpreter"],
            source=data["source"],
            version=source.version,
            variant=variant,
            patches=tuple(own["patches"]),
            runtime=data["runtime"],
            shebang=data["shebang"],
            libraries=tuple(own.get("libraries", ())),
            trained=own.get("trained", True),
            folder=f"{FOLDER}/{folder.name}",
            default=number == 0 and data.get("default", False),
        )


def _lacks(products: tuple[Product, ...], root: Path) -> Iterator[str]:
    """What the products of a folder should have beside them."""
    first = products[0]
    if not re.search(rf"-{re.escape(first.series)}(?![\d.])", first.name):
        yield f"its folder is not named after series {first.series}"
    if not (root / "runtime" / first.runtime).is_dir():
        yield f"there is no runtime/{first.runtime}"
    for product in filter(lambda each: each.trained, products):
        for file in (product.profile, note_of(product.profile), product.symbol_order):
            if not (root / file).is_file():
                yield f"{product.variant} has no {file}: train it, or say `trained = false`"
