"""builder.update: a newer wheel gets into pins.toml with all that hangs on it, and nothing else of the file changes."""

import difflib
import hashlib
from pathlib import Path

import pytest

from builder.errors import BuildError, Unobtainable, WrongHash
from builder.fetch import debian
from builder.pins import PINS_FILE, Archive, load_pins
from builder.update import update_pins

from .packs import Index, open_index
from .stand_ins import RecordingReport

TAG = "py2.py3-none-any"
PINNED = load_pins()["tzdata"]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    return open_index(tmp_path / "index", monkeypatch)


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    path = tmp_path / "pins.toml"
    path.write_bytes(PINS_FILE.read_bytes())
    return path


def update(pins: Path, *names: str, dry_run: bool = False) -> list[str]:
    return update_pins([*names], dry_run, RecordingReport(), pins)


def test_a_newer_wheel_is_pinned_by_its_bytes_and_nothing_else_changes(index: Index, pins: Path) -> None:
    wheel = index.add("tzdata", {"tzdata/zones": b"new"}, version="2099.1", tag=TAG)
    index.add("tzdata", {"tzdata/zones": b"old"}, version="2001.1", tag=TAG)
    before = pins.read_text(encoding="utf-8")
    assert update(pins, "tzdata", dry_run=True) == [f"tzdata: {PINNED.version} → 2099.1"]
    assert pins.read_text(encoding="utf-8") == before
    assert update(pins, "tzdata") == [f"tzdata: {PINNED.version} → 2099.1"]
    found = load_pins(pins)["tzdata"]
    sha256, size = hashlib.sha256(wheel.read_bytes()).hexdigest(), wheel.stat().st_size
    assert found.archives == (Archive(wheel.name, sha256, size, pypi="tzdata==2099.1"),)
    assert all(path.startswith("tzdata-2099.1.dist-info/") for path in found.licence_files)
    after = pins.read_text(encoding="utf-8")
    changed = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line.startswith("+ ")]
    assert [line.split()[1] for line in changed] == ["version", "licence_files", "file", "sha256", "size", "pypi"]
    assert not pins.with_name("pins.toml.part").exists()


def test_wheels_for_several_machines_are_raised_together(index: Index, pins: Path) -> None:
    old = load_pins()["ziglang"]
    newer = [archive.file.replace(old.version, "99.0").removesuffix(".whl") for archive in old.archives]
    tags = [name.split("-", 2)[2] for name in newer]
    index.add("ziglang", {"a": b"1"}, version="99.0", tag=tags[0])
    with pytest.raises(Unobtainable):
        update(pins, "ziglang")
    index.add("ziglang", {"a": b"22"}, version="99.0", tag=tags[1])
    update(pins, "ziglang")
    found = load_pins(pins)["ziglang"]
    assert [archive.file for archive in found.archives] == [f"{name}.whl" for name in newer]
    assert [archive.machine for archive in found.archives] == ["x86_64", "aarch64"]
    assert len({archive.sha256 for archive in found.archives}) == 2


def test_the_pinned_version_with_other_bytes_is_an_alarm(index: Index, pins: Path) -> None:
    index.add("tzdata", {"tzdata/zones": b"other"}, version=PINNED.version, tag=TAG)
    with pytest.raises(WrongHash, match="is two different files"):
        update(pins, "tzdata")


def test_an_index_without_it_and_a_pin_that_nobody_knows_are_told(index: Index, pins: Path) -> None:
    with pytest.raises(Unobtainable, match="pip cannot ask for tzdata"):
        update(pins, "tzdata")
    with pytest.raises(BuildError, match="no pin nothing"):
        update(pins, "nothing")


BZIP2 = load_pins()["bzip2"].archives[0]
VERSION = BZIP2.debian.partition("=")[2]


@pytest.mark.parametrize(
    ("versions", "told"),
    [
        ({VERSION: {BZIP2.size: BZIP2.sha256, 7: "0" * 64}}, "Debian's sha256 is the same"),
        ({VERSION: {BZIP2.size: BZIP2.sha256}, "9-1": {}}, "Debian's sha256 is the same; also there: 9-1"),
        ({"9-1": {}}, f"Debian has no {VERSION} any more; also there: 9-1"),
    ],
)
def test_debian_is_asked_for_a_second_opinion(
    pins: Path, monkeypatch: pytest.MonkeyPatch, versions: dict[str, dict[int, str]], told: str
) -> None:
    monkeypatch.setattr(debian, "listed", lambda _: versions)
    assert update(pins, "bzip2") == [f"bzip2: 1.0.8 ({told})"]


def test_debians_other_sha256_is_an_alarm(pins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "listed", lambda _: {VERSION: {BZIP2.size: "0" * 64}})
    with pytest.raises(WrongHash):
        update(pins, "bzip2")
