"""builder.artifacts.verify: whatever is changed in a zip is found and named; a rebuild counts for more than a claim."""

import json
import os
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builder.artifacts import verify as module
from builder.artifacts.deterministic_zip import EXECUTABLE, FILE, LINK, Entry, write_zip
from builder.artifacts.verify import read_expected, rebuild, rebuild_layer, verify
from builder.errors import ManifestMismatch, NotReproducible, StepFailed
from builder.platform import Platform

from .fakes import RecordingReport
from .repository import X86_64
from .test_manifest import PACKAGE, text

ENTRIES = (
    Entry("bin/python", b"python3.13", LINK),
    Entry("bin/python3.13", b"\x7fELF" + bytes(3000), EXECUTABLE),
    Entry("bootstrap", b"#!/opt/bin/python3.13\n", EXECUTABLE),
    Entry("lib/x", b"x" * 5000, FILE),
)


def release(folder: Path, entries: tuple[Entry, ...] = ENTRIES, **options: Any) -> Path:
    """A zip and its manifest; the path of the zip."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cpython-3.13.15-x86_64.zip"
    written = write_zip(entries, path)
    manifest = text(written=written, origins={entry.path: ("runtime",) for entry in entries}, **options)
    path.with_suffix(".manifest.json").write_text(manifest, encoding="utf-8")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return release(tmp_path / "dist")


def complaints(path: Path, report: RecordingReport) -> list[str]:
    """What is said of a zip that is not what the manifest in ``dist/`` says."""
    with pytest.raises(ManifestMismatch) as caught:
        verify(path, None, path.parent, report)
    assert report.notes == []
    return [line.strip() for line in caught.value.why.splitlines()]


def test_a_zip_from_anywhere_under_any_name_is_known_by_its_bytes(path: Path, report: RecordingReport) -> None:
    moved = path.rename(path.parent.parent / "download (1).zip")
    expected = verify(moved, None, path.parent, report)
    assert (expected.product, expected.version, expected.architecture) == ("cpython-3.13", "3.13.15", "x86_64")
    assert len(expected.entries) == 4
    assert report.notes == [f"download (1).zip: 4 entries, sha256 {expected.sha256}: as {expected.manifest} says"]


def test_a_manifest_may_be_named(path: Path, tmp_path: Path, report: RecordingReport) -> None:
    manifest = path.with_suffix(".manifest.json").rename(tmp_path / "theirs.json")
    assert verify(path, manifest, tmp_path / "nowhere", report).manifest == manifest


def replaced(name: str, **changes: Any) -> tuple[Entry, ...]:
    return tuple(Entry(**{**vars(entry), **changes}) if entry.path == name else entry for entry in ENTRIES)


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        (replaced("lib/x", content=b"y" * 5000), "lib/x has other bytes"),
        (replaced("lib/x", content=b"x" * 5001), "lib/x has 5001 bytes, not 5000"),
        (replaced("lib/x", mode=EXECUTABLE), "lib/x has mode 100755, not 100644"),
        (replaced("bin/python", content=b"/bin/false"), "bin/python has other bytes"),
        (replaced("bin/python", mode=FILE), "bin/python has mode 100644, not 120777"),
        ((*ENTRIES, Entry("extensions/spy", b"#!/bin/sh\n", EXECUTABLE)), "extensions/spy does not belong there"),
        (ENTRIES[:-1], "lib/x is missing"),
    ],
)
def test_an_entry_that_differs_is_named(
    path: Path, report: RecordingReport, entries: tuple[Entry, ...], told: str
) -> None:
    write_zip(entries, path)
    assert complaints(path, report) == [told]


def test_all_that_differs_is_told_at_once_and_long_lists_are_cut(path: Path, report: RecordingReport) -> None:
    more = tuple(Entry(f"more/{number:02}", b"", FILE) for number in range(30))
    write_zip((*ENTRIES[1:], *more), path)
    told = complaints(path, report)
    assert told[0] == "more/00 does not belong there"
    assert told[20:] == ["and 11 more"]


def test_an_entry_that_comes_twice_is_found(path: Path, report: RecordingReport) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("bootstrap", "#!/bin/sh\n")
    told = complaints(path, report)
    assert "bootstrap comes twice" in told
    assert any(line.startswith("bootstrap has mode") for line in told)


def attributes(entry: Entry) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(entry.path)
    info.external_attr = ((stat.S_IFLNK if entry.mode == LINK else stat.S_IFREG) | entry.mode) << 16
    return info


def test_the_same_entries_in_another_order_or_otherwise_packed_are_another_zip(
    path: Path, report: RecordingReport
) -> None:
    for entries, told in ((ENTRIES[::-1], "another order"), (ENTRIES, "all entries are right, but the sha256 is")):
        with zipfile.ZipFile(path, "w") as archive:
            for entry in entries:
                archive.writestr(attributes(entry), entry.content)
        (line,) = complaints(path, report)
        assert told in line


@pytest.mark.parametrize("where", ["front", "end"])
def test_bytes_outside_of_all_entries_are_found(path: Path, report: RecordingReport, where: str) -> None:
    content = path.read_bytes()
    path.write_bytes(b"#!/bin/sh\n" + content if where == "front" else content + b"more")
    (line,) = complaints(path, report)
    assert "the sha256 is" in line


def test_any_damaged_byte_is_found(path: Path, report: RecordingReport) -> None:
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert complaints(path, report)


def test_an_entry_that_claims_to_be_huge_is_not_unpacked(path: Path, report: RecordingReport) -> None:
    content = bytearray(path.read_bytes())
    central = content.rindex(b"PK\1\2")
    content[central + 24 : central + 28] = struct.pack("<L", 0xFFFFFFF0)
    path.write_bytes(content)
    assert complaints(path, report) == ["lib/x has 4294967280 bytes, not 5000"]


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all"])
def test_what_is_no_zip_is_told(path: Path, report: RecordingReport, content: bytes) -> None:
    path.write_bytes(content)
    (line,) = complaints(path, report)
    assert line.startswith("it is damaged")


def test_a_zip_that_is_not_there_and_one_that_no_manifest_describes(path: Path, report: RecordingReport) -> None:
    path.with_suffix(".manifest.json").unlink()
    with pytest.raises(ManifestMismatch, match="No manifest describes"):
        verify(path, None, path.parent, report)
    path.unlink()
    with pytest.raises(ManifestMismatch, match="No such file"):
        verify(path, None, path.parent, report)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "JSONDecodeError: "),
        ("[]", "TypeError: "),
        ("{}", "It has no 'entries'."),
        ('{"entries": [{}]}', "It has no 'path'."),
        ('{"entries": 1}', "TypeError: "),
    ],
)
def test_what_is_no_manifest_is_told(path: Path, report: RecordingReport, content: str, why: str) -> None:
    path.with_suffix(".manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(ManifestMismatch, match="is no manifest") as caught:
        verify(path, None, path.parent, report)
    assert caught.value.why.startswith(why)


# Rebuilding, with a builder of a few lines that leaves what a test prepared.

STAND_IN = """
import json, os, shutil, sys
from pathlib import Path
here = Path(__file__).parent
packages = [Path(word[11:]).read_text() for word in sys.argv if word.startswith("--packages=")]
seen = {"arguments": sys.argv[1:], "packages": packages, "sources": os.environ["STATIC_PYTHON_SOURCES"],
        "cache": os.listdir(os.environ["STATIC_PYTHON_CACHE"])}
(here / "seen.json").write_text(json.dumps(seen))
output = next(word for word in sys.argv if word.startswith("--output=")).removeprefix("--output=")
if not (here / "gives").exists():
    sys.exit(16)
shutil.copytree(here / "gives", output)
"""

Rebuild = Callable[[Path], dict[str, Any]]


@pytest.fixture
def rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: RecordingReport) -> Rebuild:
    """Rebuilds a zip that was verified, and gives what the builder saw."""
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setenv("STATIC_PYTHON_SOURCES", "/mirror")
    (tmp_path / "builder").mkdir()
    (tmp_path / "builder" / "__main__.py").write_text(STAND_IN, encoding="utf-8")

    def run(path: Path) -> dict[str, Any]:
        rebuild(path, verify(path, None, path.parent, report), tmp_path / "downloads", report)
        return dict(json.loads((tmp_path / "builder" / "seen.json").read_text(encoding="utf-8")))

    return run


def test_a_rebuild_begins_with_nothing_but_the_archives_and_builds_what_is_claimed(
    path: Path, tmp_path: Path, rebuilt: Rebuild, report: RecordingReport
) -> None:
    release(tmp_path / "builder" / "gives")
    seen = rebuilt(path)
    assert seen["cache"] == []
    assert seen["sources"] == f"{tmp_path / 'downloads'}{os.pathsep}/mirror"
    assert seen["arguments"][:4] == ["build-layer", "--product=cpython-3.13", "--arch=x86_64", "--stdlib=lean"]
    assert report.notes[-1] == "cpython-3.13.15-x86_64.zip: the rebuild gives the same bytes"


def test_a_rebuild_installs_the_very_wheels(path: Path, tmp_path: Path, rebuilt: Rebuild) -> None:
    options: dict[str, Any] = {"packages": (PACKAGE,), "platform": Platform(X86_64, "2.34")}
    release(path.parent, **options)
    release(tmp_path / "builder" / "gives", **options)
    seen = rebuilt(path)
    assert seen["packages"] == [f"tzdata==2026.6 --hash=sha256:{'f' * 64}"]
    assert seen["arguments"][-1] == "--runtime=provided.al2023"


def test_a_zip_that_agrees_with_a_false_manifest_does_not_survive_the_rebuild(
    path: Path, tmp_path: Path, rebuilt: Rebuild
) -> None:
    release(tmp_path / "builder" / "gives", replaced("bootstrap", content=b"#!/opt/bin/python3.13 -E\n"))
    with pytest.raises(NotReproducible) as caught:
        rebuilt(path)
    assert caught.value.why == "bootstrap has 22 bytes, not 25"


def test_the_files_of_an_image_are_compared_with_a_rebuild(
    path: Path, tmp_path: Path, rebuilt: Rebuild, report: RecordingReport
) -> None:
    release(tmp_path / "builder" / "gives")
    rebuilt(path)  # only for what it prepares
    expected = read_expected(path.with_suffix(".manifest.json"))
    rebuild_layer(expected, tmp_path / "downloads", report)
    assert report.notes[-1] == f"{path.stem}: the rebuild gives the same files"
    shutil.rmtree(tmp_path / "builder" / "gives")
    release(tmp_path / "builder" / "gives", replaced("lib/x", content=b"other"))
    with pytest.raises(NotReproducible, match="give another") as caught:
        rebuild_layer(expected, tmp_path / "downloads", report)
    assert caught.value.why == "lib/x differs"


def test_a_rebuild_that_fails_proves_nothing(path: Path, rebuilt: Rebuild) -> None:
    with pytest.raises(StepFailed):
        rebuilt(path)
