"""An image from anywhere → is it what a manifest of ours says?

Every blob is compared with its digest, and every layer, unpacked, with the one that the image's configuration names. Of
what the image holds, the files at ``/opt`` are compared with the manifest of the layer, one by one, and so is the
archive that they come in. A manifest of the image says more: which image it is, with its base and function.
"""

import hashlib
import json
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.artifacts.deterministic_zip import EXECUTABLE, LINK, Entry
from builder.artifacts.verify import Expected, Report, listed, read_expected
from builder.errors import ManifestMismatch
from builder.oci.compose import ENTRY_POINT, LAYER, diff_id_of
from builder.oci.contents import Member, members
from builder.oci.reading import ARCHITECTURES, Image, images_in, open_path
from builder.oci.registry import Reference, Registry

LAMBDA_NAMES: Mapping[str, str] = {name: arch for arch, name in ARCHITECTURES.items()}
_XATTR = "SCHILY.xattr."


@dataclass(frozen=True)
class Claim:
    """What a manifest says of an image."""

    expected: Expected
    """Of its files at ``/opt``."""
    image: Mapping[str, Any] | None
    """The artifact; none in a layer's manifest."""


def is_image(name: str) -> bool:
    """Whether somebody means an image, and not a zip."""
    path = Path(name)
    return Reference.parse(name) is not None or path.is_dir() or (path.is_file() and tarfile.is_tarfile(path))


def verify_image(name: str, manifest: Path | None, folders: Sequence[Path], report: Report) -> tuple[Expected, ...]:
    """Checks every image that a file, a folder or a reference stands for; what their layers should be.

    ``manifest`` is a file, or a folder with one for each architecture. By default the manifests are those in some
    folders, images' before layers'.

    Raises:
        ManifestMismatch: something differs, and what; or no manifest speaks of an image.
        BadImage: it is no image, or damaged.
        FetchFailed: its registry does not give it.
    """
    named = [manifest] if manifest and not manifest.is_dir() else list(_manifests([manifest] if manifest else folders))
    claims = [_read_claim(path) for path in named]
    with ExitStack() as stack:
        if reference := Reference.parse(name):
            images = images_in(stack.enter_context(Registry(reference)))
        else:
            images = stack.enter_context(open_path(Path(name)))
        found = [_verify(image, claims, report) for image in images]
    if not found:
        raise ManifestMismatch(f"{name} has no image.", "Its index is empty.", "Pass another one.")
    return tuple(found)


def _manifests(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.glob("*.manifest.json"))


def _read_claim(path: Path) -> Claim:
    expected = read_expected(path)
    artifacts = json.loads(path.read_text(encoding="utf-8"))["artifacts"]
    return Claim(expected, next((artifact for artifact in artifacts if artifact["kind"] == "image"), None))


def _verify(image: Image, claims: Sequence[Claim], report: Report) -> Expected:
    arch = LAMBDA_NAMES.get(image.architecture, image.architecture)
    where = f"{image.name} ({arch})"
    of_arch = [claim for claim in claims if claim.expected.architecture == arch]
    contents = _read(image, of_arch)
    claim = _choose(image, of_arch, contents, where)
    problems = list(_differences(image, contents, claim))
    if problems:
        raise ManifestMismatch(
            f"{where} is not what {claim.expected.manifest} describes.",
            listed(problems),
            "Do not use it. Build it yourself: nox -s build_image",
        )
    report.note(f"{where}: {len(contents.entries)} files at /{LAYER}: as {claim.expected.manifest} says")
    if claim.image:
        digest = image.manifest.descriptor.digest
        same = "to the byte" if digest == claim.image["manifest"] else f"in {claim.image['manifest']}, packed otherwise"
        report.note(f"{where}: the image {digest} is the one described there, {same}")
    else:
        others = [layer.diff_id for number, layer in enumerate(image.layers) if number not in contents.layers]
        report.note(f"{where}: no manifest speaks of its other layers: {', '.join(others)}")
    return claim.expected


@dataclass(frozen=True)
class _Contents:
    """What an image's layers have for ``/opt``."""

    entries: Mapping[str, Entry]
    """Files and links by path below it; those that are too large to be right have no content."""
    sha256: Mapping[str, str]
    sizes: Mapping[str, int]
    layers: tuple[int, ...]
    """The layers that have any of it."""
    problems: tuple[str, ...]
    """What no such layer has."""


def _read(image: Image, claims: Sequence[Claim]) -> _Contents:
    """Reads all layers to their ends; of files at ``/opt``, those that may be right."""
    right = {(path, entry.size) for claim in claims for path, entry in claim.expected.entries.items()}
    entries: dict[str, Entry] = {}
    sizes: dict[str, int] = {}
    layers: dict[int, None] = {}
    problems: list[str] = []
    for member in members(image.layers, image.name):
        removed = member.removes()
        if removed is not None:
            if (removed == LAYER or not removed or removed.startswith(f"{LAYER}/")) and layers:
                problems.append(f"layer {member.layer} removes {removed or 'everything'}")
        elif member.path == LAYER and not member.info.isdir():
            problems.append(f"/{LAYER} is no folder")
        elif member.path == LAYER and layers:  # what a lower layer says of it, ours says again
            problems += _oddities(f"/{LAYER}", member)
        elif member.path.startswith(f"{LAYER}/"):
            path = member.path.removeprefix(f"{LAYER}/")
            layers[member.layer] = None
            problems += _oddities(path, member)
            if not member.info.isdir():
                if path in entries:
                    problems.append(f"{path} comes twice")
                size = len(member.info.linkname.encode()) if member.info.issym() else member.info.size
                readable = (path, size) in right and (member.info.isfile() or member.info.issym())
                content = member.read() if readable else b""
                entries[path], sizes[path] = Entry(path, content, LINK if member.info.issym() else _mode(member)), size
    digests = {path: hashlib.sha256(entry.content).hexdigest() for path, entry in entries.items()}
    return _Contents(entries, digests, sizes, tuple(layers), tuple(problems))


def _oddities(path: str, member: Member) -> Iterator[str]:
    info = member.info
    if (info.uid, info.gid) != (0, 0):
        yield f"{path} belongs to {info.uid}:{info.gid}, not to root"
    if not (info.isfile() or info.issym() or info.isdir()):
        yield f"{path} is neither a file nor a link nor a folder"
    if info.isdir() and stat.S_IMODE(info.mode) != EXECUTABLE:
        yield f"{path} has mode {info.mode:o}, not {EXECUTABLE:o}"
    yield from (f"{path} has {key.removeprefix(_XATTR)}" for key in info.pax_headers if key.startswith(_XATTR))


def _mode(member: Member) -> int:
    return stat.S_IMODE(member.info.mode)


def _choose(image: Image, claims: Sequence[Claim], contents: _Contents, where: str) -> Claim:
    """That of an image's manifest which has its ID; else of a layer's which has its files, or most of them."""
    if not contents.entries:
        raise ManifestMismatch(f"{where} is none of ours.", f"It has no files at /{LAYER}.", "Pass another image.")
    for claim in claims:
        if claim.image and claim.image["config"] == image.config_digest:
            return claim
    candidates = claims if len(claims) == 1 else [claim for claim in claims if not claim.image]
    if not candidates:
        raise ManifestMismatch(
            f"No manifest describes {where}.",
            f"Its ID is {image.config_digest}.",
            "Pass --manifest FILE, or check out the release that its layer is from.",
        )
    return min(candidates, key=lambda claim: len(list(_wrong_files(contents, claim.expected))))


def _differences(image: Image, contents: _Contents, claim: Claim) -> Iterator[str]:
    problems = [*contents.problems, *_wrong_files(contents, claim.expected)]
    if len(contents.layers) > 1:
        problems.append(f"layers {', '.join(map(str, contents.layers))} have files of it, not one")
    if not problems:
        (number,) = contents.layers
        ours = diff_id_of(contents.entries.values())
        if image.layers[number].diff_id != ours:
            problems.append(f"all files are right, but their layer is {image.layers[number].diff_id} and not {ours}")
    if (entry_point := (image.config.get("config") or {}).get("Entrypoint")) != [ENTRY_POINT]:
        problems.append(f"its entry point is {entry_point}, not {[ENTRY_POINT]}")
    if claim.image:
        if image.config_digest != claim.image["config"]:
            problems.append(f"its configuration is {image.config_digest}, not {claim.image['config']}")
        layers = [layer["diff_id"] for layer in claim.image["layers"]]
        if [layer.diff_id for layer in image.layers] != layers:
            problems.append("its layers are others")
    yield from problems


def _wrong_files(contents: _Contents, expected: Expected) -> Iterator[str]:
    for path, entry in contents.entries.items():
        if (wanted := expected.entries.get(path)) is None:
            yield f"{path} does not belong there"
        elif entry.mode != stat.S_IMODE(wanted.mode):
            yield f"{path} has mode {entry.mode:o}, not {stat.S_IMODE(wanted.mode):o}"
        elif contents.sizes[path] != wanted.size:
            yield f"{path} has {contents.sizes[path]} bytes, not {wanted.size}"
        elif contents.sha256[path] != wanted.sha256:
            yield f"{path} has other bytes"
    yield from (f"{path} is missing" for path in expected.entries if path not in contents.entries)
