"""An archive or a folder → the images in it.

Three forms are read: OCI's layout, in a folder or in an archive, and what Docker's and Podman's ``save`` give, be it
Docker's older format or a layout.
"""

import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.errors import BadImage
from builder.oci.blobs import (
    CONFIG,
    GZIP_MAGIC,
    INDEX,
    MANIFEST,
    MOST_JSON,
    TAR,
    Blob,
    Blobs,
    Descriptor,
    Layer,
    blob,
    blob_of,
    damaged,
    digest_of,
    json_blob,
    parse_descriptor,
    read_json,
)
from builder.platform import CPUS, Cpu

ARCHITECTURES: Mapping[str, str] = {"x86_64": "amd64", "arm64": "arm64"}
"""Lambda's names of architectures → OCI's, which are Go's."""

_DEEPEST = 4
"""Indexes in indexes."""


@dataclass(frozen=True)
class Image:
    """One image, for one platform."""

    name: str
    """Where it is from."""
    manifest: Blob
    config_blob: Blob
    config: Mapping[str, Any]
    """What that says: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md"""
    layers: tuple[Layer, ...]
    """From the bottom up."""

    @property
    def config_digest(self) -> str:
        """What engines know an image by: it says which layers and which settings, not how layers are compressed."""
        return self.config_blob.descriptor.digest

    @property
    def architecture(self) -> str:
        """As OCI calls it."""
        return str(self.config["architecture"])


def cpu_of(arch: str) -> Cpu:
    return next(cpu for cpu in CPUS if cpu.lambda_name == arch)


@contextmanager
def open_path(path: Path) -> Iterator[tuple[Image, ...]]:
    """The images of a file or a folder; layers can be read for as long as the block lasts.

    Raises:
        BadImage: it is none of the forms that are read, or damaged.
    """
    with ExitStack() as stack:
        if path.is_dir():
            yield images_in(_Folder(path))
            return
        try:
            tar = stack.enter_context(tarfile.open(path))
            members = {member.name.removeprefix("./"): member for member in tar if member.isfile() or member.issym()}
        except (tarfile.TarError, OSError, EOFError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise _no_image(path, f"It is neither a folder nor an archive: {why}.") from error
        files = _Files(path, tar, members)
        if "index.json" in members:
            yield images_in(files)
        elif "manifest.json" in members:
            yield tuple(_of_docker(files))
        else:
            raise _no_image(path, "It has neither an index.json, as OCI's layouts, nor a manifest.json, as Docker's.")


def images_in(blobs: Blobs) -> tuple[Image, ...]:
    """All images that a place has, those of several platforms one after the other."""
    return tuple(_images(blobs, blobs.roots(), 0))


def choose(images: Iterable[Image], arch: str, name: str) -> Image:
    """The image for one of Lambda's architectures; `BadImage` says for what there are some."""
    found = [image for image in images if image.config.get("os") == "linux"]
    for image in found:
        if image.architecture == ARCHITECTURES[arch]:
            return image
    known = ", ".join(sorted({image.architecture for image in found})) or "none"
    raise BadImage(
        f"{name} has no image for {arch}.",
        f"Those that it has for Linux are for: {known} ({ARCHITECTURES[arch]} would be right).",
        f"Take one that has, or leave --arch {arch} out.",
    )


def _images(blobs: Blobs, descriptors: Iterable[Mapping[str, Any]], depth: int) -> Iterator[Image]:
    for value in descriptors:
        try:
            if (value.get("platform") or {}).get("os") == "unknown":  # attestations, as BuildKit adds them
                continue
            descriptor = parse_descriptor(value)
            content = read_json(blobs, descriptor)
            if descriptor.media_type == INDEX:
                if depth == _DEEPEST:
                    raise ValueError("indexes in indexes in indexes")
                yield from _images(blobs, content["manifests"], depth + 1)
            elif descriptor.media_type == MANIFEST:
                yield _image(blobs, descriptor, content)
            else:
                raise ValueError(f"{descriptor.media_type} instead of an image")
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise damaged(blobs.name, f"{type(error).__name__}: {error}.") from error


def _image(blobs: Blobs, descriptor: Descriptor, manifest: Mapping[str, Any]) -> Image:
    about_config = parse_descriptor(manifest["config"])
    config = read_json(blobs, about_config)
    diff_ids, layers = config["rootfs"]["diff_ids"], [parse_descriptor(each) for each in manifest["layers"]]
    if len(diff_ids) != len(layers):
        raise ValueError(f"{len(layers)} layers, and {len(diff_ids)} in the config")
    paired = tuple(Layer(blob_of(blobs, layer), diff_id) for layer, diff_id in zip(layers, diff_ids, strict=True))
    return Image(blobs.name, blob_of(blobs, descriptor), blob_of(blobs, about_config), config, paired)


class _Folder:
    """A layout in a folder."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def roots(self) -> Iterable[Mapping[str, Any]]:
        try:
            return list(json.loads((self._path / "index.json").read_bytes())["manifests"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            why = "It has no index.json." if isinstance(error, FileNotFoundError) else f"Its index.json: {error}."
            raise _no_image(self._path, why) from error

    def read(self, descriptor: Descriptor) -> bytes:
        try:
            return (self._path / "blobs" / descriptor.digest.replace(":", "/")).read_bytes()
        except OSError as error:
            raise damaged(self.name, f"{descriptor.digest} is not there: {error.strerror}.") from error


class _Files:
    """The files of an archive; as `Blobs`, those of a layout."""

    def __init__(self, path: Path, tar: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo]) -> None:
        self.name = str(path)
        self._tar, self._members = tar, members

    def roots(self) -> Iterable[Mapping[str, Any]]:
        try:
            return list(json.loads(self.content("index.json", MOST_JSON))["manifests"])
        except (ValueError, LookupError, TypeError) as error:
            raise damaged(self.name, f"Its index.json: {error}.") from error

    def read(self, descriptor: Descriptor) -> bytes:
        return self.content(f"blobs/{descriptor.digest.replace(':', '/')}", descriptor.size)

    def content(self, name: str, most: int | None = None) -> bytes:
        """A file's; not read if it has more bytes than it may."""
        member = self._members.get(name)
        if member is None:
            raise damaged(self.name, f"{name} is not there.")
        if most is not None and member.size > most:
            raise damaged(self.name, f"{name} has {member.size:,} bytes, not {most:,}.")
        try:
            file = self._tar.extractfile(member)  # Docker's older format has links between layers that agree
            assert file
            return file.read()
        except (tarfile.TarError, OSError, EOFError, KeyError) as error:
            raise damaged(self.name, f"{name} cannot be read: {error}.") from error


def _of_docker(files: _Files) -> Iterator[Image]:
    """Images in the format that Docker's ``save`` had: there is no manifest, so one is made, as OCI wants it."""
    try:
        for entry in json.loads(files.content("manifest.json", MOST_JSON)):
            content = files.content(entry["Config"], MOST_JSON)
            config = json.loads(content)
            diff_ids = config["rootfs"]["diff_ids"]
            if len(diff_ids) != len(entry["Layers"]):
                raise ValueError(f"{len(entry['Layers'])} layers, and {len(diff_ids)} in the config")
            layers = tuple(
                _docker_layer(files, name, diff_id) for name, diff_id in zip(entry["Layers"], diff_ids, strict=True)
            )
            about_config = blob(CONFIG, content)
            yield Image(files.name, make_manifest(about_config.descriptor, layers), about_config, config, layers)
    except (LookupError, TypeError, ValueError) as error:
        raise damaged(files.name, f"Its manifest.json: {type(error).__name__}: {error}.") from error


def _docker_layer(files: _Files, name: str, diff_id: str) -> Layer:
    content = files.content(name)
    if content.startswith(GZIP_MAGIC):
        raise ValueError(f"{name} is compressed, which this format does not know")
    if digest_of(content) != diff_id:
        raise ValueError(f"{name} is {digest_of(content)}, not {diff_id}")
    return Layer(Blob(Descriptor(TAR, diff_id, len(content)), lambda: files.content(name)), diff_id)


def make_manifest(config: Descriptor, layers: Iterable[Layer]) -> Blob:
    """https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md"""
    return json_blob(
        MANIFEST,
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.json(),
            "layers": [layer.blob.descriptor.json() for layer in layers],
        },
    )


def is_digest(text: str) -> bool:
    return re.fullmatch(r"sha256:[0-9a-f]{64}", text) is not None


def _no_image(path: Path, why: str) -> BadImage:
    return BadImage(
        f"{path} is no container image.",
        why,
        "Pass an OCI layout, as a folder or an archive, or what `docker save` gives.",
    )
