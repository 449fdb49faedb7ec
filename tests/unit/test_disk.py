"""builder.disk: what a disk refuses, in words that say what to do."""

import errno
import os
from pathlib import Path

import pytest

from builder.disk import make_folder, no_space, translate_os_errors
from builder.errors import NoSpace, NotWritable, StepFailed

from .fakes import PrivateMount

SYSFS = Path("/sys")
"""A file system in which nobody can make a folder, root included."""


def test_a_full_disk_is_no_space(tmp_path: Path, private_mount: PrivateMount) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from builder.disk import translate_os_errors; from builder.errors import *\n"
        "folder = Path(sys.argv[1])\n"
        "try:\n"
        "    with translate_os_errors(folder), open(folder / 'x', 'wb') as file: file.write(bytes(1_000_000))\n"
        "except NoSpace as error: print(error)"
    )
    said = private_mount.run(tmp_path, "64k", code)
    assert f"There is no space left for {tmp_path}." in said
    assert "0 MB are free." in said
    assert "STATIC_PYTHON_CACHE" in said


def test_a_read_only_disk_is_not_writable(tmp_path: Path, private_mount: PrivateMount) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from builder.disk import translate_os_errors; from builder.errors import *\n"
        "folder = Path(sys.argv[1])\n"
        "try:\n"
        "    with translate_os_errors(folder): (folder / 'x').mkdir()\n"
        "except NotWritable as error: print(error)"
    )
    said = private_mount.run(tmp_path, "64k", code, then='mount -o remount,ro "$0"')
    assert f"{tmp_path}/x cannot be written." in said
    assert "Read-only file system" in said


def test_a_folder_that_nobody_may_write_to_is_not_writable() -> None:
    with pytest.raises(NotWritable, match="STATIC_PYTHON_CACHE"), translate_os_errors(SYSFS):
        (SYSFS / "static-python-layer").mkdir()


def test_a_folder_in_a_file_system_that_takes_none_is_not_writable() -> None:
    with pytest.raises(NotWritable, match="/proc/1/some/folder"), translate_os_errors(Path("/proc/1")):
        make_folder(Path("/proc/1/some/folder"))


def test_a_file_where_a_folder_should_be_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotWritable, match="Not a directory"), translate_os_errors(tmp_path / "file"):
        (tmp_path / "file" / "folder").mkdir()


def test_a_quota_is_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(NoSpace), translate_os_errors(tmp_path):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))


def test_other_troubles_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), translate_os_errors(tmp_path):
        (tmp_path / "missing").read_bytes()
    failure = StepFailed("what", "why", "do")
    with pytest.raises(StepFailed) as caught, translate_os_errors(tmp_path):
        raise failure
    assert caught.value is failure


def test_a_folder_that_is_not_there_yet_has_the_space_of_the_disk_it_would_be_on(tmp_path: Path) -> None:
    assert "MB are free" in no_space(tmp_path / "not" / "yet").why
