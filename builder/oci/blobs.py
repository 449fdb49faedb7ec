"""What images are made of: blobs, known by their sha256, and the descriptors by which they name each other.

https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md
"""

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import deflate

from builder.errors import BadImage

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
TAR, GZIP, ZSTD = (f"application/vnd.oci.image.layer.v1.tar{ending}" for ending in ("", "+gzip", "+zstd"))

_DOCKER = "application/vnd.docker"
OCI_NAMES: Mapping[str, str] = {
    f"{_DOCKER}.distribution.manifest.list.v2+json": INDEX,
    f"{_DOCKER}.distribution.manifest.v2+json": MANIFEST,
    f"{_DOCKER}.container.image.v1+json": CONFIG,
    f"{_DOCKER}.image.rootfs.diff.tar": TAR,
    f"{_DOCKER}.image.rootfs.diff.tar.gzip": GZIP,
    **{name: name for name in (INDEX, MANIFEST, CONFIG, TAR, GZIP, ZSTD)},
}
"""Media types that are understood → what OCI calls the same bytes."""

LEVEL = 9
"""libdeflate's for layers: 12 takes five times as long for 2 % less, and Lambda unpacks an image once, deploying it."""
MOST_JSON = 4 << 20
"""Bytes of a manifest, a config or an index: registries take no larger ones."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
GZIP_MAGIC = b"\x1f\x8b"
_GZIP = GZIP_MAGIC + b"\x08\0" + bytes(4) + b"\0\xff"
"""Header of a gzip member: without name and date, of an unknown system."""


@dataclass(frozen=True)
class Descriptor:
    """What a blob is called, and how it is told from any other."""

    media_type: str
    """As OCI calls it."""
    digest: str
    """``sha256:`` and 64 hexadecimal digits."""
    size: int
    """Bytes."""

    def json(self, **more: Any) -> dict[str, Any]:
        """As manifests and indexes have it; ``more`` are ``platform`` and ``annotations``."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size, **more}


@dataclass(frozen=True)
class Blob:
    """A blob that can be had."""

    descriptor: Descriptor
    read: Callable[[], bytes]
    """Gives its bytes, which are checked; `BadImage` if they are not the ones that were promised."""


@dataclass(frozen=True)
class Layer:
    """One layer of an image."""

    blob: Blob
    diff_id: str
    """Digest of the archive in it, whatever that is compressed by."""


class Blobs(Protocol):
    """Where blobs are: an archive, a folder, a registry."""

    name: str
    """What a user calls it."""

    def roots(self) -> Iterable[Mapping[str, Any]]:
        """The descriptors of what is not part of something else there: manifests and indexes."""

    def read(self, descriptor: Descriptor) -> bytes:
        """A blob's bytes, as they are there; `BadImage` if there are none."""


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def blob(media_type: str, content: bytes) -> Blob:
    """One that is in memory."""
    return Blob(Descriptor(media_type, digest_of(content), len(content)), lambda: content)


def json_blob(media_type: str, value: Any) -> Blob:
    """JSON, with its keys in order and without spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return blob(media_type, text.encode())


def compress_layer(pieces: Iterable[bytes]) -> Layer:
    """A tar as a layer.

    libdeflate compresses it, in the version that also decides the bytes of zips: zlib's output differs from one
    version to the next.
    """
    archive = b"".join(pieces)
    end = struct.pack("<LL", zlib.crc32(archive), len(archive) & 0xFFFFFFFF)
    squeezed = b"".join((_GZIP, deflate.deflate_compress(archive, LEVEL), end))
    return Layer(blob(GZIP, squeezed), digest_of(archive))


def parse_descriptor(value: Any) -> Descriptor:
    """One as it stands in a manifest; ValueError if it cannot be one, or is of a kind that is not understood."""
    media_type, digest, size = value["mediaType"], value["digest"], value["size"]
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ValueError(f"{digest!r} is no sha256")
    if not isinstance(size, int) or size < 0:
        raise ValueError(f"{size!r} is no size")
    if media_type not in OCI_NAMES:
        raise ValueError(f"{media_type!r} is not understood")
    return Descriptor(OCI_NAMES[media_type], digest, size)


def blob_of(blobs: Blobs, descriptor: Descriptor) -> Blob:
    """A blob that is somewhere, and is checked when it is read."""

    def read() -> bytes:
        content = blobs.read(descriptor)
        if len(content) != descriptor.size:
            raise damaged(blobs.name, f"{descriptor.digest} has {len(content)} bytes there, not {descriptor.size}.")
        if digest_of(content) != descriptor.digest:
            raise damaged(blobs.name, f"What is called {descriptor.digest} there is {digest_of(content)}.")
        return content

    return Blob(descriptor, read)


def read_json(blobs: Blobs, descriptor: Descriptor) -> Any:
    """A blob that is JSON."""
    if descriptor.size > MOST_JSON:
        raise damaged(blobs.name, f"{descriptor.digest} claims to have {descriptor.size:,} bytes, and is JSON.")
    try:
        return json.loads(blob_of(blobs, descriptor).read())
    except ValueError as error:
        raise damaged(blobs.name, f"{descriptor.digest} is not JSON: {error}.") from error


def damaged(name: str, why: str) -> BadImage:
    return BadImage(f"{name} is no container image, or is damaged.", why, "Take it from where it is whole.")
