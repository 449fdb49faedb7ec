"""What is in layers: their files, read one by one from the compressed archive, which is checked meanwhile."""

import gzip
import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from builder.errors import BadImage
from builder.oci.blobs import GZIP, GZIP_MAGIC, TAR, Layer, damaged
from builder.oci.tar import WHITEOUT

OPAQUE = f"{WHITEOUT}{WHITEOUT}.opq"
"""Name of what hides all that lower layers have in a folder."""
_PIECE = 1 << 20


@dataclass(frozen=True)
class Member:
    """A file, folder or link of a layer, or what removes one."""

    layer: int
    """Which one, from 0 at the bottom."""
    path: str
    """Without slashes at its ends."""
    info: tarfile.TarInfo
    tar: tarfile.TarFile

    def read(self) -> bytes:
        """A file's bytes, or a link's target; only before the next one is asked for."""
        if not self.info.isfile():
            return self.info.linkname.encode()
        file = self.tar.extractfile(self.info)
        assert file
        return file.read()

    def removes(self) -> str | None:
        """The path that is gone or emptied by it; an empty one is the root."""
        folder, _, name = self.path.rpartition("/")
        if name == OPAQUE:
            return folder
        if name.startswith(WHITEOUT):
            return f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/")
        return None


def can_read(layer: Layer) -> bool:
    """Whether we know how its archive is compressed: zstd is not in this Python's library."""
    return layer.blob.descriptor.media_type in (TAR, GZIP)


def members(layers: Iterable[Layer], name: str) -> Iterator[Member]:
    """Everything in some layers, from the bottom up.

    Raises:
        BadImage: a layer is damaged, or is not the archive that the image's configuration names.
    """
    for number, layer in enumerate(layers):
        if not can_read(layer):
            why = (
                f"Layer {layer.blob.descriptor.digest} is {layer.blob.descriptor.media_type}, which is not understood."
            )
            raise BadImage(f"{name} cannot be looked into.", why, "Pass an image whose layers are gzip or plain tar.")
        try:
            with _open(layer) as archive, tarfile.open(fileobj=archive, mode="r|") as tar:
                for info in tar:
                    path = info.name.removeprefix("./").strip("/")
                    yield Member(number, "" if path == "." else path, info, tar)
                while archive.read(_PIECE):  # tarfile stops at the end that the archive states
                    pass
            found = f"sha256:{archive.sha256.hexdigest()}"
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
            raise damaged(name, f"Layer {layer.blob.descriptor.digest}: {error}.") from error
        if found != layer.diff_id:
            raise damaged(name, f"Layer {layer.blob.descriptor.digest} unpacks to {found}, not {layer.diff_id}.")


class _Hashing:
    """A file to read from, whose bytes are hashed as they go by."""

    def __init__(self, file: Any) -> None:
        self._file, self.sha256 = file, hashlib.sha256()

    def read(self, size: int) -> bytes:
        piece: bytes = self._file.read(size)
        self.sha256.update(piece)
        return piece


@contextmanager
def _open(layer: Layer) -> Iterator[Any]:
    content = layer.blob.read()
    if content.startswith(GZIP_MAGIC):
        with gzip.GzipFile(fileobj=BytesIO(content)) as file:
            yield _Hashing(file)
    else:  # Docker pushes what it pulled as a plain tar with the media type of a compressed one
        yield _Hashing(BytesIO(content))
