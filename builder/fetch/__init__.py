"""Pinned archive → verified file in the cache.

The ways are tried in this order: the cache, the folders of STATIC_PYTHON_SOURCES (by sha256, whatever a file is called
there), upstream's URL, the Debian source package where the machine has apt, the pool of that apt's mirror (it keeps
versions that no suite lists any more), the wheel where it is on PyPI. Every one ends in the same check, and a file
stands in the cache only after it passed.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock

from builder.errors import BuildError, FetchFailed, WrongHash
from builder.fetch import debian, pool, pypi, url
from builder.fetch.report import Report
from builder.pins import Archive, Source

SOURCES_VARIABLE = "STATIC_PYTHON_SOURCES"

Way = Callable[[Archive, Path, Report], None]
"""Brings an archive to a path, or raises `BuildError` saying why it could not."""

# Field of an archive that has to say something → the way that goes by it.
WAYS: tuple[tuple[str, Way], ...] = (
    ("url", url.download),
    ("debian", debian.download),
    ("debian", pool.download),
    ("pypi", pypi.download),
)


def fetch(source: Source, archives: tuple[Archive, ...], cache: Path, report: Report) -> Path:
    """The first of a source's archives that can be had, verified.

    Raises:
        WrongHash: a way gave other bytes than the pinned ones, and no other way gave these.
        FetchFailed: there is no way to any of them; the error lists what each way said.
    """
    downloads = cache / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    with FileLock(downloads / f"{source.name}.lock"):  # another build may be after the same file
        return _fetch(source, archives, cache, report)


def is_local(archives: tuple[Archive, ...], cache: Path) -> bool:
    """Whether `fetch` needs no network for one of them, so far as a glance tells; nothing is written.

    A file in the user's folders must have the pinned size or, where that is not known, the pinned name: to hash whole
    folders takes seconds, and the file may not be there in the end.
    """
    return any(_is(path, archive) for archive in archives for path in (_cached(archive, cache), *_likely(archive)))


def _fetch(source: Source, archives: tuple[Archive, ...], cache: Path, report: Report) -> Path:
    for archive in archives:
        path = _cached(archive, cache)
        if _is(path, archive):
            return path
    for archive in archives:
        for candidate in _mirrored(archive):
            return _keep(candidate, archive, cache, report)
    failures: list[BuildError] = []
    for name, way in WAYS:
        for archive in archives:
            if getattr(archive, name):
                try:
                    return _by(way, archive, cache, report)
                except (FetchFailed, WrongHash) as error:
                    failures.append(error)
    raise _summary(source, archives, failures)


def _by(way: Way, archive: Archive, cache: Path, report: Report) -> Path:
    part = _cached(archive, cache).with_suffix(".part")
    resumed = part.exists()
    way(archive, part, report)
    try:
        return _verified(part, archive, cache)
    except WrongHash:
        if not resumed:
            raise
    # What an earlier run left was not the beginning of this file: from the start.
    way(archive, part, report)
    return _verified(part, archive, cache)


def _cached(archive: Archive, cache: Path) -> Path:
    return cache / "downloads" / f"{archive.sha256[:12]}-{archive.file}"


def _mirrored(archive: Archive) -> Iterator[Path]:
    """The files in the user's folders that are this archive; the size is looked at first, hashing is slow."""
    for path in mirrored():
        if archive.size in (0, path.stat().st_size) and file_sha256(path) == archive.sha256:
            yield path


def _likely(archive: Archive) -> Iterator[Path]:
    """The files in the user's folders that look like an archive."""
    for path in mirrored():
        if path.stat().st_size == archive.size if archive.size else path.name == archive.file:
            yield path


def _is(path: Path, archive: Archive) -> bool:
    return path.is_file() and file_sha256(path) == archive.sha256


def mirrored() -> Iterator[Path]:
    """The files in the user's folders."""
    folders = os.environ.get(SOURCES_VARIABLE, "")
    for folder in filter(None, folders.split(os.pathsep)):
        yield from (path for path in sorted(Path(folder).glob("*")) if path.is_file())


def _keep(candidate: Path, archive: Archive, cache: Path, report: Report) -> Path:
    report.note(f"{archive.file}: {candidate}")
    part = _cached(archive, cache).with_suffix(".part")
    shutil.copyfile(candidate, part)
    return _verified(part, archive, cache)


def _verified(part: Path, archive: Archive, cache: Path) -> Path:
    """Moves a finished download to its place, or removes it if it is not the pinned one."""
    actual = file_sha256(part)
    if actual != archive.sha256:
        size = part.stat().st_size
        part.unlink()
        raise WrongHash(
            f"{archive.file} is not the pinned file.",
            f"sha256 {actual} ({size} bytes) instead of {archive.sha256} ({archive.size or 'some'} bytes).",
            "If upstream replaced the file, find out why before you raise the pin.",
        )
    os.replace(part, _cached(archive, cache))
    return _cached(archive, cache)


def file_sha256(path: Path) -> str:
    """sha256 of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _summary(source: Source, archives: tuple[Archive, ...], failures: list[BuildError]) -> BuildError:
    wrong = any(isinstance(failure, WrongHash) for failure in failures)
    said = dict.fromkeys(f"{failure.what} {failure.why}" for failure in failures)  # two ways may lack the same thing
    reasons = "\n       ".join(said) or "It has no way to it."
    wanted = " or ".join(f"{archive.file} (sha256 {archive.sha256})" for archive in archives)
    return (WrongHash if wrong else FetchFailed)(
        f"{source.name} {source.version} cannot be had.",
        reasons,
        f"Put {wanted} into a folder and name it in {SOURCES_VARIABLE}.",
    )
