"""The newest archives of a source, in Debian and in the user's folders, and upstream's if that can be reached.

A version is taken if every form of it can be had, and if all who have a form have the same bytes.
"""

import re
import shutil
import tarfile
import tempfile
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
from builder.update.newest import Newest, agree

_NUMBERS = r"(\d+(?:\.\d+)*)"
_DEBIAN = re.compile(rf"(?:\d+:)?(?:.*\+really)?{_NUMBERS}(?:[.+~](?:dfsg|ds)[.\d]*)?-[^-]+")
"""``1:1.3.dfsg+really1.3.2-3`` is upstream's 1.3.2. Candidates for a release are none."""


@dataclass(frozen=True)
class Offers:
    """What Debian has."""

    archives: tuple[Archive, ...]
    missing: str = ""
    """Why there are none."""

    @classmethod
    def of(cls, sources: Iterable[Source]) -> Self:
        """Asks Debian once for all source packages of some sources."""
        packages = {_package(archive) for source in sources for archive in source.archives if archive.debian}
        try:
            return cls(debian.listed(sorted(packages)) if packages else ())
        except FetchFailed as error:
            return cls((), f"{error.what} {error.why}")

    def like(self, pinned: Archive) -> list[tuple[Version, Archive]]:
        """Those that could take an archive's place, with upstream's version."""
        return [
            (Version(found[1]), offer)
            for offer in self.archives
            if pinned.debian
            and _package(offer) == _package(pinned)
            # Where Debian has upstream's own file, in that form alone.
            and (not pinned.url or Path(offer.file).suffix == Path(pinned.file).suffix)
            if (found := _DEBIAN.fullmatch(offer.debian.partition("=")[2]))
        ]


def newest(source: Source, offers: Offers, report: Report) -> Newest:
    """The newest version of a source's series that can be had in all its forms, and why not a newer one.

    Raises:
        WrongHash: two ways give different files for one version, the pinned one or a newer one.
    """
    remarks = [offers.missing] if offers.missing else []
    newer = {version for version in _versions(source, offers) if version > Version(source.version)}
    taken = {
        version for version in newer if not source.raise_within or f"{version}".startswith(f"{source.raise_within}.")
    }
    if newer - taken:
        remarks.append(f"there is {max(newer - taken)}, which is not of series {source.raise_within}")
    for version in sorted(taken, reverse=True):
        try:
            raised = _raised(source, version, offers, report)
        except FetchFailed as error:
            remarks.append(f"{error.what} {error.why}")
        else:
            return Newest(raised.source, (*remarks, *raised.remarks))
    return _compared(source, offers, remarks)


def _versions(source: Source, offers: Offers) -> set[Version]:
    """All that are anywhere."""
    found = {version for archive in source.archives for version, _ in offers.like(archive)}
    for archive in source.archives:
        before, version, after = map(re.escape, archive.file.partition(source.version))
        if version:
            pattern = re.compile(f"{before}{_NUMBERS}{after}")
            found |= {Version(match[1]) for path in mirrored() if (match := pattern.fullmatch(path.name))}
    return found


def _compared(source: Source, offers: Offers, remarks: list[str]) -> Newest:
    """The pinned version: is it in Debian what it was, and under the same revision?"""
    archives = []
    for archive in source.archives:
        same = [offer for version, offer in offers.like(archive) if str(version) == source.version]
        same = [offer for offer in same if offer.debian == archive.debian] or same
        for offer in same[:1]:
            agree(archive.file, {"pinned": archive.sha256, "by Debian's index": offer.sha256})
            remarks.append(f"{offer.debian} has the pinned sha256")
        if archive.debian and not same and not offers.missing:
            remarks.append(f"Debian has no {archive.debian} any more")
        archives.append(replace(archive, debian=same[0].debian if same else archive.debian))
    return Newest(replace(source, archives=tuple(archives)), tuple(remarks))


def _raised(source: Source, version: Version, offers: Offers, report: Report) -> Newest:
    """The source in a newer version; `FetchFailed` if one of its forms is."""
    remarks: list[str] = []
    archives, date = [], source.date
    for pinned in source.archives:
        with tempfile.TemporaryDirectory(prefix="archive-") as folder:
            part = Path(folder, "archive")
            offer = next((offer for found, offer in offers.like(pinned) if found == version), None)
            named = _named(pinned, source.version, str(version), offer)
            archives.append(_brought(named, offer, part, report, remarks))
            date = source.date and _release_date(part)
    if source.consumed:
        remarks.append("`consumed` is still the old one: a build with each form says what it is to be")
    remarks.append("CONTRIBUTING.md, Change a pin, has what else it may want")
    return Newest(replace(source, version=str(version), date=date, archives=tuple(archives)), tuple(remarks))


def _named(pinned: Archive, old: str, new: str, offer: Archive | None) -> Archive:
    """The newer archive, as far as names go; its bytes are nobody's word yet."""
    if not pinned.url:
        if not offer:
            raise FetchFailed(f"{new}:", f"Debian does not have it in the place of {pinned.debian}.", "")
        return replace(offer, machine=pinned.machine)
    if old not in pinned.file:
        raise FetchFailed(f"{new}:", f"{pinned.file} does not tell how upstream would call it.", "")
    before, after = (f"/v{version.rpartition('.')[0]}/" for version in (old, new))
    address = pinned.url.replace(old, new).replace(before, after)
    file, debian_way = pinned.file.replace(old, new), offer.debian if offer else ""
    return replace(pinned, file=file, sha256="", size=0, url=address, debian=debian_way)


def _brought(named: Archive, offer: Archive | None, part: Path, report: Report, remarks: list[str]) -> Archive:
    """The archive as all ways to it have it, and leaves it at ``part``; `FetchFailed` if there is no way."""
    words, missing = {}, []
    candidate = part.with_suffix(".new")
    for place, bring in _ways(named, offer, report):
        try:
            bring(candidate)
        except FetchFailed as error:
            missing.append(f"{error.what} {error.why}")
        else:
            words[place] = file_sha256(candidate)
            candidate.replace(part)
    if offer:
        words["by Debian's index"] = offer.sha256
        try:
            words["by its .dsc"] = debian.dsc_sha256(offer)
        except FetchFailed as error:
            missing.append(f"{error.what} {error.why}")
    agree(named.file, words)
    if not part.exists():
        raise FetchFailed(f"{named.file}:", " ".join(missing) or "No way leads to it.", "")
    remarks.append(f"{named.file}: one sha256 {', '.join(words)}")
    remarks += (f"not compared: {reason}" for reason in missing)
    return replace(named, sha256=file_sha256(part), size=part.stat().st_size)


def _ways(named: Archive, offer: Archive | None, report: Report) -> Iterator[tuple[str, Callable[[Path], object]]]:
    """All that may have an archive, and how it is brought from there."""
    for path in mirrored():
        if path.name == named.file:
            yield f"in {path.parent}", partial(shutil.copyfile, path)
    if named.url:
        yield "by upstream", lambda part: url.download(named, part, report)
    if offer:
        yield "in Debian", lambda part: debian.download(offer, part, report)


def _release_date(archive: Path) -> datetime:
    """The minute of an archive's newest file."""
    with tarfile.open(archive) as tar:
        newest = max(member.mtime for member in tar if member.isreg())
    return datetime.fromtimestamp(newest, UTC).replace(second=0)


def _package(archive: Archive) -> str:
    return archive.debian.partition("=")[0]
