"""builder.executors.images: what docker/images.toml may say. What an engine does with it: tests/container."""

from pathlib import Path

import pytest

from builder.errors import BadPins
from builder.executors.images import DEFAULT_IMAGE, IMAGES_FILE, load_images
from builder.platform import CPUS

from .fakes import ROOT

GOOD = """\
schema = 1
[images.amazon]
[[images.amazon.archives]]
machine = "x86_64"
file = "root.tar.xz"
sha256 = "{sha256}"
url = "{url}"
[images.debian]
suite = "bullseye"
packages = ["make"]
[images.later]
root = "debian"
"""
SHA256, URL = "0" * 64, "https://example.org/root.tar.xz"


def write(folder: Path, text: str) -> Path:
    path = folder / "images.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> str:
    with pytest.raises(BadPins) as caught:
        load_images(write(folder, text))
    return caught.value.why


def test_a_good_file_is_read(tmp_path: Path) -> None:
    images = load_images(write(tmp_path, GOOD.format(sha256=SHA256, url=URL)))
    assert sorted(images) == ["amazon", "debian", "later"]
    (archive,) = images["amazon"].archives
    assert (archive.sha256, archive.url, archive.machine) == (SHA256, URL, "x86_64")
    assert images["debian"].packages == ("make",)


@pytest.mark.parametrize("sha256", ["", "0" * 63, "G" * 64])
def test_an_archive_without_a_hash_is_refused(tmp_path: Path, sha256: str) -> None:
    assert "root.tar.xz" in problems(tmp_path, GOOD.format(sha256=sha256, url=URL))


def test_a_url_that_anybody_could_answer_is_refused(tmp_path: Path) -> None:
    assert "https" in problems(tmp_path, GOOD.format(sha256=SHA256, url="http://example.org/root.tar.xz"))


@pytest.mark.parametrize("entry", ["", 'suite = "trixie"\nroot = "debian"'])
def test_an_image_of_nothing_and_one_of_two_things_are_refused(tmp_path: Path, entry: str) -> None:
    text = GOOD.format(sha256=SHA256, url=URL) + f"[images.odd]\n{entry}\n"
    assert "odd has not exactly one" in problems(tmp_path, text)


@pytest.mark.parametrize("root", ["later", "nowhere"])
def test_a_root_is_that_of_an_image_which_has_one(tmp_path: Path, root: str) -> None:
    text = GOOD.format(sha256=SHA256, url=URL) + f'[images.odd]\nroot = "{root}"\n'
    assert f"odd has the root of {root}" in problems(tmp_path, text)


@pytest.mark.parametrize("text", ["", "schema = 2\n[images]\n", "schema = 1\nimages = 3\n", "no toml"])
def test_what_is_no_list_of_images_is_one_error(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


def test_amazons_images_are_pinned_for_both_machines() -> None:
    for name in ("al2", "al2023"):
        machines = [archive.machine for archive in load_images()[name].archives]
        assert sorted(machines) == sorted(cpu.machine for cpu in CPUS)


def test_every_image_has_a_dockerfile_and_every_dockerfile_an_image() -> None:
    images = load_images()
    assert DEFAULT_IMAGE in images
    found = {path.name.removesuffix(".Dockerfile") for path in (ROOT / "docker").glob("*.Dockerfile")}
    assert found == set(images)
    for image in images.values():
        assert image.dockerfile.parent == IMAGES_FILE.parent
        assert "\nFROM ${ROOT}\n" in image.dockerfile.read_text(encoding="utf-8")
