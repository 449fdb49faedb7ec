"""builder.oci.base: a root file system of images.toml becomes an image of one layer, the same one each time."""

import gzip
import hashlib
import lzma
from collections.abc import Mapping
from pathlib import Path

import pytest

from builder.executors.images import Image
from builder.oci import base as module
from builder.oci.base import open_base
from builder.pins import Archive

from .fakes import RecordingReport
from .images import LOADERS, archived, base, tar_of

ROOT_TAR = tar_of({LOADERS["amd64"]: b"loader", "etc/name": b"small"})
PINNED = lzma.compress(ROOT_TAR)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Mapping[str, Image]:
    """An image whose root file system is pinned and in a folder of sources, and one that uses it."""
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "root.tar.xz").write_bytes(PINNED)
    monkeypatch.setenv("STATIC_PYTHON_SOURCES", str(sources))
    archive = Archive("root.tar.xz", hashlib.sha256(PINNED).hexdigest(), 0, "http://127.0.0.1:9/r", machine="x86_64")
    images = {"amazon": Image("amazon", (archive,)), "later": Image("later", root="amazon"), "d": Image("d", suite="s")}
    monkeypatch.setattr(module, "load_images", lambda: images)
    return images


@pytest.mark.parametrize("name", ["amazon", "later"])
def test_a_pinned_root_file_system_is_one_layer_and_nothing_else(
    known: Mapping[str, Image], tmp_path: Path, report: RecordingReport, name: str
) -> None:
    digests = set()
    for cache in ("first", "second"):
        with open_base(name, ("x86_64",), tmp_path / cache, report) as found:
            image = found.images["x86_64"]
            (layer,) = image.layers
            assert gzip.decompress(layer.blob.read()) == ROOT_TAR
            assert layer.diff_id == f"sha256:{hashlib.sha256(ROOT_TAR).hexdigest()}"
            assert (found.name, image.config["architecture"], image.config["config"]) == (name, "amd64", {})
            digests.add(image.manifest.descriptor.digest)
    assert len(digests) == 1


def test_another_file_under_its_name_is_not_taken(
    known: Mapping[str, Image], tmp_path: Path, report: RecordingReport
) -> None:
    (tmp_path / "cache" / "downloads").mkdir(parents=True)
    (archive,) = known["amazon"].archives
    cached = tmp_path / "cache" / "downloads" / f"{archive.sha256[:12]}-{archive.file}"
    cached.write_bytes(b"something else")
    with open_base("amazon", ("x86_64",), tmp_path / "cache", report) as found:
        (layer,) = found.images["x86_64"].layers
        assert gzip.decompress(layer.blob.read()) == ROOT_TAR
    assert cached.read_bytes() == PINNED


def test_a_debian_is_made_once_and_kept(
    known: Mapping[str, Image], tmp_path: Path, report: RecordingReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def make(image: Image, machine: str, archive: Path, _: object) -> Path:
        made.append((image.name, machine))
        archive.write_bytes(ROOT_TAR)
        return archive

    monkeypatch.setattr(module, "make_debian", make)
    for _ in range(2):
        with open_base("d", ("x86_64", "arm64"), tmp_path / "cache", report) as found:
            assert {arch: image.architecture for arch, image in found.images.items()} == {
                "x86_64": "amd64",
                "arm64": "arm64",
            }
    assert made == [("d", "x86_64"), ("d", "aarch64")]
    assert [path.name for path in (tmp_path / "cache").glob("mmdebstrap-*")] == []


def test_a_file_is_called_by_its_name_alone_whatever_folder_it_is_in(tmp_path: Path, report: RecordingReport) -> None:
    path = archived(base(tmp_path / "base", "amd64"), tmp_path / "mine.tar")
    with open_base(str(path), ("x86_64",), tmp_path / "cache", report) as found:
        assert found.name == "mine.tar"
