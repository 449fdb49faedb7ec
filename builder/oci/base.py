"""What an image stands on, for each architecture: its layers are taken as they are, with their digests.

A base is one of ``docker/images.toml``, whose root file system is one layer; a file or folder with an image; a
registry's image by its digest; or an image that a container engine has.
"""

import lzma
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from builder.disk import translate_os_errors
from builder.errors import FetchFailed, NoEngine, NoImage
from builder.executors.engine import connect, translate_engine_errors
from builder.executors.images import DEFAULT_IMAGE, load_images, make_debian
from builder.executors.images import Image as Known
from builder.fetch import SOURCES_VARIABLE, fetch, file_sha256
from builder.fetch.report import Report
from builder.oci.blobs import CONFIG, compress_layer, json_blob
from builder.oci.reading import ARCHITECTURES, Image, choose, cpu_of, images_in, make_manifest, open_path
from builder.oci.registry import Reference, Registry
from builder.oci.tar import EPOCH
from builder.pins import Source

__all__ = ["DEFAULT_IMAGE", "Base", "open_base"]

AT_HAND = "debian13"
"""What every Debian can make; that it is no system of Lambda's matters little to a layer that brings its libraries."""
_PIECE = 1 << 20


@dataclass(frozen=True)
class Base:
    """What images stand on."""

    name: str
    """What a user calls it, without folders."""
    images: dict[str, Image]
    """By Lambda's names of architectures."""


@contextmanager
def open_base(name: str, archs: Sequence[str], cache: Path, report: Report) -> Iterator[Base]:
    """The base for some of Lambda's architectures; layers can be read for as long as the block lasts.

    Raises:
        NoImage: there is none of that name, or it cannot be had.
        BadImage: it is none, or not for these architectures.
        FetchFailed: its registry does not give it.
    """
    known = load_images()
    with ExitStack() as stack:
        if Path(name).exists():
            found, short = stack.enter_context(open_path(Path(name))), Path(name).resolve().name
        elif name in known:
            image = known[known[name].root] if known[name].root else known[name]
            yield Base(name, {arch: _root_image(image, arch, cache, report) for arch in archs})
            return
        elif reference := Reference.parse(name):
            report.note(f"asking {reference.host} for {reference.repository}")
            found, short = images_in(stack.enter_context(Registry(reference))), name
        else:
            found, short = stack.enter_context(of_the_engine(name, cache)), name
        yield Base(short, {arch: choose(found, arch, name) for arch in archs})


@contextmanager
def of_the_engine(name: str, cache: Path) -> Iterator[tuple[Image, ...]]:
    """What an engine has under a name; it is copied out of there first.

    Raises:
        NoImage: it has none, or there is no engine.
    """
    with ExitStack() as stack:
        try:
            api = stack.enter_context(connect()).api
            with translate_engine_errors("look for an image", NoImage):
                api.inspect_image(name)
        except (NoEngine, NoImage) as error:
            raise NoImage(
                f"There is no image {name!r}.",
                f"It is no file, no name of images.toml and no HOST/NAME@sha256:…, and of engines:\n       {error.why}",
                f"Pass one of: {', '.join(load_images())}; or a file with an image, or a registry's with its digest.",
            ) from error
        with translate_os_errors(cache), translate_engine_errors("give an image", NoImage):
            cache.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(tempfile.NamedTemporaryFile(prefix="image-", suffix=".tar", dir=cache))
            for piece in api.get_image(name, chunk_size=_PIECE):
                file.write(piece)
            file.flush()
        yield stack.enter_context(open_path(Path(file.name)))


def _root_image(image: Known, arch: str, cache: Path, report: Report) -> Image:
    """An image of one layer, a root file system, and of nothing else."""
    machine = cpu_of(arch).machine
    if image.archives:
        path, told = _pinned_root(image, machine, cache, report), "pinned root file system"
    else:
        path, told = _debian_root(image, machine, cache, report), f"mmdebstrap --variant=minbase {image.suite}"
    report.note(f"{image.name}: compressing its root file system for {arch}")
    content = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
    layer = compress_layer((content,))
    value = {
        "architecture": ARCHITECTURES[arch],
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
        "history": [{"created": created(), "created_by": f"{told} ({image.name})"}],
    }
    config = json_blob(CONFIG, value)
    manifest = make_manifest(config.descriptor, (layer,))
    return Image(image.name, manifest, config, value, (layer,))


def created() -> str:
    """The date of every image, as its config has it."""
    return datetime.fromtimestamp(EPOCH, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _pinned_root(image: Known, machine: str, cache: Path, report: Report) -> Path:
    archives = image.archives_for(machine)
    source = Source(image.name, image.name, "root file system", "", "", archives)
    try:
        return fetch(source, archives, cache, report)
    except FetchFailed as error:
        raise NoImage(
            f"The base {image.name} is not at hand.",
            error.why,
            f"Pass --base {AT_HAND} to try an image out; or put {archives[0].file} into a folder of\n"
            f"       {SOURCES_VARIABLE} (sha256 {archives[0].sha256}).",
        ) from error


def _debian_root(image: Known, machine: str, cache: Path, report: Report) -> Path:
    """Made once and kept, so that one machine's images stand on one base."""
    path = cache / "roots" / f"{image.name}-{machine}.tar"
    if not path.exists():
        with translate_os_errors(cache):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="mmdebstrap-", dir=cache) as folder:
                os.replace(make_debian(image, machine, Path(folder, "root.tar"), report), path)
    report.note(f"{image.name}: {path}, sha256 {file_sha256(path)}")
    return path
