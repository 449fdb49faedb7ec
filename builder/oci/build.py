"""What is asked for → container images in a folder, with their attestations."""

import json
import re
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from builder import DIST
from builder.artifacts.deterministic_zip import Entry
from builder.artifacts.export import export
from builder.console import Terminal
from builder.context import cache_folder
from builder.disk import translate_os_errors
from builder.errors import BadImage, BadSource
from builder.executors.choice import Choice
from builder.executors.images import DEFAULT_IMAGE
from builder.functions.handler import check_handler
from builder.functions.package import FunctionRequest, function_entries
from builder.functions.source import bad_source
from builder.layers import Request, build_layers
from builder.oci.attest import Described, attest_image
from builder.oci.base import Base, open_base
from builder.oci.compose import LAYER, Parts, compose
from builder.oci.contents import can_read, members
from builder.oci.reading import ARCHITECTURES
from builder.oci.writing import write_layout
from builder.platform import CPUS, make_platform
from builder.product import Product
from builder.repository import load_repository
from builder.store import Store

FOLDER = DIST / "images"
"""Where images are, unless another folder is named: apart from the layers, which git tracks what describes."""
MOST_SHOWN = 5


@dataclass(frozen=True)
class ImageRequest:
    """An image to build, for one architecture or several."""

    product: Product
    archs: tuple[str, ...]
    """Lambda's names."""
    base: str
    function: FunctionRequest | None = None
    """Its architecture is left open."""
    handler: str = ""
    tag: str = ""
    """By default, it is made from the name of the function's folder, or else of the product."""

    @property
    def name(self) -> str:
        """``hello-cpython-3.14.7``, without an architecture."""
        stem = self.product.stem("").rstrip("-")
        return f"{self.function.source.resolve().name}-{stem}" if self.function else stem


def build_image(
    request: ImageRequest,
    terminal: Terminal,
    *,
    jobs: int,
    output: Path = FOLDER,
    choice: Choice = "auto",
    image: str = DEFAULT_IMAGE,
) -> tuple[Path, ...]:
    """Builds the layers that are not in the store yet, and the images; gives the paths of all that is there then.

    ``image`` is that of the container in which layers are built, which has nothing to do with the result.

    Raises:
        NoImage: the base cannot be had.
        BadImage: it cannot be one.
        BadSource: the function has no handler, or a file that cannot be in an image.
    """
    _check(request, output)
    repository, cache = load_repository(), cache_folder()
    date = repository.pins[request.product.source].date
    assert date, "a plan has been made with it"
    name = request.name if len(request.archs) > 1 else f"{request.name}-{request.archs[0]}"
    tag = request.tag or _default_tag(request)
    with (
        tempfile.TemporaryDirectory(prefix="image-") as scratch,
        open_base(request.base, request.archs, cache, terminal) as base,
    ):
        for arch in request.archs:
            _check_base(base, arch, terminal)
        layers, made = Path(scratch, "layers"), Path(scratch, "made")
        built = Request((request.product.name,), request.archs)
        build_layers(built, terminal, jobs=jobs, output=layers, choice=choice, image=image)
        images = {arch: _image(request, arch, tag, base, layers, terminal, choice, image) for arch in request.archs}
        composed = [each.composed for each in images.values()]
        made.mkdir()
        with translate_os_errors(output):
            output.mkdir(parents=True, exist_ok=True)
            folder = output / f"{name}.oci"
            written = write_layout(composed, _tags(tag, request.archs), tag, folder, made / f"{name}.tar")
        texts: dict[str, str] = {}
        for arch, each in images.items():
            steps = repository.plan(request.product, make_platform(arch), machine=CPUS[0])
            described = replace(each, file=f"{name}.tar")
            texts |= attest_image(f"{request.name}-{arch}", described, written, steps, date)
        for arch, each in images.items():
            terminal.note(f"{tag} for {arch}: {each.composed.image.manifest.descriptor.digest}")
        files = export(made, output, Store(cache).lock("export"), texts, f"{name}.sha256")
        return (folder, *files)


def _check(request: ImageRequest, output: Path) -> None:
    if request.function is None:
        return
    source = request.function.source
    if not source.is_dir():
        raise bad_source(source, "It is not a folder.")
    if not request.handler:
        raise BadSource(
            f"Nothing says which function of {source} is to be called.",
            "An image starts with its handler's name.",
            "Pass --handler module.function",
        )
    check_handler(request.handler, source)
    if output.resolve().is_relative_to(source.resolve()):
        raise bad_source(source, f"The image is to be in it: {output}.")


def _check_base(base: Base, arch: str, terminal: Terminal) -> None:
    """`BadImage` if something is where the layer will be, or there is no C library to run on."""
    image = base.images[arch]
    if not all(map(can_read, image.layers)):
        terminal.note(f"{base.name}: its layers are not looked into, they are compressed by zstd")
        return
    loader = _LOADERS[arch]
    there, has_loader = [], False
    for member in members(image.layers, base.name):
        has_loader |= member.path.endswith(loader)
        if member.path.startswith(f"{LAYER}/") and not member.info.isdir():
            there.append(member.path)
    if there:
        raise BadImage(
            f"{base.name} cannot be a base.",
            f"It has files where the layer will be: {', '.join(there[:MOST_SHOWN])}{' …' * (len(there) > MOST_SHOWN)}",
            f"Take an image whose /{LAYER} is empty.",
        )
    if not has_loader:
        raise BadImage(
            f"{base.name} cannot be a base.",
            f"It has no {loader}: the interpreter needs glibc, and nothing else of a system.",
            "Take an image with glibc: of Amazon Linux or Debian, not of Alpine.",
        )


_LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}
"""glibc's program that starts programs, by Lambda's names of architectures."""


def _image(
    request: ImageRequest,
    arch: str,
    tag: str,
    base: Base,
    layers: Path,
    terminal: Terminal,
    choice: Choice,
    executor_image: str,
) -> Described:
    stem = request.product.stem(arch)
    function: tuple[Entry, ...] = ()
    if request.function:
        function = function_entries(replace(request.function, architecture=arch), terminal, choice, executor_image)
    manifest = json.loads((layers / f"{stem}.manifest.json").read_text(encoding="utf-8"))
    layer = tuple(read_zip(layers / f"{stem}.zip"))
    parts = Parts(request.name, request.product.version, layer, function, request.handler)
    terminal.note(f"writing the image for {arch}")
    try:
        composed = compose(parts, base.name, base.images[arch])
    except ValueError as error:  # the layer's paths have been checked
        raise bad_source(request.function.source if request.function else layers, f"{error}.") from error
    return Described(composed, parts, base.name, tag, "", manifest)


def read_zip(path: Path) -> Iterator[Entry]:
    """The entries of a zip of ours."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            yield Entry(info.filename, archive.read(info), (info.external_attr >> 16) & 0o777)


def _default_tag(request: ImageRequest) -> str:
    folder = request.function.source.resolve().name if request.function else request.product.name
    word = re.sub(r"[^a-z0-9.]+", "-", folder.lower()).strip("-.")
    return f"localhost/{word or 'function'}:{request.product.version}"


def _tags(tag: str, archs: Sequence[str]) -> dict[str, str]:
    """By OCI's names: Docker's images have one platform each, so several need several names."""
    return {ARCHITECTURES[arch]: tag if len(archs) == 1 else f"{tag}-{arch}" for arch in archs}
