"""builder.executors.tar_archive: archives for containers, and from them."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from builder.executors.tar_archive import TarArchive, extract_tar


def members(archive: TarArchive) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=archive.finish()) as tar:
        return {member.name: member for member in tar}


def test_all_that_is_in_it_belongs_to_one_user(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    with TarArchive((993, 990)) as tar:
        tar.add(tmp_path / "folder", "work/folder")
        tar.folder("work/empty")
        tar.link("work/link", "/usr/bin/make")
        tar.text("work/text", "text")
        found = members(tar)
    assert sorted(found) == ["work/empty", "work/folder", "work/folder/file", "work/link", "work/text"]
    assert {(member.uid, member.gid, member.uname, member.gname) for member in found.values()} == {(993, 990, "", "")}


def test_modes_links_and_times_are_kept(tmp_path: Path) -> None:
    script = tmp_path / "configure"
    script.touch()
    script.chmod(0o755)
    os.utime(script, (1_000_000_000, 1_000_000_000))
    (tmp_path / "link").symlink_to("configure")
    with TarArchive((0, 0)) as tar:
        tar.add(tmp_path, "src")
        found = members(tar)
    assert (found["src/configure"].mode, found["src/configure"].mtime) == (0o755, 1_000_000_000)
    assert found["src/link"].linkname == "configure"


def test_what_is_written_has_one_of_two_modes_and_one_date() -> None:
    with TarArchive((0, 0)) as tar:
        tar.text("data", "é")
        tar.text("tool", "", executable=True)
        found = members(tar)
    assert (found["data"].mode, found["data"].size, found["data"].mtime) == (0o644, 2, 0)
    assert found["tool"].mode == 0o755


def pieces(*members: tarfile.TarInfo) -> list[bytes]:
    """An archive as a container gives it, in small pieces."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    content = file.getvalue()
    return [content[start : start + 1000] for start in range(0, len(content), 1000)]


def member(name: str, **fields: int | str | bytes) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def test_what_comes_out_belongs_to_us_and_keeps_its_mode(tmp_path: Path) -> None:
    folder = member("out", type=tarfile.DIRTYPE, mode=0o755, uid=993, gid=990, uname="sbx", gname="sbx")
    tool = member("out/tool", mode=0o755, size=3000, mtime=1_000_000_000, uid=993, gid=990)
    before = os.umask(0o077)
    try:
        extract_tar(pieces(folder, tool), tmp_path)
    finally:
        os.umask(before)
    found = (tmp_path / "out" / "tool").stat()
    assert (found.st_uid, found.st_gid) == (os.geteuid(), os.getegid())
    assert (found.st_mode & 0o777, found.st_size, found.st_mtime) == (0o755, 3000, 1_000_000_000)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o755


def test_nothing_comes_out_that_would_leave_its_folder(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    for name in ("../outside", "/outside"):
        try:
            extract_tar(pieces(member(name)), inner)
        except tarfile.FilterError:
            continue
    with pytest.raises(tarfile.FilterError):
        extract_tar(pieces(member("link", type=tarfile.SYMTYPE, linkname=".."), member("link/outside")), inner)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inner"]


def test_nothing_comes_out_with_a_set_user_id(tmp_path: Path) -> None:
    extract_tar(pieces(member("tool", mode=0o4755)), tmp_path)
    assert (tmp_path / "tool").stat().st_mode & 0o7777 == 0o755
