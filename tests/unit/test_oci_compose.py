"""builder.oci.compose and builder.oci.writing: what an image says and holds, and that its bytes are always the same."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.artifacts.deterministic_zip import EXECUTABLE, FILE, LINK, Entry
from builder.oci.compose import Composed, Parts, compose, diff_id_of, layer_of
from builder.oci.reading import Image, choose, open_path
from builder.oci.writing import Written, write_layout

from .fakes import ROOT
from .images import base, docker_archive

LAYER = (
    Entry("bootstrap", b"#!/opt/bin/tiny\n", EXECUTABLE),
    Entry("bin/tiny", b"\x7fELF" + bytes(5000), EXECUTABLE),
    Entry("bin/link", b"tiny", LINK),
)
FUNCTION = (Entry("function.py", b"def hello(event, context): ...\n", FILE),)
PARTS = Parts("hello", "1.0.1", LAYER, FUNCTION, "function.hello")
BASE = {
    "Env": ["PATH=/bin", "MORE=from the base"],
    "Cmd": ["/bin/sh"],
    "Entrypoint": ["/init"],
    "Labels": {"org.example": "kept", "org.opencontainers.image.title": "the base"},
    "User": "1000",
}


@pytest.fixture
def small_base(tmp_path: Path) -> Iterator[tuple[Image, ...]]:
    with open_path(base(tmp_path / "base", "amd64", "arm64", config=BASE)) as images:
        yield images


def written(composed: list[Composed], folder: Path) -> Written:
    folder.mkdir()
    tags = {each.image.architecture: f"localhost/hello:1-{each.image.architecture}" for each in composed}
    return write_layout(composed, tags, "localhost/hello:1", folder / "image.oci", folder / "image.tar")


def test_the_base_comes_first_and_its_layers_keep_their_digests(small_base: tuple[Image, ...]) -> None:
    (below,) = small_base[0].layers
    composed = compose(PARTS, "small", small_base[0])
    assert composed.image.layers[0] == below
    assert len(composed.image.layers) == 3
    config = composed.image.config
    assert config["rootfs"]["diff_ids"] == [layer.diff_id for layer in composed.image.layers]
    assert len(config["history"]) == 2  # this base tells nothing of its own


def test_a_base_that_is_not_compressed_is(tmp_path: Path) -> None:
    path = docker_archive(tmp_path / "base.tar", {"etc/name": b"small" * 100})
    with open_path(path) as (below,):
        layer = compose(PARTS, "small", below).image.layers[0]
        assert layer.diff_id == below.layers[0].diff_id == below.layers[0].blob.descriptor.digest
        assert gzip.decompress(layer.blob.read()) == below.layers[0].blob.read()


def test_the_layer_is_the_same_on_every_base_and_with_every_function(small_base: tuple[Image, ...]) -> None:
    ours = [
        compose(replace(PARTS, function=function), "x", image).own[0].diff_id
        for image in small_base
        for function in (FUNCTION, ())
    ]
    assert set(ours) == {diff_id_of(LAYER)} == {layer_of(LAYER).diff_id}


def test_a_layers_archive_is_what_its_diff_id_says(small_base: tuple[Image, ...]) -> None:
    for layer in compose(PARTS, "small", small_base[0]).image.layers:
        archive = gzip.decompress(layer.blob.read())
        assert f"sha256:{hashlib.sha256(archive).hexdigest()}" == layer.diff_id


def test_the_configuration_is_lambdas_and_what_the_base_has_besides_stays(small_base: tuple[Image, ...]) -> None:
    value = compose(PARTS, "small", small_base[0]).image.config
    assert (value["architecture"], value["os"], value["created"]) == ("amd64", "linux", "1980-01-01T00:00:00Z")
    config = value["config"]
    assert (config["Entrypoint"], config["Cmd"]) == (["/opt/bootstrap"], ["function.hello"])
    assert (config["WorkingDir"], config["User"]) == ("/var/task", "1000")
    environment = dict(variable.split("=", 1) for variable in config["Env"])
    assert environment["MORE"] == "from the base"
    assert environment["PATH"].split(":")[-1] == "/opt/bin"
    assert environment["LAMBDA_TASK_ROOT"] == "/var/task"
    assert config["Labels"] == {
        "org.example": "kept",
        "org.opencontainers.image.title": "hello",
        "org.opencontainers.image.version": "1.0.1",
        "org.opencontainers.image.created": "1980-01-01T00:00:00Z",
        "org.opencontainers.image.base.name": "small",
        "org.opencontainers.image.base.digest": small_base[0].manifest.descriptor.digest,
    }


def test_without_a_function_no_command_is_left_of_the_base(small_base: tuple[Image, ...]) -> None:
    config = compose(replace(PARTS, function=(), handler=""), "small", small_base[0]).image.config["config"]
    assert "Cmd" not in config


def test_snapstart_needs_no_label(small_base: tuple[Image, ...]) -> None:
    """A runtime that calls /restore/next needs none: tests/container/test_snapstart.py shows that ours does."""
    labels = compose(PARTS, "small", small_base[0]).image.config["config"]["Labels"]
    assert not [name for name in labels if name.startswith("com.amazonaws.lambda")]


@pytest.mark.parametrize("name", ["image.oci", "image.tar"])
def test_what_is_written_is_read_again(small_base: tuple[Image, ...], tmp_path: Path, name: str) -> None:
    composed = compose(PARTS, "small", small_base[0])
    done = written([composed], tmp_path / "out")
    assert done.root == composed.image.manifest.descriptor.digest
    with open_path(tmp_path / "out" / name) as (image,):
        assert image.manifest.read() == composed.image.manifest.read()
        assert image.config == composed.image.config
        assert [layer.blob.read() for layer in image.layers] == [each.blob.read() for each in composed.image.layers]


def test_several_architectures_are_one_index(small_base: tuple[Image, ...], tmp_path: Path) -> None:
    composed = [compose(PARTS, "small", image) for image in small_base]
    done = written(composed, tmp_path / "out")
    folder = tmp_path / "out" / "image.oci"
    (entry,) = json.loads((folder / "index.json").read_text(encoding="utf-8"))["manifests"]
    assert entry["digest"] == done.root
    assert entry["annotations"]["org.opencontainers.image.ref.name"] == "1"
    index = json.loads((folder / "blobs" / done.root.replace(":", "/")).read_bytes())
    assert [each["platform"] for each in index["manifests"]] == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm64", "os": "linux"},
    ]
    with open_path(folder) as images:
        for arch in ("x86_64", "arm64"):
            assert choose(images, arch, "it").manifest.read()


@pytest.mark.parametrize(
    ("tag", "whole"),
    [
        ("hello:1", "docker.io/library/hello:1"),
        ("mine/hello:1", "docker.io/mine/hello:1"),
        ("localhost/hello:1", "localhost/hello:1"),
        ("127.0.0.1:5000/hello:1", "127.0.0.1:5000/hello:1"),
        ("registry.example/a/hello:1", "registry.example/a/hello:1"),
    ],
)
def test_containerd_reads_the_whole_name(small_base: tuple[Image, ...], tmp_path: Path, tag: str, whole: str) -> None:
    write_layout([compose(PARTS, "small", small_base[0])], {"amd64": tag}, tag, tmp_path / "a.oci", tmp_path / "a.tar")
    (entry,) = json.loads((tmp_path / "a.oci" / "index.json").read_text(encoding="utf-8"))["manifests"]
    assert entry["annotations"] == {
        "io.containerd.image.name": whole,
        "org.opencontainers.image.ref.name": "1",
    }


def test_docker_finds_each_architecture_under_a_name_of_its_own(small_base: tuple[Image, ...], tmp_path: Path) -> None:
    composed = [compose(PARTS, "small", image) for image in small_base]
    done = written(composed, tmp_path / "out")
    path = tmp_path / "out" / "image.tar"
    assert (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size) == (done.sha256, done.size)
    with tarfile.open(path) as tar:

        def content(name: str) -> bytes:
            file = tar.extractfile(name)
            assert file is not None
            return file.read()

        entries = json.loads(content("manifest.json"))
        assert [entry["RepoTags"] for entry in entries] == [["localhost/hello:1-amd64"], ["localhost/hello:1-arm64"]]
        for entry, each in zip(entries, composed, strict=True):
            assert json.loads(content(entry["Config"])) == each.image.config
            assert [content(layer) for layer in entry["Layers"]] == [each.blob.read() for each in each.image.layers]


def test_a_file_that_cannot_be_in_an_image_is_refused(small_base: tuple[Image, ...]) -> None:
    with pytest.raises(ValueError, match="would remove a file"):
        compose(replace(PARTS, function=(Entry(".wh.a", b"", FILE),)), "small", small_base[0])


def test_what_was_there_is_replaced_and_nothing_unfinished_stays(small_base: tuple[Image, ...], tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = written([compose(PARTS, "small", small_base[0])], out)
    (out / "image.oci.part").mkdir()
    tags = {"amd64": "a:1"}
    other = [compose(replace(PARTS, handler="function.other"), "small", small_base[0])]
    second = write_layout(other, tags, "a:1", out / "image.oci", out / "image.tar")
    assert first.root != second.root
    assert sorted(path.name for path in out.iterdir()) == ["image.oci", "image.tar"]
    assert len(list((out / "image.oci" / "blobs" / "sha256").iterdir())) == 5


AGAIN = """
import sys
from pathlib import Path
from tests.unit.test_oci_compose import PARTS
from builder.oci.compose import compose
from builder.oci.reading import open_path
from builder.oci.writing import write_layout
with open_path(Path(sys.argv[1])) as images:
    composed = [compose(PARTS, "small", image) for image in images]
    tags = {each: f"localhost/hello:1-{each}" for each in ("amd64", "arm64")}
    out = Path(sys.argv[2])
    print(write_layout(composed, tags, "localhost/hello:1", out / "image.oci", out / "image.tar").sha256)
"""


def test_the_bytes_are_the_same_in_another_zone_language_and_umask(
    small_base: tuple[Image, ...], tmp_path: Path
) -> None:
    done = written([compose(PARTS, "small", image) for image in small_base], tmp_path / "first")
    (tmp_path / "second").mkdir()
    changed = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    command = (sys.executable, "-c", AGAIN, str(tmp_path / "base"), str(tmp_path / "second"))
    again = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **changed}, umask=0o077, capture_output=True, text=True, check=True
    )
    assert again.stdout.strip() == done.sha256
    assert (tmp_path / "second" / "image.tar").read_bytes() == (tmp_path / "first" / "image.tar").read_bytes()


def test_the_digest_of_a_known_image_is_known(small_base: tuple[Image, ...]) -> None:
    """Another one means that every image changes: of the writer, or of the compressor that is pinned."""
    found: Any = compose(PARTS, "small", small_base[0]).own[0]
    assert found.blob.descriptor.digest == "sha256:5da3b42f5acab332d7ba61b5607b2fbb74a29128ac9884c30e63c89ce68dcd7c"
