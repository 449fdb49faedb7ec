"""Entries → zip, in one pass, the same bytes for the same entries.

What makes other zips differ is fixed here: the order is that of the paths' bytes, the date is the format's earliest,
modes are one of two and links are links, the system is Unix, there are no extra fields, comments or folder entries,
sizes stand in the local headers, and the compressor is libdeflate in one pinned version (deflate's output differs
between zlib, zlib-ng and their versions).

Format: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.4. Without ZIP64: Lambda takes 250 MB.
"""

import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import deflate

LEVEL = 12
"""libdeflate's slowest and smallest: a zip is written once and downloaded at every cold start."""

EXECUTABLE, FILE, LINK = 0o755, 0o644, 0o777

_DATE, _TIME = (1 << 5) | 1, 0  # 1980-01-01 00:00:00
_UNIX, _VERSION = 3 << 8, 20
_STORED, _DEFLATED = 0, 8
_UTF8 = 1 << 11
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_MOST_ENTRIES, _MOST_BYTES = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True)
class Entry:
    """One file or link to be."""

    path: str
    """Relative, with slashes."""
    content: bytes
    """A file's bytes; of a link, the path it points to."""
    mode: int
    """`EXECUTABLE`, `FILE` or `LINK`."""


def read_entry(path: Path, name: str) -> Entry:
    """What stands at a path, to be called ``name``: a link stays one, and a file is executable or not."""
    if path.is_symlink():
        return Entry(name, os.readlink(path).encode(), LINK)
    return Entry(name, path.read_bytes(), EXECUTABLE if path.stat().st_mode & 0o100 else FILE)


@dataclass(frozen=True)
class Record:
    """What was written for an entry."""

    path: str
    mode: int
    size: int
    """Bytes unpacked."""
    compressed: int
    """Bytes in the zip, without headers."""
    sha256: str
    """Of the unpacked content."""


@dataclass(frozen=True)
class Written:
    """A finished zip."""

    sha256: str
    size: int
    records: tuple[Record, ...]


def write_zip(entries: Iterable[Entry], path: Path) -> Written:
    """Writes the entries to ``path``, which appears when it is whole.

    Raises:
        ValueError: an entry comes twice, has a path that is absolute or leads out, a mode of none of the three kinds,
            or the zip would outgrow the format.
    """
    ordered = sorted(entries, key=lambda entry: entry.path.encode())
    _check(ordered)
    part = path.with_name(path.name + ".part")
    central, records, offset, whole = bytearray(), [], 0, hashlib.sha256()
    with part.open("wb") as file:
        for entry in ordered:
            name, crc, method, data = _encode(entry)
            sizes = (crc, len(data), len(entry.content))
            common = (_UTF8 if not entry.path.isascii() else 0, method, _TIME, _DATE, *sizes, len(name), 0)
            attributes = (_kind(entry.mode) | entry.mode) << 16
            central += _CENTRAL.pack(b"PK\1\2", _UNIX | _VERSION, _VERSION, *common, 0, 0, 0, attributes, offset) + name
            for piece in (_LOCAL.pack(b"PK\3\4", _VERSION, *common), name, data):
                offset += file.write(piece)
                whole.update(piece)
            digest = hashlib.sha256(entry.content).hexdigest()
            records.append(Record(entry.path, entry.mode, len(entry.content), len(data), digest))
        if offset > _MOST_BYTES:
            raise ValueError(f"{offset} bytes do not fit a zip without ZIP64")
        end = _END.pack(b"PK\5\6", 0, 0, len(records), len(records), len(central), offset, 0)
        for piece in (bytes(central), end):
            offset += file.write(piece)
            whole.update(piece)
    os.replace(part, path)
    return Written(whole.hexdigest(), offset, tuple(records))


def _encode(entry: Entry) -> tuple[bytes, int, int, bytes]:
    """Name, CRC-32, method and data of an entry; stored where deflating would not make it smaller."""
    squeezed = bytes(deflate.deflate_compress(entry.content, LEVEL)) if entry.mode != LINK else entry.content
    method, data = (_DEFLATED, squeezed) if len(squeezed) < len(entry.content) else (_STORED, entry.content)
    return entry.path.encode(), zlib.crc32(entry.content), method, data


def _kind(mode: int) -> int:
    return stat.S_IFLNK if mode == LINK else stat.S_IFREG


def _check(ordered: list[Entry]) -> None:
    paths = [entry.path for entry in ordered]
    if len(paths) > _MOST_ENTRIES:
        raise ValueError(f"{len(paths)} entries do not fit a zip without ZIP64")
    for previous, entry in zip([None, *paths], ordered, strict=False):
        if entry.path == previous:
            raise ValueError(f"{entry.path!r} comes twice")
        if entry.mode not in (EXECUTABLE, FILE, LINK):
            raise ValueError(f"{entry.path!r} has mode {entry.mode:o}")
        if any(part in ("", ".", "..") for part in entry.path.split("/")) or "\\" in entry.path:
            raise ValueError(f"{entry.path!r} is not a plain relative path")
