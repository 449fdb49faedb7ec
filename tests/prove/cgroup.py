"""A memory cgroup for one command, of version 1 or 2: a limit beyond which the kernel kills."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.unit.fakes import wait_until

FILES = {"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"}
"""Mount point of a hierarchy that has the controller → the file for the limit."""


@contextmanager
def limited(mib: int) -> Iterator[tuple[str, ...]]:
    """The words before a command that run it in a cgroup of so many MiB; skips the test where none can be made."""
    for root, name in FILES.items():
        folder = Path(root, f"prove-{os.getpid()}")
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            if (folder / name).exists():
                (folder / name).write_text(str(mib << 20), encoding="ascii")
                yield ("sh", "-c", f'echo $$ > {folder}/cgroup.procs && exec "$@"', "sh")
                return
        finally:
            wait_until(partial(_is_removed, folder))
    pytest.skip("no memory cgroup can be made here")


def _is_removed(folder: Path) -> bool:
    """Removes a cgroup, unless what was killed in it has not left it yet."""
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True
