"""What goes into a container and comes out of one: tar archives, with owners and modes that are set and not found."""

import os
import re
import tarfile
import tempfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import IO, Self

_NOTHING = re.compile("(?!)")


class TarArchive:
    """Files, folders and links on their way to places below a container's root; all belong to one user there."""

    def __init__(self, owner: tuple[int, int], folder: Path | None = None) -> None:
        """``owner`` is a user's and a group's number; ``folder`` is where a file may be that nobody sees."""
        self._owner = owner
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._tar = tarfile.open(fileobj=self.file, mode="w", format=tarfile.GNU_FORMAT)  # noqa: SIM115 - by finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def add(self, source: Path, place: str, without: re.Pattern[str] = _NOTHING) -> None:
        """A file or a folder of this machine, with its modes and times: make compares times.

        Where ``without`` is found in a path below the root, it is left out, with all that is in it.
        """
        self._tar.add(source, place, filter=lambda member: None if without.search(member.name) else self._owned(member))

    def folder(self, place: str, mode: int = 0o755) -> None:
        self._add(tarfile.DIRTYPE, place, mode)

    def link(self, place: str, goal: str) -> None:
        self._add(tarfile.SYMTYPE, place, 0o777, goal=goal)

    def text(self, place: str, text: str, *, executable: bool = False) -> None:
        self._add(tarfile.REGTYPE, place, 0o755 if executable else 0o644, content=text.encode())

    def finish(self) -> IO[bytes]:
        """The finished archive, from its beginning."""
        self._tar.close()
        self.file.seek(0)
        return self.file

    def _add(self, kind: bytes, place: str, mode: int, content: bytes = b"", goal: str = "") -> None:
        member = tarfile.TarInfo(place)
        member.type, member.mode, member.size, member.linkname = kind, mode, len(content), goal
        self._tar.addfile(self._owned(member), BytesIO(content))

    def _owned(self, member: tarfile.TarInfo) -> tarfile.TarInfo:
        uid, gid = self._owner
        return member.replace(uid=uid, gid=gid, uname="", gname="", deep=False)


def extract_tar(pieces: Iterable[bytes], folder: Path) -> None:
    """Unpacks an archive that a container gave into a folder; all of it belongs to us, and stays in there."""
    with tempfile.TemporaryFile(dir=folder) as file:
        for piece in pieces:
            file.write(piece)
        file.seek(0)
        with tarfile.open(fileobj=file) as tar:
            tar.extractall(folder, filter=_ours)  # noqa: S202 - the filter keeps it in there


def _ours(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo:
    return tarfile.tar_filter(member, folder).replace(
        uid=os.geteuid(), gid=os.getegid(), uname="", gname="", deep=False
    )
