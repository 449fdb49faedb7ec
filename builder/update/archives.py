"""Finds a source's newest archives in Debian and in the user's folders, and upstream's if that can be reached.

A version is accepted if every variant of it is available, and if all origins of a variant have the same bytes.
"""

import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Self

from packaging.version import Version

from builder.errors import FetchFailed
from builder.fetch import debian, file_sha256, mirrored, url
from builder.fetch.report import Report
from builder.pins import Archive, Source
from builder.update.newest import Newest, check_agreement

_NUMBERS = r"(\d+(?:\.\d+)*)"
_DEBIAN = re.compile(rf"(?:\d+:)?(?:.*\+really)?{_NUMBERS}(?:[.+~](?:dfsg|ds)[.\d]*)?-[^-]+")
"""``1:1.3.dfsg+really1.3.2-3`` is upstream's 1.3.2. Release candidates do not match."""


@dataclass(frozen=True)
class DebianArchives:
    """The archives that Debian has."""

    archives: tuple[Archive, ...]
    missing: str = ""
    """Why there are none."""

    @classmethod
    def query(cls, sources: Iterable[Source]) -> Self:
        """Queries Debian once for the source packages of all ``sources``."""
        packages = {_package(archive) for source in sources for archive in source.archives if archive.debian}
        try:
            return cls(debian.listed(sorted(packages)) if packages else ())
        except FetchFailed as error:
            return cls((), f"{error.what} {error.why}")

    def candidates(self, pinned: Archive) -> list[tuple[Version, Archive]]:
        """The archives that could replace a pinned one, with upstream's version."""
        return [
            (Version(found[1]), candidate)
            for candidate in self.archives
            if pinned.debian
            and _package(candidate) == _package(pinned)
            # Where Debian has upstream's own file: only the same format.
            and (not pinned.url or Path(candidate.file).suffix == Path(pinned.file).suffix)
            if (found := _DEBIAN.fullmatch(candidate.debian.partition("=")[2]))
        ]


def newest(source: Source, debian_archives: DebianArchives, report: Report) -> Newest:
    """The newest version of a source's series that is available in all its variants, and why not a newer one.

    Raises:
        WrongHash: two origins have different files for one version, the pinned one or a newer one.
    """
    remarks = [debian_archives.missing] if debian_archives.missing else []
    newer = {version for version in _versions(source, debian_archives) if version > Version(source.version)}
    within = source.raise_within
    eligible = {version for version in newer if not within or f"{version}".startswith(f"{within}.")}
    if newer - eligible:
        remarks.append(f"there is {max(newer - eligible)}, which is not of series {within}")
    for version in sorted(eligible, reverse=True):
        try:
            updated = _update(source, version, debian_archives, report)
        except FetchFailed as error:
            remarks.append(f"{error.what} {error.why}")
        else:
            return Newest(updated.source, (*remarks, *updated.remarks))
    return _recheck(source, debian_archives, remarks)


def _versions(source: Source, debian_archives: DebianArchives) -> set[Version]:
    """The versions available anywhere."""
    found = {version for archive in source.archives for version, _ in debian_archives.candidates(archive)}
    for archive in source.archives:
        before, version, after = map(re.escape, archive.file.partition(source.version))
        if version:
            pattern = re.compile(f"{before}{_NUMBERS}{after}")
            found |= {Version(match[1]) for path in mirrored() if (match := pattern.fullmatch(path.name))}
    return found


def _recheck(source: Source, debian_archives: DebianArchives, remarks: list[str]) -> Newest:
    """Checks that Debian still has the pinned version unchanged, and follows its revision."""
    archives = []
    for archive in source.archives:
        same = [found for version, found in debian_archives.candidates(archive) if str(version) == source.version]
        same = [found for found in same if found.debian == archive.debian] or same
        for found in same[:1]:
            check_agreement(archive.file, {"pinned": archive.sha256, "by Debian's index": found.sha256})
            remarks.append(f"{found.debian} has the pinned sha256")
        if archive.debian and not same and not debian_archives.missing:
            remarks.append(f"Debian has no {archive.debian} any more")
        archives.append(replace(archive, debian=same[0].debian if same else archive.debian))
    return Newest(replace(source, archives=tuple(archives)), tuple(remarks))


def _update(source: Source, version: Version, debian_archives: DebianArchives, report: Report) -> Newest:
    """The source in a newer version; `FetchFailed` if one of its variants cannot be fetched."""
    remarks: list[str] = []
    archives, date = [], source.date
    for pinned in source.archives:
        with tempfile.TemporaryDirectory(prefix="archive-") as folder:
            part = Path(folder, "archive")
            candidates = debian_archives.candidates(pinned)
            candidate = next((found for found_version, found in candidates if found_version == version), None)
            named = _rename(pinned, source.version, str(version), candidate)
            archives.append(_fetch(named, candidate, part, report, remarks))
            date = source.date and _release_date(part)
    if source.consumed:
        remarks.append("`consumed` is still the old one: a build with each variant prints the new one")
    remarks.append("CONTRIBUTING.md, Change a pin, says what else may be needed")
    return Newest(replace(source, version=str(version), date=date, archives=tuple(archives)), tuple(remarks))


def _rename(pinned: Archive, old: str, new: str, candidate: Archive | None) -> Archive:
    """The newer archive's file names and URL; its bytes are not verified yet."""
    if not pinned.url:
        if not candidate:
            raise FetchFailed(f"{new}:", f"Debian has no replacement for {pinned.debian}.", "")
        return replace(candidate, machine=pinned.machine)
    if old not in pinned.file:
        raise FetchFailed(f"{new}:", f"{pinned.file} does not tell how upstream would call it.", "")
    before, after = (f"/v{version.rpartition('.')[0]}/" for version in (old, new))
    address = pinned.url.replace(old, new).replace(before, after)
    file, package = pinned.file.replace(old, new), candidate.debian if candidate else ""
    return replace(pinned, file=file, sha256="", size=0, url=address, debian=package)


def _fetch(named: Archive, candidate: Archive | None, part: Path, report: Report, remarks: list[str]) -> Archive:
    """The archive, which all its origins must agree on, left at ``part``; `FetchFailed` if no origin has it."""
    digests, missing = {}, []
    downloaded = part.with_suffix(".new")
    for origin, download in _origins(named, candidate, report):
        try:
            download(downloaded)
        except FetchFailed as error:
            missing.append(f"{error.what} {error.why}")
        else:
            digests[origin] = file_sha256(downloaded)
            downloaded.replace(part)
    if candidate:
        digests["by Debian's index"] = candidate.sha256
        try:
            digests["by its .dsc"] = debian.dsc_sha256(candidate)
        except FetchFailed as error:
            missing.append(f"{error.what} {error.why}")
    check_agreement(named.file, digests)
    if not part.exists():
        raise FetchFailed(f"{named.file}:", " ".join(missing) or "No origin has it.", "")
    remarks.append(f"{named.file}: one sha256 {', '.join(digests)}")
    remarks += (f"not compared: {reason}" for reason in missing)
    return replace(named, sha256=file_sha256(part), size=part.stat().st_size)


def _origins(
    named: Archive, candidate: Archive | None, report: Report
) -> Iterator[tuple[str, Callable[[Path], object]]]:
    """Every origin that may have an archive, and how to download it from there."""
    for path in mirrored():
        if path.name == named.file:
            yield f"in {path.parent}", partial(shutil.copyfile, path)
    if named.url:
        yield "by upstream", lambda part: url.download(named, part, report)
    if candidate:
        yield "in Debian", lambda part: debian.download(candidate, part, report)


def _release_date(archive: Path) -> datetime:
    """The modification time of an archive's newest file, to the minute; `FetchFailed` if it is no archive."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as bundle:
                return datetime(*max(info.date_time for info in bundle.infolist())[:5], tzinfo=UTC)
        with tarfile.open(archive) as tar:
            newest = max(member.mtime for member in tar if member.isreg())
    except (tarfile.TarError, zipfile.BadZipFile, ValueError) as error:
        raise FetchFailed("What came is no archive:", f"{error}.", "") from error
    return datetime.fromtimestamp(newest, UTC).replace(second=0, microsecond=0)


def _package(archive: Archive) -> str:
    return archive.debian.partition("=")[0]
