"""Puts the layer on its own file system and drops its pages before every start, as on the first start on a machine."""

import contextlib
import functools
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.bench.files import Unavailable
from tools.bench.measure import coldstart
from tools.bench.subjects import Workspace

DROP = Path("/proc/sys/vm/drop_caches")
PAGES_AND_INODES = "3"
READ_AHEAD = "128"
"""KiB; VM_READAHEAD_PAGES of include/linux/mm.h."""


def cold_coldstart(workspace: Workspace, repetitions: int) -> dict[str, Any]:
    """Cold start with no part of the layer in memory."""
    if os.geteuid() != 0 or not os.access(DROP, os.W_OK):
        raise Unavailable("a cold page cache needs root, to mount an image and to drop caches")
    with _on_image(workspace.root) as mounted:
        device = mounted.stat().st_dev
        disk = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
        with _read_ahead(disk / "queue" / "read_ahead_kb"):
            read = functools.partial(_bytes_read, disk)
            return coldstart(Workspace(mounted), repetitions, _drop_caches, ", cold page cache", read)


@contextlib.contextmanager
def _read_ahead(setting: Path) -> Iterator[None]:
    """Sets Linux's default read-ahead. A loop device inherits the setting of the underlying disk, which for a virtual
    disk may be megabytes: each fault would read the whole layer."""
    before = setting.read_text(encoding="ascii")
    setting.write_text(READ_AHEAD, encoding="ascii")
    try:
        yield
    finally:
        setting.write_text(before, encoding="ascii")


def _bytes_read(disk: Path) -> int:
    """Bytes read from a block device so far: its third statistic is in sectors of 512 bytes (iostats.rst)."""
    return int((disk / "stat").read_text(encoding="ascii").split()[2]) * 512


def _drop_caches() -> None:
    os.sync()
    DROP.write_text(PAGES_AND_INODES, encoding="ascii")


@contextlib.contextmanager
def _on_image(folder: Path) -> Iterator[Path]:
    """``folder`` as an ext4 image on a loop device, mounted read-only."""
    with tempfile.TemporaryDirectory(prefix="cold-") as name:
        image, mounted = Path(name, "image"), Path(name, "mounted")
        mounted.mkdir()
        size = sum(path.lstat().st_size for path in folder.rglob("*")) * 2 + (64 << 20)
        with image.open("wb") as file:
            file.truncate(size)
        _run("mkfs.ext4", "-q", "-F", "-d", str(folder), str(image))
        _run("mount", "-o", "loop,ro", str(image), str(mounted))
        try:
            yield mounted
        finally:
            os.chdir("/")
            _run("umount", str(mounted))


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        raise Unavailable(f"{command[0]} is not installed: apt-get install e2fsprogs mount") from None
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()}\nContainers may not be allowed loop devices.")
