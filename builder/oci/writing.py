"""Images → OCI's layout in a folder, and the same in an archive, which engines load, too.

https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.artifacts.deterministic_zip import FILE
from builder.oci.blobs import INDEX, Blob, json_blob
from builder.oci.compose import Composed
from builder.oci.reading import Image
from builder.oci.tar import end_of_archive, file_pieces

REFERENCE = "org.opencontainers.image.ref.name"
"""Annotation: the tag in a layout."""
IMAGE_NAME = "io.containerd.image.name"
"""Annotation: the whole name, for containerd."""


_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


@dataclass(frozen=True)
class Written:
    """A finished archive."""

    sha256: str
    size: int
    root: str
    """Digest of what a tag is to mean: an image's manifest, or an index of several."""


def write_layout(images: Sequence[Composed], tags: Mapping[str, str], tag: str, folder: Path, archive: Path) -> Written:
    """Writes the folder and the archive; each appears when it is whole.

    ``tag`` is the name for all, ``tags`` those for Docker, which knows one image under a name: by architecture, as
    OCI calls it.
    """
    blobs = {each.descriptor.digest: each for image in images for each in _blobs(image.image)}
    root = images[0].image.manifest
    if len(images) > 1:
        root = json_blob(INDEX, _index([(each.image.manifest, {"platform": _platform(each)}) for each in images]))
        blobs[root.descriptor.digest] = root
    short = tag.rpartition(":")[2]
    extra = {"annotations": {IMAGE_NAME: _whole(tag), REFERENCE: short}}
    texts = {
        "index.json": _json(_index([(root, extra)])),
        "oci-layout": _LAYOUT,
    }
    _write_folder(folder, texts, blobs)
    loading = [_for_docker(each.image, tags[each.image.architecture]) for each in images]
    sha256, size = _write_archive(archive, {**texts, "manifest.json": _json(loading)}, blobs)
    return Written(sha256, size, root.descriptor.digest)


def _whole(tag: str) -> str:
    """A name with its registry, which is Docker's own if none is said."""
    host, slash, _ = tag.partition("/")
    if slash and (host == "localhost" or re.search(r"[.:]", host)):
        return tag
    return f"docker.io/{tag}" if slash else f"docker.io/library/{tag}"


def write_untagged(image: Image, archive: Path) -> None:
    """An archive by which an engine gets an image without a name for it."""
    blobs = {each.descriptor.digest: each for each in _blobs(image)}
    texts = {
        "index.json": _json(_index([(image.manifest, {})])),
        "manifest.json": _json([_for_docker(image, None)]),
        "oci-layout": _LAYOUT,
    }
    _write_archive(archive, texts, blobs)


def _blobs(image: Image) -> Iterator[Blob]:
    yield from (image.manifest, image.config_blob)
    yield from (layer.blob for layer in image.layers)


def _index(entries: Sequence[tuple[Blob, dict[str, Any]]]) -> dict[str, Any]:
    """https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md"""
    manifests = [blob.descriptor.json(**more) for blob, more in entries]
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}


def _platform(composed: Composed) -> dict[str, str]:
    config = composed.image.config
    return {key: str(config[key]) for key in ("architecture", "os", "variant") if key in config}


def _for_docker(image: Image, tag: str | None) -> dict[str, Any]:
    """https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md, of combined archives."""
    layers = [_place(layer.blob.descriptor.digest) for layer in image.layers]
    return {"Config": _place(image.config_digest), "Layers": layers, "RepoTags": [tag] if tag else None}


def _place(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _write_folder(folder: Path, texts: Mapping[str, bytes], blobs: Mapping[str, Blob]) -> None:
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "blobs" / "sha256").mkdir(parents=True)
    for name, content in texts.items():
        (part / name).write_bytes(content)
    for digest, blob in blobs.items():
        (part / _place(digest)).write_bytes(blob.read())
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(part, folder)


def _write_archive(archive: Path, texts: Mapping[str, bytes], blobs: Mapping[str, Blob]) -> tuple[str, int]:
    part = archive.with_name(f"{archive.name}.part")
    whole, size = hashlib.sha256(), 0
    with part.open("wb") as file:

        def write(piece: bytes) -> None:
            nonlocal size
            size += file.write(piece)
            whole.update(piece)

        for name, content in _members(texts, blobs):
            for piece in file_pieces(name, content, FILE):
                write(piece)
        write(end_of_archive(size))
    os.replace(part, archive)
    return whole.hexdigest(), size


def _members(texts: Mapping[str, bytes], blobs: Mapping[str, Blob]) -> Iterator[tuple[str, bytes]]:
    """Files of the archive, sorted; a blob is read when its turn comes."""
    for digest in sorted(blobs):
        yield _place(digest), blobs[digest].read()
    yield from sorted(texts.items())
