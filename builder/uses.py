"""Which results builds need: a file with the keys for each build, locked for as long as it goes on.

The kernel lets go of a lock when its process dies, however that happens, so no dead build keeps a result. All of this
is done under the store's own lock.
"""

import fcntl
import os
import tempfile
import weakref
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


class Use:
    """What one build needs; ends with this object, or with the process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file, name = tempfile.mkstemp(suffix=".use", dir=folder)  # what we start does not inherit it
        fcntl.flock(self._file, fcntl.LOCK_SH)
        weakref.finalize(self, _end, self._file, Path(name))

    def add(self, keys: Iterable[str]) -> None:
        os.write(self._file, "".join(f"{key}\n" for key in keys).encode())


def _end(file: int, path: Path) -> None:
    os.close(file)
    path.unlink(missing_ok=True)


def keys_in_use(folder: Path) -> set[str]:
    """The keys that living builds need; what dead ones left is removed."""
    found: set[str] = set()
    for path in folder.glob("*.use"):
        with suppress(FileNotFoundError), path.open(encoding="ascii") as file:  # its build may have just ended
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                found.update(file.read().split())
            else:
                path.unlink()
    return found
