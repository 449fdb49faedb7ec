"""The zip to publish: a zip of ``dist/`` with what its manifest says about it."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.artifacts.wrong_arch import wrong_arch_programs
from builder.aws.errors import LayerNotFound, LimitExceeded
from builder.errors import ManifestMismatch
from builder.fetch import file_sha256
from builder.functions.package import LIMIT
from builder.product import is_preview

REBUILD = "Rebuild it: nox -s build_layer"
MAX_LICENCE_LENGTH = 512


@dataclass(frozen=True)
class LayerZip:
    """A layer's zip that matches its manifest."""

    zip: Path
    product: str
    """Name of the product: ``cpython-3.13-upstream``."""
    version: str
    """The interpreter's, in full: ``3.13.15``."""
    architecture: str
    runtimes: tuple[str, ...]
    licence: str
    """SPDX expression."""
    sha256: str

    @property
    def code_sha256(self) -> str:
        """`sha256` in Lambda's encoding."""
        return base64.b64encode(bytes.fromhex(self.sha256)).decode()

    @property
    def preview(self) -> bool:
        """Whether the interpreter's version is not final."""
        return is_preview(self.version)

    @property
    def description(self) -> str:
        return f"{self.product} {self.version} for {self.architecture}, sha256 {self.sha256[:12]}"


def read_layer_zip(path: Path) -> LayerZip:
    """Reads a zip's manifest and checks the zip against it and against Lambda's limits.

    Raises:
        LayerNotFound: there is no such zip.
        ManifestMismatch: the zip has no manifest, has changed since it was written, or is for another architecture.
        LimitExceeded: it is too large for Lambda to unzip.
    """
    if not path.is_file():
        raise LayerNotFound(f"There is no layer {path}.", "No such file.", "Build it: nox -s build_layer")
    try:
        manifest = json.loads(path.with_suffix(".manifest.json").read_text(encoding="utf-8"))
        layer = _layer_zip(path, manifest)
        (artifact,) = (artifact for artifact in manifest["artifacts"] if artifact["kind"] == "zip")
        expected, unzipped = artifact["sha256"], int(artifact["unzipped_size"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        why = f"There is no readable manifest beside it: {type(error).__name__}: {error}."
        raise ManifestMismatch(f"{path} has no valid manifest.", why, REBUILD) from error
    if layer.sha256 != expected:
        raise ManifestMismatch(
            f"{path} is not the zip that its manifest describes.",
            f"Its sha256 is {layer.sha256}, the manifest says {expected}.",
            REBUILD,
        )
    if wrong := wrong_arch_programs(path, layer.architecture):
        raise ManifestMismatch(
            f"{path} is not for {layer.architecture}, although its manifest says so.",
            f"For another architecture: {', '.join(wrong)}.",
            REBUILD,
        )
    if unzipped > LIMIT:
        raise LimitExceeded(
            f"{path.name} is too large for a layer.",
            f"Unzipped it has {unzipped:,} bytes; Lambda allows {LIMIT:,} for a function and its layers.",
            "Leave packages out.",
        )
    return layer


def _layer_zip(path: Path, manifest: dict[str, Any]) -> LayerZip:
    product, platform = manifest["product"], manifest["platform"]
    return LayerZip(
        zip=path,
        product=product["name"],
        version=product["version"],
        architecture=platform["architecture"],
        runtimes=tuple(platform["compatible_runtimes"]),
        licence=_licence(manifest),
        sha256=file_sha256(path),
    )


def _licence(manifest: dict[str, Any]) -> str:
    """One SPDX expression for everything in the layer; Lambda limits its length, and accepts a URL or text instead."""
    sources = (*manifest["sources"], *manifest["packages"])
    licences = dict.fromkeys(source["licence"] for source in sources if source["licence"])
    expression = " AND ".join(f"({licence})" if " " in licence else licence for licence in licences)
    return (
        expression
        if len(expression) <= MAX_LICENCE_LENGTH
        else "See share/licenses/ in the layer, and the metadata of its packages."
    )
