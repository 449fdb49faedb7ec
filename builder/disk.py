"""What a disk can refuse, in words that say what to do."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from builder.errors import BuildError, NoSpace, NotWritable


@contextmanager
def translate_os_errors(folder: Path) -> Iterator[None]:
    """Turns the system's "disk full" and "read-only" into errors that say what to do."""
    try:
        yield
    except BuildError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_space(folder) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR):
            raise NotWritable(
                f"{error.filename or folder} cannot be written.",
                f"{os.strerror(error.errno)}.",
                "Set STATIC_PYTHON_CACHE, or --output for the results, to a folder that you may write to.",
            ) from error
        raise


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it; `PermissionError` where the file system has none but its own, as /proc."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(folder)) from error


def no_space(folder: Path) -> NoSpace:
    """The error for a full disk."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return NoSpace(
        f"There is no space left for {folder}.",
        f"{shutil.disk_usage(existing).free / 1e6:.0f} MB are free.",
        "Free some, or set STATIC_PYTHON_CACHE to a folder on a larger disk; a finished build leaves about 0.9 GB.",
    )


def disk_usage(*paths: Path) -> int:
    """Bytes that files and folders take on the disk, each once; what vanishes meanwhile takes none."""
    blocks: dict[tuple[int, int], int] = {}
    for path in map(os.fspath, paths):
        below = (f"{folder}/{name}" for folder, _, files in os.walk(path) for name in (".", *files))
        for entry in (path, *below):
            with suppress(OSError):
                found = os.lstat(entry)
                blocks[found.st_dev, found.st_ino] = found.st_blocks
    return 512 * sum(blocks.values())
