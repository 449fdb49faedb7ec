"""builder.update: what is newer gets into pins.toml with all that hangs on it, and nothing else of the file changes."""

import difflib
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builder.errors import BuildError, FetchFailed, WrongHash
from builder.fetch import SOURCES_VARIABLE
from builder.pins import PINS_FILE, Archive, load_pins
from builder.update import update_pins

from .fake_apt import MISSING, Mirror, a_tar, open_mirror
from .fake_pypi import Index, open_index
from .fakes import RecordingReport

TAG = "py2.py3-none-any"
PINNED = load_pins()["tzdata"]
TIME = datetime(2026, 10, 6, 11, 59, 43, tzinfo=UTC)
NEWER = a_tar(int(TIME.timestamp()), b"newer")


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
    with pytest.raises(FetchFailed):
        update(pins, "ziglang")
    index.add("ziglang", {"a": b"22"}, version="99.0", tag=tags[1])
    update(pins, "ziglang")
    found = load_pins(pins)["ziglang"]
    assert [archive.file for archive in found.archives] == [f"{name}.whl" for name in newer]
    assert [archive.machine for archive in found.archives] == ["x86_64", "aarch64"]
    assert len({archive.sha256 for archive in found.archives}) == 2


def test_the_pinned_version_with_other_bytes_is_an_alarm(index: Index, pins: Path) -> None:
    index.add("tzdata", {"tzdata/zones": b"other"}, version=PINNED.version, tag=TAG)
    with pytest.raises(WrongHash, match="is different files"):
        update(pins, "tzdata")


def test_an_index_without_it_and_a_pin_that_nobody_knows_are_told(index: Index, pins: Path) -> None:
    with pytest.raises(FetchFailed, match="pip cannot ask for tzdata"):
        update(pins, "tzdata")
    with pytest.raises(BuildError, match="no pin nothing"):
        update(pins, "nothing")


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pins: Path) -> Iterator[Mirror]:
    """A Debian without packages; upstream's servers cannot be reached, and no folder has archives."""
    if MISSING:
        pytest.skip(f"there is no {' and no '.join(MISSING)}")
    monkeypatch.delenv(SOURCES_VARIABLE, raising=False)
    text = re.sub('url = "https://[^/]+', f'url = "{NOWHERE}', pins.read_text(encoding="utf-8"))
    pins.write_text(text, encoding="utf-8")
    with open_mirror(tmp_path, monkeypatch) as mirror:
        yield mirror


NOWHERE = "https://localhost:9"


@pytest.fixture
def folder(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One of the user's, with archives."""
    path = tmp_path / "sources"
    path.mkdir()
    monkeypatch.setenv(SOURCES_VARIABLE, str(path))
    return path


def changes(before: str, pins: Path) -> list[str]:
    after = pins.read_text(encoding="utf-8")
    return [line[2:] for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line.startswith("+ ")]


def test_a_newer_archive_is_pinned_by_debians_word_and_its_bytes(mirror: Mirror, pins: Path) -> None:
    sha256 = mirror.add("util-linux", "2.43.1-2", "util-linux_2.43.1.orig.tar.xz", NEWER)
    mirror.add("util-linux", "2.44~rc1-1", "util-linux_2.44~rc1.orig.tar.xz", b"a candidate")
    before = pins.read_text(encoding="utf-8")
    (dry,) = update(pins, "util-linux", dry_run=True)
    assert pins.read_text(encoding="utf-8") == before
    (told,) = update(pins, "util-linux")
    first, agreed, missing, *_ = told.splitlines()
    assert dry.splitlines()[:2] == [first, agreed]
    assert first == "util-linux: 2.42.4 → 2.43.1"
    assert agreed.endswith("util-linux-2.43.1.tar.xz: one sha256 in Debian, by Debian's index, by its .dsc")
    assert "not compared" in missing
    assert NOWHERE in missing
    assert changes(before, pins) == [
        'version = "2.43.1"',
        "date = 2026-10-06T11:59:00Z",
        'file = "util-linux-2.43.1.tar.xz"',
        f'sha256 = "{sha256}"',
        f"size = {len(NEWER)}",
        f'url = "{NOWHERE}/pub/linux/utils/util-linux/v2.43/util-linux-2.43.1.tar.xz"',
        'debian = "util-linux=2.43.1-2"',
    ]


def test_a_pin_stays_in_its_series(mirror: Mirror, pins: Path) -> None:
    mirror.add("openssl", "3.5.70-1~deb13u1", "openssl_3.5.70.orig.tar.gz", NEWER)
    mirror.add("openssl", "3.6.5-1", "openssl_3.6.5.orig.tar.gz", b"another")
    (told,) = update(pins, "openssl")
    assert "there is 3.6.5, which is not of series 3.5" in told
    # "3.5.7" is the beginning of what it is replaced by.
    assert load_pins(pins)["openssl"].archives[0].file == "openssl-3.5.70.tar.gz"


def test_a_newer_python_has_the_date_of_its_newest_file(mirror: Mirror, pins: Path) -> None:
    mirror.add("python3.13", "3.13.16-1", "python3.13_3.13.16.orig.tar.xz", NEWER)
    update(pins, "cpython-3.13")
    found = load_pins(pins)["cpython-3.13"]
    assert (found.version, found.date) == ("3.13.16", TIME.replace(second=0))
    assert f"date = {found.date:%Y-%m-%dT%H:%M:%SZ} # and so what sys.version says" in pins.read_text(encoding="utf-8")


def test_a_source_is_raised_in_all_its_forms_or_not_at_all(mirror: Mirror, folder: Path, pins: Path) -> None:
    upstream, repack = "zlib-1.3.9.tar.gz", "zlib_1.3.dfsg+really1.3.9.orig.tar.gz"
    sha256 = mirror.add("zlib", "1:1.3.dfsg+really1.3.9-1", repack, a_tar(0, b"repacked"))
    before = pins.read_text(encoding="utf-8")
    (told,) = update(pins, "zlib")
    assert told.startswith(f"zlib: 1.3.2\n    {upstream}: {NOWHERE}")
    assert pins.read_text(encoding="utf-8") == before
    (folder / upstream).write_bytes(a_tar(0, b"as upstream has it"))
    (told,) = update(pins, "zlib")
    assert "zlib: 1.3.2 → 1.3.9" in told
    assert f"{upstream}: one sha256 in {folder}" in told
    assert "`consumed` is still the old one" in told
    found = load_pins(pins)["zlib"].archives
    assert [archive.file for archive in found] == [upstream, repack]
    assert (found[1].sha256, found[1].debian) == (sha256, "zlib=1:1.3.dfsg+really1.3.9-1")


def test_what_only_a_folder_has_is_raised_without_debian(folder: Path, pins: Path) -> None:
    (folder / "xz-6.0.tar.xz").write_bytes(NEWER)
    update(pins, "xz")
    (found,) = load_pins(pins)["xz"].archives
    assert (found.file, found.size, found.debian) == ("xz-6.0.tar.xz", len(NEWER), "")


def test_other_bytes_on_another_way_are_an_alarm(mirror: Mirror, folder: Path, pins: Path) -> None:
    mirror.add("xz-utils", "6.0-1", "xz-utils_6.0.orig.tar.xz", b"xz")
    (folder / "xz-6.0.tar.xz").write_bytes(b"not xz")
    before = pins.read_text(encoding="utf-8")
    with pytest.raises(WrongHash, match=r"xz-6\.0\.tar\.xz is different files") as caught:
        update(pins, "xz")
    assert str(folder) in caught.value.why
    assert pins.read_text(encoding="utf-8") == before


def test_a_maintainer_who_says_otherwise_is_an_alarm(mirror: Mirror, pins: Path) -> None:
    mirror.add("xz-utils", "6.0-1", "xz-utils_6.0.orig.tar.xz", b"xz", said=b"another xz")
    with pytest.raises(WrongHash, match=r"by its \.dsc"):
        update(pins, "xz")


def test_what_is_no_archive_is_not_pinned(folder: Path, pins: Path) -> None:
    before = pins.read_text(encoding="utf-8")
    (folder / "xz-6.0.tar.xz").write_bytes(b"a page that says that the file has moved")
    (told,) = update(pins, "xz")
    assert "What came is no archive" in told
    assert pins.read_text(encoding="utf-8") == before


def test_a_name_that_does_not_tell_the_version_is_for_a_person(mirror: Mirror, pins: Path) -> None:
    mirror.add("sqlite3", "3.60.0-1", "sqlite3_3.60.0.orig.tar.xz", b"sqlite")
    (told,) = update(pins, "sqlite")
    assert "3.60.0: sqlite-src-3530400.zip does not tell how upstream would call it." in told


BZIP2 = load_pins()["bzip2"].archives[0]


def test_the_pinned_archive_is_looked_up_and_its_revision_followed(mirror: Mirror, pins: Path) -> None:
    mirror.add("xz-utils", "6.0-1", "xz-utils_6.0.orig.tar.xz", b"xz")
    (told,) = update(pins, "bzip2")
    assert told == f"bzip2: 1.0.8\n    Debian has no {BZIP2.debian} any more"
    sha256 = mirror.add("bzip2", "1.0.8-7", "bzip2_1.0.8.orig.tar.gz", b"bzip2")
    with pytest.raises(WrongHash, match="by Debian's index"):
        update(pins, "bzip2")
    text = pins.read_text(encoding="utf-8").replace(BZIP2.sha256, sha256)
    pins.write_text(text, encoding="utf-8")
    assert update(pins, "bzip2") == ["bzip2: 1.0.8\n    bzip2=1.0.8-7 has the pinned sha256"]
    assert changes(text, pins) == ['debian = "bzip2=1.0.8-7"']


def test_without_apt_that_is_told_and_nothing_raised(
    pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (told,) = update(pins, "bzip2")
    assert told.startswith("bzip2: 1.0.8\n")
    assert "this machine has no apt" in told
