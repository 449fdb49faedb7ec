"""stdout and stderr of a process that shares them with others: lines arrive whole, whatever their length.

Up to 4,096 bytes the system writes into a pipe in one piece. So every write has the lock that Linux keeps for the file
behind the descriptor, and what is no whole line yet waits for its end: until the stream is flushed.
"""

import posix
import sys
from _io import FileIO, TextIOWrapper
from _stat import S_ISCHR
from _thread import RLock
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, lockf

from layer_runtime.log import STDERR, STDOUT, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Buffer


def share_output() -> None:
    """Makes it so, for this process and those that it forks."""
    log.put = write_whole
    for name, descriptor in (("stdout", STDOUT), ("stderr", STDERR)):
        stream = getattr(sys, name)
        if stream is not None:  # It is, when the descriptor was closed.
            wrapper = TextIOWrapper(_Lines(descriptor), stream.encoding, stream.errors, "\n", write_through=True)
            vars(sys).update({name: wrapper, f"__{name}__": wrapper})


def write_whole(descriptor: int, data: "Buffer") -> int:
    """Writes all of it before any other process writes; how much that was."""
    try:
        _lock(descriptor)
    except OSError:
        pass  # The descriptor is closed, and the write will say so; or it is of a kind that has no lock.
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[posix.write(descriptor, rest) :]
    finally:
        try:
            lockf(descriptor, LOCK_UN)
        except OSError:
            pass
    return memoryview(data).nbytes


def _lock(descriptor: int) -> None:
    """Waits for other workers, but not for a device's lock, which anybody may keep: Docker's daemon has /dev/null's."""
    try:
        lockf(descriptor, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        if not S_ISCHR(posix.fstat(descriptor).st_mode):
            lockf(descriptor, LOCK_EX)


class _Lines(FileIO):
    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._lock = RLock()
        self._rest = b""

    def write(self, data: "Buffer", /) -> int:
        piece = bytes(data)
        with self._lock:
            lines, end, rest = (self._rest + piece).rpartition(b"\n")
            self._rest = rest
            if end:
                write_whole(self.fileno(), lines + end)
        return len(piece)

    def flush(self) -> None:
        with self._lock:
            rest, self._rest = self._rest, b""
            if rest:
                write_whole(self.fileno(), rest)
