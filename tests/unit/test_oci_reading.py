"""builder.oci.reading: the forms that images come in, and what is wrong with what is none."""

import gzip
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builder.errors import BadImage
from builder.oci.blobs import GZIP, TAR, digest_of
from builder.oci.contents import members
from builder.oci.reading import Image, choose, open_path

from .images import OCI, Layout, archived, base, digest, docker_archive, tar_of

FILES = {"etc/name": b"small\n", "usr/lib64/ld-linux-x86-64.so.2": b"loader"}


def files_of(image: Image) -> dict[str, bytes]:
    return {member.path: member.read() for member in members(image.layers, image.name)}


def layout(folder: Path) -> Path:
    made = Layout(folder)
    return made.index(made.image(FILES, {"more": b"x"}, config={"Env": ["A=b"]}))


def save_docker(folder: Path) -> Path:
    return docker_archive(folder.with_suffix(".tar"), FILES, {"more": b"x"})


@pytest.mark.parametrize(
    "make",
    [
        layout,
        lambda folder: archived(layout(folder), folder.with_suffix(".tar")),
        lambda folder: archived(layout(folder), folder.with_suffix(".tar.gz"), "w:gz"),
        save_docker,
    ],
    ids=["folder", "archive", "compressed archive", "docker save"],
)
def test_every_form_gives_the_same_image(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    with open_path(make(tmp_path / "image")) as (image,):
        assert files_of(image) == {**FILES, "more": b"x"}
        assert (image.architecture, image.config["config"]) == ("amd64", {"Env": ["A=b"]})
        archives = [digest(tar_of(FILES)), digest(tar_of({"more": b"x"}))]
        assert [layer.diff_id for layer in image.layers] == archives
        for layer in image.layers:
            content = layer.blob.read()
            assert digest_of(content) == layer.blob.descriptor.digest
            assert layer.blob.descriptor.media_type in (TAR, GZIP)
        manifest = json.loads(image.manifest.read())
        assert [each["digest"] for each in manifest["layers"]] == [each.blob.descriptor.digest for each in image.layers]


def test_an_index_in_an_index_is_followed_and_attestations_are_no_images(tmp_path: Path) -> None:
    made = Layout(tmp_path)
    images = [made.image(FILES, arch=arch) for arch in ("amd64", "arm64")]
    extra = made.blob(f"{OCI}.manifest.v1+json", b"{}", platform={"architecture": "unknown", "os": "unknown"})
    inner = json.dumps({"schemaVersion": 2, "manifests": [*images, extra]}).encode()
    with open_path(made.index(made.blob(f"{OCI}.index.v1+json", inner))) as found:
        assert [image.architecture for image in found] == ["amd64", "arm64"]
        assert choose(found, "arm64", "it").architecture == "arm64"


def test_dockers_names_of_media_types_are_understood_and_become_ocis(tmp_path: Path) -> None:
    made = Layout(tmp_path)
    image = made.image(FILES)
    path = made.folder / "blobs" / image["digest"].replace(":", "/")
    docker = "application/vnd.docker"
    text = path.read_text(encoding="utf-8")
    text = text.replace(f"{OCI}.layer.v1.tar+gzip", f"{docker}.image.rootfs.diff.tar.gzip")
    text = text.replace(f"{OCI}.config.v1+json", f"{docker}.container.image.v1+json")
    changed = made.blob(f"{docker}.distribution.manifest.v2+json", text.encode())
    with open_path(made.index(changed)) as (found,):
        assert found.layers[0].blob.descriptor.media_type == GZIP
        assert files_of(found) == FILES


@pytest.mark.parametrize(
    ("archs", "arch", "why"),
    [
        (("amd64",), "arm64", "are for: amd64 (arm64 would be right)"),
        (("arm64",), "x86_64", "are for: arm64 (amd64 would be right)"),
        ((), "x86_64", "are for: none"),
    ],
)
def test_a_platform_that_is_missing_is_told_with_those_that_are_there(
    tmp_path: Path, archs: tuple[str, ...], arch: str, why: str
) -> None:
    with (
        open_path(base(tmp_path / "base", *archs)) as images,
        pytest.raises(BadImage, match=f"it has no image for {arch}") as caught,
    ):
        choose(images, arch, "it")
    assert why in caught.value.why


def read_all(path: Path) -> None:
    with open_path(path) as images:
        for image in images:
            files_of(image)


def refused(path: Path) -> str:
    """Why a path is no image; everything in it is read."""
    with pytest.raises(BadImage) as caught:
        read_all(path)
    assert str(path) in caught.value.what
    return caught.value.why


def test_what_is_no_image_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "It has no index.json." in refused(tmp_path / "empty")
    (tmp_path / "text").write_text("no archive", encoding="utf-8")
    assert "It is neither a folder nor an archive" in refused(tmp_path / "text")
    assert "No such file" in refused(tmp_path / "nothing")
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.add(tmp_path / "text", "index.html")
    assert "neither an index.json" in refused(tmp_path / "other.tar")
    (tmp_path / "cut.tar.gz").write_bytes(gzip.compress(bytes(100_000))[:-20])
    assert refused(tmp_path / "cut.tar.gz")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"manifests": 1}', '{"manifests": [1]}', '{"manifests": [{}]}', '{"manifests": [null]}']
)
def test_an_index_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    path = layout(tmp_path / "image")
    (path / "index.json").write_text(text, encoding="utf-8")
    assert refused(path)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"digest": "sha256:0"}, "is no sha256"),
        ({"digest": "../../../etc/passwd"}, "is no sha256"),
        ({"size": -1}, "is no size"),
        ({"size": 1}, "bytes there, not 1"),
        ({"size": 1 << 40}, "and is JSON"),
        ({"mediaType": "text/html"}, "is not understood"),
        ({"mediaType": GZIP}, "instead of an image"),
        ({"digest": f"sha256:{'0' * 64}"}, "is not there"),
    ],
)
def test_a_descriptor_that_is_wrong_is_told(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    made = Layout(tmp_path)
    path = made.index({**made.image(FILES), **changes})
    assert why in refused(path)


def test_an_index_that_holds_itself_in_no_end_is_left(tmp_path: Path) -> None:
    made = Layout(tmp_path)
    inner = made.image(FILES)
    for _ in range(6):
        text = json.dumps({"schemaVersion": 2, "manifests": [inner]}).encode()
        inner = made.blob(f"{OCI}.index.v1+json", text)
    assert "indexes in indexes" in refused(made.index(inner))


def test_any_damaged_blob_is_found(tmp_path: Path) -> None:
    path = layout(tmp_path / "image")
    for blob in sorted((path / "blobs" / "sha256").iterdir()):
        content = blob.read_bytes()
        blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert f"What is called sha256:{blob.name} there is sha256:" in refused(path)
        blob.write_bytes(content)
    with open_path(path) as (image,):
        assert files_of(image)


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None], part: str) -> Path:
    """A layout whose manifest or config says something else, with digests that fit."""
    made = Layout(folder)
    about = made.image(FILES)
    manifest = json.loads((folder / "blobs" / about["digest"].replace(":", "/")).read_bytes())
    if part == "config":
        config = json.loads((folder / "blobs" / manifest["config"]["digest"].replace(":", "/")).read_bytes())
        change(config)
        manifest["config"] = made.blob(manifest["config"]["mediaType"], json.dumps(config).encode())
    else:
        change(manifest)
    return made.index(made.blob(about["mediaType"], json.dumps(manifest).encode()))


@pytest.mark.parametrize(
    ("part", "change", "why"),
    [
        ("config", lambda config: config["rootfs"]["diff_ids"].append(digest(b"")), "1 layers, and 2 in the config"),
        ("config", lambda config: config.update(rootfs={}), "diff_ids"),
        ("config", lambda config: config["rootfs"].update(diff_ids=[digest(b"")]), "unpacks to sha256:"),
        ("manifest", lambda manifest: manifest.pop("layers"), "layers"),
        ("manifest", lambda manifest: manifest.pop("config"), "config"),
        ("manifest", lambda manifest: manifest["layers"][0].update(mediaType="x/y"), "is not understood"),
    ],
)
def test_a_manifest_or_a_config_that_is_wrong_is_told(
    tmp_path: Path, part: str, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    assert why in refused(rewritten(tmp_path / "image", change, part))


def test_a_plain_archive_that_is_called_a_compressed_one_is_read(tmp_path: Path) -> None:
    """Docker 20.10 pushes such layers, where it has pulled them as plain archives."""
    made = Layout(tmp_path)
    about = made.image(FILES)
    manifest = json.loads((tmp_path / "blobs" / about["digest"].replace(":", "/")).read_bytes())
    manifest["layers"] = [made.blob(f"{OCI}.layer.v1.tar+gzip", tar_of(FILES))]
    with open_path(made.index(made.blob(about["mediaType"], json.dumps(manifest).encode()))) as (image,):
        assert files_of(image) == FILES


def test_a_layer_of_another_kind_is_refused_when_it_is_to_be_looked_into(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["layers"][0]["mediaType"] = f"{OCI}.layer.v1.tar+zstd"

    with (
        open_path(rewritten(tmp_path / "image", change, "manifest")) as (image,),
        pytest.raises(BadImage, match="cannot be looked into"),
    ):
        files_of(image)


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"rootfs": {"diff_ids": []}}, "1 layers, and 0"), ({"rootfs": {"diff_ids": [digest(b"")]}}, "not sha256:")],
)
def test_an_archive_of_dockers_that_is_wrong_is_told(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    assert why in refused(docker_archive(tmp_path / "image.tar", FILES, **changes))
