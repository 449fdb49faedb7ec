"""What the engine asks of CPython before anything is built."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from builder.interpreters.cpython import build_python, recipe
from builder.interpreters.cpython.product import read_modules
from builder.interpreters.cpython.trim import read_omissions
from builder.interpreters.folder import REQUIRED
from builder.plan.keys import Materials
from builder.platform import Platform
from builder.product import Product
from builder.recipes import Recipe


def recipes(product: Product, platform: Platform, files: Materials) -> Mapping[str, Recipe]:
    """The interpreter, and the one that runs during the build."""
    return {
        "build_python": build_python.recipe(product, files),
        "cpython": recipe.recipe(product, platform, files),
    }


def rules() -> Mapping[str, Any]:
    """Modules of wheels link to Python's symbols; mathematics is glibc's, which everybody else has."""
    return {
        "exports": ["Py*", "_Py*"],
        "required": REQUIRED,
    }


def facts(product: Product, files: Materials) -> Mapping[str, Any]:
    """Which modules are in the interpreter, what of the library does not ship, and why."""
    omissions = read_omissions(files.text(product.file("omissions.toml")), product.file("omissions.toml"))
    return {
        "modules": asdict(read_modules(product, files)),
        "omitted": [asdict(omission) for omission in omissions],
    }
