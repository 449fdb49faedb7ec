"""builder.oci.tar: the same bytes for the same files, and what others unpack of them."""

import hashlib
import io
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from builder.artifacts.deterministic_zip import EXECUTABLE, FILE, LINK, Entry
from builder.oci.tar import EPOCH, tar_pieces

LONG = "/".join(["folder-with-a-name"] * 9)
ENTRIES = (
    Entry("opt/bin/python", b"python3.14", LINK),
    Entry("opt/bin/python3.14", b"\x7fELF" + bytes(700), EXECUTABLE),
    Entry("opt/empty", b"", FILE),
    Entry("opt/caf\N{LATIN SMALL LETTER E WITH ACUTE}", b"x" * 512, FILE),
    Entry(f"opt/{LONG}/file", b"deep", FILE),
    Entry(f"opt/{'n' * 150}", b"no slash to split it at", FILE),
    Entry("opt/link", f"{'t' * 120}".encode(), LINK),
    Entry("opt/bin-a", b"sorts between a folder and what is in it", FILE),
)


def archive(*entries: Entry, folders: tuple[str, ...] = ()) -> bytes:
    return b"".join(tar_pieces(entries, folders))


def test_the_bytes_are_known() -> None:
    """Whoever changes them gives every image another digest."""
    assert hashlib.sha256(archive(*ENTRIES, folders=("var/task",))).hexdigest() == (
        "47291aa64cb9f75019810258547619a4ab15b3e8c4ee392212e9c3e1ad207883"
    )


def test_the_order_of_the_entries_does_not_matter() -> None:
    assert archive(*ENTRIES) == archive(*ENTRIES[::-1])


def test_everything_is_read_again_by_python() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive(*ENTRIES))) as tar:
        members = {member.name: member for member in tar}
        for entry in ENTRIES:
            member = members[entry.path]
            if entry.mode == LINK:
                assert (member.issym(), member.linkname.encode()) == (True, entry.content)
            else:
                file = tar.extractfile(member)
                assert file is not None
                assert (member.mode, file.read()) == (entry.mode, entry.content)
        for member in members.values():
            assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", EPOCH)


def test_everything_is_unpacked_by_gnu_tar(tmp_path: Path) -> None:
    command = ("tar", "--extract", "--no-same-owner", "--directory", str(tmp_path))
    done = subprocess.run(command, input=archive(*ENTRIES, folders=("var/task",)), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    for entry in ENTRIES:
        path = tmp_path / entry.path
        if entry.mode == LINK:
            assert path.readlink().as_posix().encode() == entry.content
        else:
            assert (stat.S_IMODE(path.stat().st_mode), path.read_bytes()) == (entry.mode, entry.content)
    assert (tmp_path / "var" / "task").is_dir()


def test_each_folder_stands_once_before_what_is_in_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive(*ENTRIES, folders=("var/task", "opt")))) as tar:
        names = tar.getnames()
        folders = [member.name for member in tar if member.isdir()]
    assert len(set(names)) == len(names)
    assert {"opt", "opt/bin", f"opt/{LONG}", "var", "var/task"} <= set(folders)
    for name in names:
        above = name.rpartition("/")[0]
        assert not above or names.index(above) < names.index(name)


def test_its_size_is_that_of_whole_records() -> None:
    for length in (0, 1, 511, 512, 513, 8191, 8192, 8193, 10_240):
        assert len(archive(Entry("file", bytes(length), FILE))) % 10_240 == 0


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ((Entry("a", b"", FILE), Entry("a", b"", FILE)), "'a' comes twice"),
        ((Entry("a", b"", FILE), Entry("a/b", b"", FILE)), "'a' comes twice"),
        ((Entry("../a", b"", FILE),), "not a plain relative path"),
        ((Entry("/a", b"", FILE),), "not a plain relative path"),
        ((Entry("a//b", b"", FILE),), "not a plain relative path"),
        ((Entry("a\0b", b"", FILE),), "not a plain relative path"),
        ((Entry("a/.wh.b", b"", FILE),), "would remove a file"),
        ((Entry("a/.wh.b/c", b"", FILE),), "would remove a file"),
        ((Entry("a", b"", 0o600),), "has mode 600"),
    ],
)
def test_what_cannot_be_in_an_image_is_refused(entries: tuple[Entry, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        archive(*entries)
