"""Base + layer + function → an image: its layers, its configuration, its manifest."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from builder.artifacts.deterministic_zip import Entry
from builder.emulator.call import ENVIRONMENT as OF_FUNCTIONS
from builder.oci.base import created
from builder.oci.blobs import CONFIG, TAR, Layer, compress_layer, json_blob
from builder.oci.reading import Image, make_manifest
from builder.oci.tar import tar_pieces

LAYER, TASK = "opt", "var/task"
"""Where Lambda has a layer and a function."""
ENTRY_POINT = f"/{LAYER}/bootstrap"
ENVIRONMENT = {name: value for name, value in OF_FUNCTIONS.items() if not name.startswith("AWS_")}
"""What Lambda sets for a function of a zip and not for one of an image: AWS's base images bring it themselves."""


@dataclass(frozen=True)
class Parts:
    """What an image is made of, for one architecture."""

    name: str
    """What the image is called, in its title."""
    version: str
    """The interpreter's."""
    layer: tuple[Entry, ...]
    """At ``/opt``."""
    function: tuple[Entry, ...] = ()
    """At ``/var/task``."""
    handler: str = ""


@dataclass(frozen=True)
class Composed:
    """An image that was made."""

    image: Image
    base: Image
    own: tuple[Layer, ...]
    """Its own layers, above the base's: that of the interpreter, and that of the function if there is one."""


def layer_of(entries: Iterable[Entry]) -> Layer:
    """The layer that holds an interpreter: the same in all images, whatever they stand on."""
    return compress_layer(tar_pieces(_below(LAYER, entries), [TASK]))


def diff_id_of(entries: Iterable[Entry]) -> str:
    """The digest of the archive in that layer, which is not compressed for it."""
    digest = hashlib.sha256()
    for piece in tar_pieces(_below(LAYER, entries), [TASK]):
        digest.update(piece)
    return f"sha256:{digest.hexdigest()}"


def function_of(entries: Iterable[Entry]) -> Layer:
    """The layer that holds a function."""
    return compress_layer(tar_pieces(_below(TASK, entries)))


def compose(parts: Parts, base_name: str, base: Image) -> Composed:
    """The image.

    Raises:
        ValueError: a file's path cannot be in an image.
    """
    own = (layer_of(parts.layer), *((function_of(parts.function),) if parts.function else ()))
    layers = (*map(_compressed, base.layers), *own)
    value = _config(parts, base_name, base, layers)
    config = json_blob(CONFIG, value)
    manifest = make_manifest(config.descriptor, layers)
    return Composed(Image(parts.name, manifest, config, value, layers), base, own)


def _compressed(layer: Layer) -> Layer:
    """A layer of the base: as it is, unless it is what an engine gives out, a plain archive; registries want none."""
    return compress_layer((layer.blob.read(),)) if layer.blob.descriptor.media_type == TAR else layer


def _config(parts: Parts, base_name: str, base: Image, layers: tuple[Layer, ...]) -> dict[str, Any]:
    """https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md"""
    inherited = base.config.get("config") or {}
    platform = {key: base.config[key] for key in ("architecture", "os", "os.version", "variant") if key in base.config}
    words = [f"the layer, at /{LAYER}", *([f"the function, at /{TASK}"] if parts.function else [])]
    return {
        **platform,
        "created": created(),
        "config": {
            **{key: value for key, value in inherited.items() if key not in ("Cmd", "Image", "Hostname")},
            "Entrypoint": [ENTRY_POINT],
            **({"Cmd": [parts.handler]} if parts.handler else {}),
            "Env": [f"{name}={value}" for name, value in _environment(inherited.get("Env") or ()).items()],
            "WorkingDir": f"/{TASK}",
            "Labels": {**(inherited.get("Labels") or {}), **_labels(parts, base_name, base)},
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [
            *(base.config.get("history") or ()),
            *({"created": created(), "created_by": text} for text in words),
        ],
    }


def _environment(inherited: Iterable[str]) -> Mapping[str, str]:
    return {**dict(variable.split("=", 1) for variable in inherited if "=" in variable), **ENVIRONMENT}


def _labels(parts: Parts, base_name: str, base: Image) -> dict[str, str]:
    """https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md"""
    own = {
        "title": parts.name,
        "version": parts.version,
        "created": created(),
        "base.name": base_name,
        "base.digest": base.manifest.descriptor.digest,
    }
    return {f"org.opencontainers.image.{name}": value for name, value in own.items()}


def _below(folder: str, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(replace(entry, path=f"{folder}/{entry.path}") for entry in entries)
