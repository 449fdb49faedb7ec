"""Verified archive + patches → source tree, with no way out of its folder."""

import calendar
import errno
import hashlib
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from builder.cancellation import checkpoint
from builder.errors import UnsafeArchive, WrongHash
from builder.pins import Source

_READERS_COMPLAINTS = (
    *(tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, ValueError),
    RuntimeError,  # a zip is encrypted, or compressed in a way that Python does not know
)
_ARCHIVES_FAULT = (None, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)
"""What an `OSError` says when members contradict each other, or (None) when a decompressor meets bad data."""


def unpack(archive: Path, destination: Path) -> None:
    """Unpacks a tar (any compression) or zip archive into a folder that does not exist yet.

    The folder that all members of a source archive share is taken off. Modes and times are kept: make compares times.

    Raises:
        UnsafeArchive: it is damaged, or a member is absolute, leaves the folder, links out of it, or is neither file,
            folder nor link. Nothing of it is left behind.
    """
    staging = destination.with_name(destination.name + ".unpacking")
    staging.mkdir(parents=True)
    try:
        with _translate_archive_errors(archive):
            if zipfile.is_zipfile(archive):
                _unpack_zip(archive, staging)
            else:
                _unpack_tar(archive, staging)
            top = list(staging.iterdir())
            tree = top[0] if len(top) == 1 and top[0].is_dir() and not top[0].is_symlink() else staging
            _check_links(tree)
        tree.rename(destination)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def check_consumed(source: Source, tree: Path) -> None:
    """Compares what a recipe read with the pins; `WrongHash` if another form of the source held other files."""
    if source.consumed is None:
        return
    found = {path for pattern in source.consumed.files for path in tree.glob(pattern) if path.is_file()}
    actual = tree_sha256(tree, found)
    if actual != source.consumed.sha256:
        raise WrongHash(
            f"The files of {source.name} {source.version} are not the pinned ones.",
            f"sha256 over {len(found)} files is {actual}, pinned is {source.consumed.sha256}.",
            "Two archive forms of one version differ, or a pin was raised by half: compare the archives by hand.",
        )


def tree_sha256(root: Path, files: Iterable[Path]) -> str:
    """sha256 over the sorted lines ``<sha256>  <path>`` of some files, paths relative to ``root``."""
    named = sorted((path.relative_to(root).as_posix(), path) for path in files)
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in named)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@contextmanager
def _translate_archive_errors(archive: Path) -> Iterator[None]:
    """Turns what the readers say about a bad archive into one error."""
    try:
        yield
    except (*_READERS_COMPLAINTS, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _ARCHIVES_FAULT:
            raise  # the disk's fault
        raise UnsafeArchive(
            f"{archive.name} cannot be unpacked.",
            f"{error}.",
            "If its sha256 is the pinned one, the pin itself is wrong; do not use this archive.",
        ) from error


def _unpack_tar(archive: Path, root: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            checkpoint()
            _check_path(member.name)
            if member.issym():
                _check_path(str(PurePosixPath(member.name).parent / member.linkname), link=member.name)
            elif member.islnk():
                _check_path(member.linkname, link=member.name)
                _check_on_no_link(root, member.linkname)
                if not (root / member.linkname).is_file():
                    raise ValueError(f"{member.name!r} links to {member.linkname!r}, which is no file before it")
            elif not (member.isreg() or member.isdir()):
                raise ValueError(f"{member.name!r} is neither file, folder nor link")
            _check_on_no_link(root, member.name)
            # "fully_trusted" keeps modes and times; the checks above and below are stricter than "data".
            tar.extract(member, root, set_attrs=True, filter=_plain)


def _plain(member: tarfile.TarInfo, _: str) -> tarfile.TarInfo:
    """What is kept of a member: no owner but us, no set-user-id, and always readable and writable for us."""
    mode = (member.mode & 0o755) | (0o700 if member.isdir() else 0o600)
    return member.replace(mode=mode, uid=os.geteuid(), gid=os.getegid(), uname="", gname="", deep=False)


def _unpack_zip(archive: Path, root: Path) -> None:
    with zipfile.ZipFile(archive) as bundle:
        for info in bundle.infolist():
            checkpoint()
            _check_path(info.filename)
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ValueError(f"{info.filename!r} is neither file nor folder")
            path = Path(bundle.extract(info, root))
            if path.is_file():
                path.chmod(0o755 if mode & 0o100 else 0o644)
                time = calendar.timegm(info.date_time)  # without a zone in the format: UTC, the same everywhere
                os.utime(path, (time, time))


def _check_path(name: str, link: str | None = None) -> None:
    """Refuses a path that leads out of the tree; for a link, the path it points to."""
    depth = 0
    for part in PurePosixPath(name).parts:
        depth += {"..": -1}.get(part, 1)
        if part.startswith("/") or depth < 0 or "\\" in part or "\0" in part:
            raise ValueError(f"{link or name!r} leads out of its folder" + (f" (to {name!r})" if link else ""))


def _check_on_no_link(root: Path, name: str) -> None:
    """Refuses a path on or behind a link (an archive may make a link and then write through it)."""
    for path in (PurePosixPath(name), *PurePosixPath(name).parents):
        if (root / path).is_symlink():
            raise ValueError(f"{name!r} would go through the link {str(path)!r}")


def _check_links(tree: Path) -> None:
    """Refuses links that lead out of the final tree: by way of other links, or past the folder that was taken off."""
    top = os.path.realpath(tree)
    for path in tree.rglob("*"):
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(top):
            name, to = path.relative_to(tree).as_posix(), str(path.readlink())
            raise ValueError(f"{name!r} leads out of its folder (to {to!r})")
