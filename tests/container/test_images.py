"""builder.executors.images with an engine: images are made once, checked, and refused with a reason."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from builder.errors import MissingTool, NoImage, WrongHash
from builder.executors import images as module
from builder.executors.containers import Container, ResourceLimits
from builder.executors.engine import Engine
from builder.executors.images import Image, Images, load_images
from builder.pins import Archive
from builder.platform import this_machine
from tests.unit.fakes import FileServer, RecordingReport, whole

from .conftest import MEMORY, output_of

NAME = "tested"


@pytest.fixture
def report() -> RecordingReport:
    return RecordingReport()


@pytest.fixture(autouse=True)
def _no_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATIC_PYTHON_SOURCES", raising=False)


@pytest.fixture
def images(
    engine: Engine, tmp_path: Path, report: RecordingReport, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Images]:
    """With a cache of their own; removes the images that they make."""
    monkeypatch.delenv("STATIC_PYTHON_SOURCES", raising=False)
    before = {image["Id"] for image in engine.api.images()}
    yield Images(engine, tmp_path / "cache", report)
    while made := [image for image in engine.api.images() if image["Id"] not in before]:
        parents = {image["ParentId"] for image in made}
        for image in made:
            if image["Id"] not in parents:  # the engine refuses to remove an image with children
                engine.api.remove_image(image["Id"], force=True)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as running:
        yield running


@pytest.fixture
def dockerfiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of Dockerfiles in place of the repository's."""
    monkeypatch.setattr(module, "IMAGES_FILE", tmp_path / "images.toml")
    return tmp_path


def pinned(images: Images, content: bytes, url: str) -> Images:
    """The same, with one image whose root file system is pinned."""
    archive = Archive("root.tar.xz", hashlib.sha256(content).hexdigest(), 0, url, machine=this_machine().machine)
    return replace(images, known={NAME: Image(NAME, (archive,))})


def exists(engine: Engine, name: str = NAME) -> bool:
    return any(name in tag for image in engine.api.images() for tag in image["RepoTags"] or ())


def test_a_pinned_root_is_downloaded_checked_imported_once_and_runs(
    engine: Engine, images: Images, server: FileServer, small_root: Path, report: RecordingReport
) -> None:
    content = small_root.read_bytes()
    server.answers = [whole(content)]
    images = pinned(images, content, server.url)
    reference = images.root(NAME)
    assert hashlib.sha256(content).hexdigest()[:12] in reference
    with Container(engine, reference, ResourceLimits(MEMORY)) as container:
        assert output_of(container, "/bin/sh", "-c", "echo $0 runs") == "/bin/sh runs\n"
    report.notes.clear()
    assert images.root(NAME) == reference
    assert (report.notes, len(server.ranges)) == ([], 1)


def test_a_download_that_differs_from_the_pinned_root_is_refused(
    engine: Engine, images: Images, server: FileServer, small_root: Path
) -> None:
    content = small_root.read_bytes()
    server.answers = [whole(content[:-1] + b"?")]
    with pytest.raises(WrongHash, match="tested root file system cannot be had") as caught:
        pinned(images, content, server.url).root(NAME)
    assert hashlib.sha256(content).hexdigest() in caught.value.why
    assert not exists(engine)
    assert not list((images.cache / "downloads").glob("*.tar*"))


def test_an_unavailable_root_says_how_to_supply_it(engine: Engine, images: Images) -> None:
    with pytest.raises(NoImage) as caught:
        pinned(images, b"", "http://127.0.0.1:9/root.tar.xz").root(NAME)
    assert "127.0.0.1:9" in caught.value.why
    for word in ("STATIC_PYTHON_SOURCES", "--rootfs=FILE", "root.tar.xz", hashlib.sha256(b"").hexdigest()):
        assert word in caught.value.do
    assert not exists(engine)


def test_a_root_in_a_folder_of_sources_needs_no_network(
    images: Images, small_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATIC_PYTHON_SOURCES", str(small_root.parent))
    assert NAME in pinned(images, small_root.read_bytes(), "http://127.0.0.1:9/root.tar.xz").root(NAME)


def test_at_hand_is_what_the_engine_has_or_can_import(
    images: Images, server: FileServer, small_root: Path, dockerfiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = small_root.read_bytes()
    server.answers = [whole(content)]
    images = pinned(images, content, server.url)
    (dockerfiles / f"{NAME}.Dockerfile").write_text("ARG ROOT\nFROM ${ROOT}\nRUN echo > /made\n", encoding="utf-8")
    named = small_root.with_name("root.tar.xz")
    named.write_bytes(content)
    try:
        assert not images.at_hand(NAME)
        monkeypatch.setenv("STATIC_PYTHON_SOURCES", str(named.parent))
        assert images.at_hand(NAME)
        assert server.ranges == []
        reference = images.build_image(NAME)
    finally:
        named.unlink()
    monkeypatch.delenv("STATIC_PYTHON_SOURCES")
    shutil.rmtree(images.cache / "downloads")
    assert images.at_hand(NAME)
    images.engine.api.remove_image(images.root(NAME))
    assert images.at_hand(NAME)
    assert images.build_image(NAME) == reference
    assert server.ranges == []


def test_a_given_file_is_used_as_a_pinned_root_if_its_digest_matches(images: Images, small_root: Path) -> None:
    ours = replace(pinned(images, small_root.read_bytes(), "http://127.0.0.1:9/"), rootfs=small_root)
    assert NAME in ours.root(NAME)


@pytest.mark.parametrize("name", ["al2", "al2023"])
def test_another_file_is_never_used_as_amazons(engine: Engine, images: Images, small_root: Path, name: str) -> None:
    with pytest.raises(WrongHash) as caught:
        replace(images, rootfs=small_root).root(name)
    assert hashlib.sha256(small_root.read_bytes()).hexdigest() in caught.value.why
    assert any(archive.sha256 in caught.value.why for archive in load_images()[name].archives)
    assert "test_in_container" in caught.value.do
    assert not exists(engine, f"/{name}:root-{hashlib.sha256(small_root.read_bytes()).hexdigest()[:12]}")


def test_a_given_file_makes_an_image_under_any_other_name(engine: Engine, images: Images, small_root: Path) -> None:
    reference = replace(images, rootfs=small_root).root("mine")
    with Container(engine, reference, ResourceLimits(MEMORY)) as container:
        assert output_of(container, "/bin/cat", "/proc/self/comm") == "cat\n"


def test_a_file_that_is_not_an_archive_is_refused(images: Images, tmp_path: Path) -> None:
    (tmp_path / "root.tar").write_bytes(b"no archive" * 1000)
    with pytest.raises(NoImage, match=r"import root\.tar"):
        replace(images, rootfs=tmp_path / "root.tar").root("mine")


def test_an_unknown_image_is_refused_with_the_known_ones(images: Images) -> None:
    with pytest.raises(NoImage, match="There is no image 'localhost:9/nowhere'") as caught:
        images.root("localhost:9/nowhere")
    assert "localhost:9" in caught.value.why
    assert "al2023" in caught.value.do


def test_an_image_that_the_engine_has_needs_no_entry(images: Images, image: str) -> None:
    assert images.root(image) == image
    assert images.build_image(image) == image


def saved_image(tag: str, architecture: str) -> bytes:
    """An empty image in the format of `docker save`."""
    layer = bytes(1024)
    digest = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    config = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest]}}
    manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in (("config.json", config), ("manifest.json", manifest), ("layer.tar", layer)):
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


def test_an_image_for_another_architecture_is_refused(engine: Engine, images: Images) -> None:
    other = {"x86_64": "arm64", "aarch64": "amd64"}[this_machine().machine]
    assert not [line for line in engine.api.load_image(saved_image("other:1", other)) if "error" in line]
    with pytest.raises(NoImage, match=r"other:1 cannot be used") as caught:
        images.root("other:1")
    assert other in caught.value.why
    assert this_machine().machine in caught.value.why


def test_a_dockerfile_is_built_once_per_content(
    engine: Engine, images: Images, small_root: Path, dockerfiles: Path, report: RecordingReport
) -> None:
    ours = replace(images, known={NAME: Image(NAME, suite="none")}, rootfs=small_root)
    references = []
    for text in ("first", "first", "second"):
        recipe = f"ARG ROOT\nFROM ${{ROOT}}\nRUN echo {text} > /made\n"
        (dockerfiles / f"{NAME}.Dockerfile").write_text(recipe, encoding="utf-8")
        references.append(ours.build_image(NAME))
        with Container(engine, references[-1], ResourceLimits(MEMORY)) as container:
            assert output_of(container, "cat", "/made") == f"{text}\n"
    assert references[0] == references[1] != references[2]
    assert sum("making" in note for note in report.notes) == 2


def test_a_dockerfile_that_fails_is_reported_and_leaves_nothing(
    engine: Engine, images: Images, small_root: Path, dockerfiles: Path
) -> None:
    recipe = "ARG ROOT\nFROM ${ROOT}\nRUN echo no way to the mirror && exit 3\n"
    (dockerfiles / f"{NAME}.Dockerfile").write_text(recipe, encoding="utf-8")
    containers = len(engine.api.containers(all=True))
    with pytest.raises(NoImage, match="tested cannot be made") as caught:
        replace(images, known={NAME: Image(NAME, suite="none")}, rootfs=small_root).build_image(NAME)
    assert caught.value.why.splitlines()[0] == "no way to the mirror."
    assert len(engine.api.containers(all=True)) == containers


def test_a_debian_without_mmdebstrap_asks_for_it(
    images: Images, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match="apt-get install mmdebstrap"):
        replace(images, known={NAME: Image(NAME, suite="bullseye")}).root(NAME)


def test_a_debian_that_no_mirror_has_is_refused(engine: Engine, images: Images) -> None:
    with pytest.raises(NoImage, match="tested cannot be made") as caught:
        replace(images, known={NAME: Image(NAME, suite="no-such-suite")}).root(NAME)
    assert "no-such-suite" in caught.value.why
    assert not exists(engine)
    assert not list(images.cache.glob("mmdebstrap-*"))
