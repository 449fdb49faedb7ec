"""Files → tar, in one pass, the same bytes for the same files.

What makes other archives differ is fixed here: the order is that of the paths' bytes, every folder stands before what
is in it, the date is one for all, everything belongs to root by number alone, and modes are one of two.

Format: POSIX.1-2024, pax, "ustar Interchange Format"; an extended header only for what does not fit there.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Literal

from builder.artifacts.deterministic_zip import EXECUTABLE, FILE, LINK, Entry

EPOCH = 315_532_800
"""1980-01-01 00:00:00 UTC, in seconds: the date of everything in an image, and that of a zip's entries."""

WHITEOUT = ".wh."
"""Begins the name of what removes a file of a lower layer: no file may be called so."""

BLOCK = 512
_RECORD = 20 * BLOCK
_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s6s2s32s32s8s8s155s12x")
_NAME, _PREFIX, _TARGET = 100, 155, 100
_LARGEST = 8**11 - 1
"""Bytes of a file whose size fits eleven octal digits."""

Kind = Literal[b"0", b"2", b"5", b"x"]
"""Of a member: file, link, folder, extended header."""


def tar_pieces(entries: Iterable[Entry], folders: Iterable[str] = ()) -> Iterator[bytes]:
    """A whole archive, piece by piece; ``folders`` are to be there even if nothing is in them.

    Raises:
        ValueError: a path comes twice, leads out, is that of a folder, or would be a whiteout; a mode is of no kind; a
            file is too large.
    """
    files = sorted(entries, key=lambda entry: entry.path.encode())
    above = {folder for path in (*(entry.path for entry in files), *folders) for folder in _above(path)} | {*folders}
    _check(files, above)
    members: list[tuple[str, Entry | None]] = [(entry.path, entry) for entry in files]
    members += [(path, None) for path in above]
    size = 0
    for path, entry in sorted(members, key=lambda member: member[0].encode()):
        for piece in _member(path, entry):
            size += len(piece)
            yield piece
    yield end_of_archive(size)


def file_pieces(path: str, content: bytes, mode: int = FILE) -> Iterator[bytes]:
    """One file as a member of an archive."""
    yield from _header(path, b"0", mode, len(content))
    yield content
    yield bytes(-len(content) % BLOCK)


def end_of_archive(size: int) -> bytes:
    """What stands behind the last member; ``size`` is that of all before, in bytes."""
    return bytes(2 * BLOCK + -(size + 2 * BLOCK) % _RECORD)


def _member(path: str, entry: Entry | None) -> Iterator[bytes]:
    if entry is None:
        yield from _header(f"{path}/", b"5", EXECUTABLE, 0)
    elif entry.mode == LINK:
        yield from _header(path, b"2", LINK, 0, entry.content)
    else:
        yield from file_pieces(path, entry.content, entry.mode)


def _header(path: str, kind: Kind, mode: int, size: int, target: bytes = b"") -> Iterator[bytes]:
    """A header, and before it an extended one if path or target do not fit."""
    name, prefix = _split(path.encode())
    extended = b"".join(
        _keyword(key, value)
        for key, value, fits in (
            (b"path", path.encode(), name is not None and path.isascii()),
            (b"linkpath", target, len(target) <= _TARGET and target.isascii()),
        )
        if not fits
    )
    if extended:
        yield _ustar(b"pax", b"", b"x", FILE, len(extended), b"")
        yield extended + bytes(-len(extended) % BLOCK)
    yield _ustar(path.encode()[:_NAME] if name is None else name, prefix, kind, mode, size, target[:_TARGET])


def _ustar(name: bytes, prefix: bytes, kind: Kind, mode: int, size: int, target: bytes) -> bytes:
    fields = (
        *(name, _octal(mode, 8), _octal(0, 8), _octal(0, 8), _octal(size, 12), _octal(EPOCH, 12)),
        *(b" " * 8, kind, target, b"ustar\0", b"00", b"", b"", _octal(0, 8), _octal(0, 8), prefix),
    )
    header = _HEADER.pack(*fields)
    return _HEADER.pack(*fields[:6], f"{sum(header):06o}\0 ".encode(), *fields[7:])


def _octal(value: int, width: int) -> bytes:
    return f"{value:0{width - 1}o}\0".encode()


def _keyword(key: bytes, value: bytes) -> bytes:
    """A line of an extended header, which begins with its own length."""
    rest = b" %s=%s\n" % (key, value)
    length = len(rest)
    while length != len(b"%d" % length) + len(rest):
        length = len(b"%d" % length) + len(rest)
    return b"%d%s" % (length, rest)


def _split(path: bytes) -> tuple[bytes | None, bytes]:
    """A path as name and prefix of a header; no name if no slash is where it would have to be."""
    if len(path) <= _NAME:
        return path, b""
    cut = path.find(b"/", len(path) - _NAME - 1)
    return (path[cut + 1 :], path[:cut]) if 0 < cut <= _PREFIX and cut + 1 < len(path) else (None, b"")


def _above(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _check(files: list[Entry], folders: set[str]) -> None:
    paths = [entry.path for entry in files]
    for previous, entry in zip([None, *paths], files, strict=False):
        if entry.path == previous or entry.path in folders:
            raise ValueError(f"{entry.path!r} comes twice")
        if entry.mode not in (EXECUTABLE, FILE, LINK):
            raise ValueError(f"{entry.path!r} has mode {entry.mode:o}")
        if len(entry.content) > _LARGEST:
            raise ValueError(f"{entry.path!r} has {len(entry.content)} bytes, and a tar takes {_LARGEST}")
    for path in (*paths, *folders):
        parts = path.split("/")
        if any(part in ("", ".", "..") for part in parts) or "\0" in path:
            raise ValueError(f"{path!r} is not a plain relative path")
        if any(part.startswith(WHITEOUT) for part in parts):
            raise ValueError(f"{path!r} would remove a file of the image")
