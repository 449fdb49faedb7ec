"""A zip of ``dist/`` and what its manifest says of it: what is about to be published."""

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.artifacts.wrong_arch import wrong_arch_programs
from builder.aws.errors import NoLayer, OverTheLimit
from builder.errors import ManifestMismatch

AGAIN = "Build it again: nox -s build_layer"
LONGEST_LICENCE = 512
UNZIPPED_LIMIT = 262_144_000
"""Bytes of a function with its layers, unzipped: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


@dataclass(frozen=True)
class Product:
    """A layer's zip that is what its manifest says."""

    zip: Path
    python: str
    """``3.13.15``"""
    architecture: str
    runtimes: tuple[str, ...]
    licence: str
    """SPDX expression."""
    sha256: str

    @property
    def code_sha256(self) -> str:
        """The same as `sha256`, as Lambda writes it."""
        return base64.b64encode(bytes.fromhex(self.sha256)).decode()

    @property
    def description(self) -> str:
        return f"CPython {self.python} for {self.architecture}, sha256 {self.sha256[:12]}"


def read_product(path: Path) -> Product:
    """Reads a zip's manifest and checks the zip against it, and against Lambda's limits.

    Raises:
        NoLayer: there is no such zip.
        ManifestMismatch: the zip has no manifest, has changed since it was written, or is for another architecture.
        OverTheLimit: Lambda would not unzip it.
    """
    if not path.is_file():
        raise NoLayer(f"There is no layer {path}.", "No such file.", "Build it: nox -s build_layer")
    try:
        manifest = json.loads(path.with_suffix(".manifest.json").read_text(encoding="utf-8"))
        product = _product(path, manifest)
        described, unzipped = manifest["zip"]["sha256"], int(manifest["zip"]["unzipped_size"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        why = f"There is no manifest beside it that can be read: {type(error).__name__}: {error}."
        raise ManifestMismatch(f"Nothing says what {path} is.", why, AGAIN) from error
    if product.sha256 != described:
        raise ManifestMismatch(
            f"{path} is not the zip that its manifest describes.",
            f"Its sha256 is {product.sha256}, the manifest says {described}.",
            AGAIN,
        )
    if foreign := wrong_arch_programs(path, product.architecture):
        raise ManifestMismatch(
            f"{path} is not for {product.architecture}, as its manifest says.",
            f"For another processor: {', '.join(foreign)}.",
            AGAIN,
        )
    if unzipped > UNZIPPED_LIMIT:
        raise OverTheLimit(
            f"{path.name} is too large for a layer.",
            f"Unzipped it has {unzipped:,} bytes; Lambda takes {UNZIPPED_LIMIT:,} for a function and its layers.",
            "Leave packages out.",
        )
    return product


def _product(path: Path, manifest: dict[str, Any]) -> Product:
    target = manifest["target"]
    return Product(
        zip=path,
        python=target["python"],
        architecture=target["architecture"],
        runtimes=tuple(target["compatible_runtimes"]),
        licence=_licence(manifest),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _licence(manifest: dict[str, Any]) -> str:
    """One expression for all that ships; Lambda takes a limited length, and a URL or a text as well."""
    sources = (*manifest["sources"], *manifest["packages"])
    licences = dict.fromkeys(source["licence"] for source in sources if source["licence"])
    expression = " AND ".join(f"({licence})" if " " in licence else licence for licence in licences)
    return (
        expression
        if len(expression) <= LONGEST_LICENCE
        else "See share/licenses/ in the layer, and the metadata of its packages."
    )
