"""builder.artifacts.deterministic_zip: the same bytes for the same entries, and a zip that everybody reads."""

import hashlib
import shutil
import stat
import struct
import subprocess
import tempfile
import zipfile
from pathlib import Path
from random import Random

import deflate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.artifacts.deterministic_zip import EXECUTABLE, FILE, LINK, Entry, Record, write_zip

ENTRIES = (
    Entry("bootstrap", b"#!/opt/bin/python3.13\n", EXECUTABLE),
    Entry("bin/python3.13", bytes(10_000), EXECUTABLE),
    Entry("bin/python3", b"python3.13", LINK),
    Entry("lib/python3.13/os.pyc", b"text " * 1000, FILE),
    Entry("lib/empty", b"", FILE),
    Entry("share/caf\N{LATIN SMALL LETTER E WITH ACUTE}", b"?", FILE),
)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_order_in_which_entries_come_does_not_matter(tmp_path: Path) -> None:
    forwards = write_zip(ENTRIES, tmp_path / "a.zip")
    backwards = write_zip(reversed(ENTRIES), tmp_path / "b.zip")
    assert forwards == backwards
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_the_record_of_the_zip_is_that_of_its_bytes(tmp_path: Path) -> None:
    written = write_zip(ENTRIES, tmp_path / "a.zip")
    content = (tmp_path / "a.zip").read_bytes()
    assert written.sha256 == hashlib.sha256(content).hexdigest()
    assert written.size == len(content)


def test_a_record_tells_what_was_written_for_each_entry(tmp_path: Path) -> None:
    written = write_zip(ENTRIES, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as bundle:
        assert written.records == tuple(
            Record(
                info.filename,
                stat.S_IMODE(info.external_attr >> 16),
                info.file_size,
                info.compress_size,
                hashlib.sha256(bundle.read(info)).hexdigest(),
            )
            for info in bundle.infolist()
        )


def test_entries_are_sorted_by_the_bytes_of_their_paths(tmp_path: Path) -> None:
    paths = ["b", "a/b", "a-b", "a", "B", "\N{LATIN SMALL LETTER E WITH ACUTE}"]
    written = write_zip([Entry(path, b"", FILE) for path in paths], tmp_path / "a.zip")
    assert [record.path for record in written.records] == sorted(paths, key=str.encode)


def test_every_entry_is_a_unix_file_of_1980_without_extras(tmp_path: Path) -> None:
    write_zip(ENTRIES, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as bundle:
        assert bundle.comment == b""
        for info in bundle.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert (info.extra, info.comment) == (b"", b"")
            assert (info.create_system, info.create_version, info.extract_version) == (3, 20, 20)
            assert (info.internal_attr, info.volume) == (0, 0)


def test_local_headers_hold_the_sizes_and_no_extras(tmp_path: Path) -> None:
    write_zip(ENTRIES, tmp_path / "a.zip")
    content = (tmp_path / "a.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as bundle:
        for info in bundle.infolist():
            flags, method, crc, packed, size, name, extra = struct.unpack_from(
                "<2H4x3L2H", content, info.header_offset + 6
            )
            assert (crc, packed, size) == (info.CRC, info.compress_size, info.file_size)
            assert (flags, method) == (info.flag_bits, info.compress_type)
            assert (name, extra) == (len(info.filename.encode()), 0)


def test_an_archive_of_one_stored_file_is_these_bytes(tmp_path: Path) -> None:
    write_zip([Entry("a", b"hi", FILE)], tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == bytes.fromhex(
        "504b0304 1400 0000 0000 0000 2100 ac2a93d8 02000000 02000000 0100 0000 61 6869"
        "504b0102 1403 1400 0000 0000 0000 2100 ac2a93d8 02000000 02000000 0100 0000 0000 0000 0000"
        "0000a481 00000000 61"
        "504b0506 0000 0000 0100 0100 2f000000 21000000 0000"
    )


def test_nothing_at_all_makes_an_empty_zip(tmp_path: Path) -> None:
    assert write_zip([], tmp_path / "a.zip").size == 22
    with zipfile.ZipFile(tmp_path / "a.zip") as bundle:
        assert bundle.infolist() == []


def test_modes_and_kinds_are_kept(tmp_path: Path) -> None:
    write_zip(ENTRIES, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as bundle:
        modes = {info.filename: info.external_attr >> 16 for info in bundle.infolist()}
    assert modes["bootstrap"] == stat.S_IFREG | 0o755
    assert modes["lib/empty"] == stat.S_IFREG | 0o644
    assert modes["bin/python3"] == stat.S_IFLNK | 0o777


def test_content_is_deflated_only_where_that_makes_it_smaller(tmp_path: Path) -> None:
    noise = hashlib.shake_256(b"noise").digest(1000)
    write_zip([Entry("text", b"text" * 100, FILE), Entry("noise", noise, FILE), Entry("no", b"", FILE)], tmp_path / "z")
    with zipfile.ZipFile(tmp_path / "z") as bundle:
        methods = {info.filename: info.compress_type for info in bundle.infolist()}
        assert bundle.testzip() is None
    assert methods == {"text": zipfile.ZIP_DEFLATED, "noise": zipfile.ZIP_STORED, "no": zipfile.ZIP_STORED}


def test_links_are_stored_for_readers_that_do_not_inflate_them(tmp_path: Path) -> None:
    write_zip([Entry("link", b"a/" * 100 + b"a", LINK)], tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as bundle:
        assert bundle.getinfo("link").compress_type == zipfile.ZIP_STORED


def test_the_compressor_is_libdeflate_at_its_best(tmp_path: Path) -> None:
    text = Path(__file__).read_bytes()
    written = write_zip([Entry("text", text, FILE)], tmp_path / "a.zip")
    assert written.records[0].compressed == len(deflate.deflate_compress(text, 12))
    assert written.records[0].compressed < len(deflate.deflate_compress(text, 6))


def test_names_beyond_ascii_are_marked_as_utf8_and_others_are_not(tmp_path: Path) -> None:
    write_zip(ENTRIES, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as bundle:
        marked = {info.filename for info in bundle.infolist() if info.flag_bits & 0x800}
        assert marked == {"share/caf\N{LATIN SMALL LETTER E WITH ACUTE}"}
        assert {info.flag_bits & ~0x800 for info in bundle.infolist()} == {0}


@pytest.mark.skipif(shutil.which("unzip") is None, reason="this machine has no unzip")
def test_unzip_restores_files_modes_and_links(tmp_path: Path) -> None:
    write_zip(ENTRIES, tmp_path / "a.zip")
    subprocess.run(("unzip", "-q", "a.zip", "-d", "out"), cwd=tmp_path, check=True, umask=0o022)
    for entry in ENTRIES:
        path = tmp_path / "out" / entry.path
        if entry.mode == LINK:
            assert str(path.readlink()).encode() == entry.content
        else:
            assert path.read_bytes() == entry.content
            assert stat.S_IMODE(path.stat().st_mode) == entry.mode


@pytest.mark.parametrize("path", ["", "/a", "a//b", "a/", "./a", "a/./b", "../a", "a/../../b", "a/..", "a\\b", "\\a"])
def test_a_path_that_is_not_plain_and_relative_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="not a plain relative path"):
        write_zip([Entry(path, b"", FILE)], tmp_path / "a.zip")
    assert names_in(tmp_path) == []


def test_an_entry_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'a' comes twice"):
        write_zip([Entry("a", b"1", FILE), Entry("b", b"", FILE), Entry("a", b"2", FILE)], tmp_path / "a.zip")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("mode", [0, 0o600, 0o664, 0o775, 0o4755, stat.S_IFREG | 0o644])
def test_a_mode_that_is_none_of_the_three_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ValueError, match="has mode"):
        write_zip([Entry("a", b"", mode)], tmp_path / "a.zip")
    assert names_in(tmp_path) == []


def test_more_entries_than_the_format_holds_are_refused(tmp_path: Path) -> None:
    entries = [Entry(str(number), b"", FILE) for number in range(0x10000)]
    with pytest.raises(ValueError, match="65536 entries"):
        write_zip(entries, tmp_path / "a.zip")
    assert names_in(tmp_path) == []


def test_a_zip_replaces_what_was_there_and_leaves_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("an old one", encoding="utf-8")
    (tmp_path / "a.zip.part").write_text("what a killed build left, longer than the new one" * 100, encoding="utf-8")
    written = write_zip(ENTRIES, tmp_path / "a.zip")
    assert names_in(tmp_path) == ["a.zip"]
    assert hashlib.sha256((tmp_path / "a.zip").read_bytes()).hexdigest() == written.sha256


PARTS = st.text(st.characters(exclude_characters="/\\\0", codec="utf-8"), min_size=1, max_size=8).filter(
    lambda part: part not in (".", "..")
)
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
CONTENTS = st.one_of(st.binary(max_size=100), st.binary(min_size=1, max_size=4).map(lambda piece: piece * 500))
BODIES = st.tuples(CONTENTS, st.sampled_from([EXECUTABLE, FILE, LINK]))


@given(st.dictionaries(PATHS, BODIES, max_size=8), st.randoms())
def test_whatever_goes_in_comes_out_the_same(bodies: dict[str, tuple[bytes, int]], order: Random) -> None:
    entries = [Entry(path, *body) for path, body in bodies.items()]
    with tempfile.TemporaryDirectory() as folder:
        one, two = Path(folder, "one.zip"), Path(folder, "two.zip")
        written = write_zip(entries, one)
        order.shuffle(entries)
        assert write_zip(entries, two) == written
        assert one.read_bytes() == two.read_bytes()
        with zipfile.ZipFile(one) as bundle:
            assert bundle.testzip() is None
            found = {
                info.filename: (bundle.read(info), stat.S_IMODE(info.external_attr >> 16)) for info in bundle.infolist()
            }
    assert found == bodies
