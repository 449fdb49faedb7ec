"""A finished image → what goes with it, for each architecture: a manifest of its own, SBOM and provenance.

The layer's manifest stays what it is: an image depends on its base, and the layer does not. An image's manifest is the
layer's, of the same schema, with the image among its artifacts.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from builder.artifacts.deterministic_zip import Entry
from builder.artifacts.provenance import make_provenance
from builder.oci.compose import Composed, Parts
from builder.oci.writing import Written
from builder.plan.steps import Step


@dataclass(frozen=True)
class Described:
    """An image, and what it was made of."""

    composed: Composed
    parts: Parts
    base: str
    """What its base is called."""
    tag: str
    file: str
    """Name of the archive."""
    layer: Mapping[str, Any]
    """The layer's manifest."""


def attest_image(
    name: str, image: Described, written: Written, steps: Sequence[Step], date: datetime
) -> dict[str, str]:
    """Name → text of the three; ``steps`` and ``date`` are the layer's."""
    from builder.artifacts.sbom import make_sbom  # noqa: PLC0415 (its imports take long)

    manifest = {**image.layer, "artifacts": [*image.layer["artifacts"], _artifact(image, written)]}
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    sbom = make_sbom(manifest, date)
    subjects = {
        image.file: written.sha256,
        image.tag: image.composed.image.manifest.descriptor.digest.removeprefix("sha256:"),
        f"{name}.manifest.json": hashlib.sha256(text.encode()).hexdigest(),
        f"{name}.cdx.json": hashlib.sha256(sbom.encode()).hexdigest(),
    }
    provenance = make_provenance(manifest, steps, subjects)
    return {f"{name}.manifest.json": text, f"{name}.cdx.json": sbom, f"{name}.provenance.json": provenance}


def _artifact(described: Described, written: Written) -> dict[str, Any]:
    composed, parts = described.composed, described.parts
    roles = [*("base" for _ in composed.base.layers), "layer", *(["function"] if parts.function else [])]
    files = [_describe(entry) for entry in sorted(parts.function, key=lambda entry: entry.path.encode())]
    return {
        "kind": "image",
        "file": described.file,
        "sha256": written.sha256,
        "size": written.size,
        "tag": described.tag,
        "root": written.root,
        "manifest": composed.image.manifest.descriptor.digest,
        "config": composed.image.config_digest,
        "base": {"name": described.base, "digest": composed.base.manifest.descriptor.digest},
        "layers": [
            {
                "role": role,
                "digest": layer.blob.descriptor.digest,
                "size": layer.blob.descriptor.size,
                "diff_id": layer.diff_id,
            }
            for role, layer in zip(roles, composed.image.layers, strict=True)
        ],
        **({"function": {"handler": parts.handler, "files": files}} if files else {}),
    }


def _describe(entry: Entry) -> dict[str, Any]:
    digest = hashlib.sha256(entry.content).hexdigest()
    return {"path": entry.path, "mode": f"{entry.mode:04o}", "size": len(entry.content), "sha256": digest}
