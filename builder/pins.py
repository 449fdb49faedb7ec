"""Reads ``pins.toml``, and refuses it if anything in it is not pinned."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from builder.errors import BadPins

PINS_FILE = Path(__file__).with_name("pins.toml")
SCHEMA = 2

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]*")


@dataclass(frozen=True)
class Archive:
    """One file from outside, and the ways to it; at least one."""

    file: str
    """Name in the cache; the sha256 alone decides what it is."""
    sha256: str
    size: int
    """Bytes; 0: nobody here knows (only ``docker/images.toml`` may say so)."""
    url: str = ""
    """Upstream's, https."""
    debian: str = ""
    """``package=version`` of a Debian source package whose ``.orig`` archive this is."""
    pypi: str = ""
    """``name==version`` of a distribution one of whose wheels this is."""
    machine: str = ""
    """``uname -m`` of the only machines that this archive is for; empty: all."""


@dataclass(frozen=True)
class Consumed:
    """The files of a source that a recipe reads."""

    files: tuple[str, ...]
    """Glob patterns below the source's top folder."""
    sha256: str
    """Over the sorted lines ``<sha256>  <path>`` of these files."""


@dataclass(frozen=True)
class Source:
    """Something from outside, in one or more forms."""

    key: str
    """What ``pins.toml`` calls it: ``tiny-1.0`` where several series are pinned."""
    name: str
    """What everything that is written down calls it: ``tiny``."""
    version: str
    licence: str
    """SPDX expression of the parts that are used."""
    homepage: str
    archives: tuple[Archive, ...]
    licence_files: tuple[str, ...] = ()
    """Paths in the source, shipped under ``share/licenses/``."""
    consumed: Consumed | None = None
    date: datetime | None = None
    """Of the release; the SOURCE_DATE_EPOCH of what is compiled of it."""
    raise_within: str = ""
    """Newest that a pin is raised to, ``3.5`` for 3.5.x; empty: whatever is newest."""
    cpe: str = ""
    """Vendor and product by which vulnerabilities of it are listed, ``openssl:openssl``."""
    purpose: str = ""
    """``tests`` if no product is made of it, but tests need it."""

    @property
    def series(self) -> str:
        """``1.0`` of ``1.0.1``: what patches are kept by."""
        return self.version.rpartition(".")[0]

    def for_machine(self, machine: str) -> tuple[Archive, ...]:
        """The archives usable on a machine, by its ``uname -m``."""
        return tuple(archive for archive in self.archives if archive.machine in ("", machine))


@dataclass(frozen=True)
class Pins:
    """The whole file."""

    sources: Mapping[str, Source]
    """By key."""

    def __getitem__(self, key: str) -> Source:
        return self.sources[key]


def load_pins(path: Path = PINS_FILE) -> Pins:
    """Reads and checks the file; `BadPins` lists everything that is wrong with it."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        problems = list(_problems(data))
        if not problems:
            return _pins(data)
    except tomllib.TOMLDecodeError as error:
        problems = [f"not TOML: {error}"]
    except (KeyError, TypeError, AttributeError) as error:
        problems = [f"missing or misplaced: {error}"]
    raise BadPins(f"{path} does not pin everything.", "; ".join(problems) + ".", "Fix the entries above.")


def _problems(data: dict[str, Any]) -> Iterator[str]:
    if data.get("schema") != SCHEMA:
        yield f"schema is {data.get('schema')!r}, not {SCHEMA}"
    for name, source in data["sources"].items():
        yield from _source_problems(name, source)


def _source_problems(name: str, source: dict[str, Any]) -> Iterator[str]:
    if source.get("cpe") and source["cpe"].count(":") != 1:
        yield f"{name}: cpe is {source['cpe']!r}, not vendor:product"
    yield from (f"{name} has no {key}" for key in ("version", "licence", "homepage") if not source.get(key))
    date = source.get("date")
    if date is not None and (not isinstance(date, datetime) or date.tzinfo is None):  # it would be the machine's zone
        yield f"{name} has a date without time and zone"
    if source.get("purpose", "tests") != "tests":
        yield f"{name}: purpose is {source['purpose']!r}, and may only be 'tests'"
    if (series := source.get("series")) and not str(source.get("version")).startswith(f"{series}."):
        yield f"{name} {source.get('version')} is not of series {series}"
    archives = source.get("archives", [])
    if not archives:
        yield f"{name} has no archive"
    for archive in archives:
        yield from (f"{name}: {problem}" for problem in _archive_problems(archive))
    forms = {archive.get("sha256") for archive in archives if not archive.get("machine")}
    consumed = source.get("consumed")
    if len(forms) > 1 and not consumed:
        yield f"{name} has several forms and no sha256 of the files consumed"
    if consumed and not (consumed.get("files") and _SHA256.fullmatch(consumed.get("sha256", ""))):
        yield f"{name}: consumed needs files and their sha256"


def _archive_problems(archive: dict[str, Any]) -> Iterator[str]:
    if not _FILE.fullmatch(str(archive.get("file", ""))):
        yield f"bad file name {archive.get('file')!r}"
    if not _SHA256.fullmatch(str(archive.get("sha256", ""))):
        yield f"{archive.get('file')} has no sha256"
    size = archive.get("size")
    if not isinstance(size, int) or size <= 0:
        yield f"{archive.get('file')} has no size"
    if not any(archive.get(way) for way in ("url", "debian", "pypi")):
        yield f"{archive.get('file')} has no way to it"
    if archive.get("url") and not archive["url"].startswith("https://"):
        yield f"{archive['url']} is not https"
    for way, separator in (("debian", "="), ("pypi", "==")):
        if archive.get(way) and separator not in archive[way]:
            yield f"{archive[way]} names no version"


def _pins(data: dict[str, Any]) -> Pins:
    sources = {}
    for key, entry in data["sources"].items():
        fields = {"name": key, **entry}
        fields["raise_within"] = fields.pop("series", "")
        fields["archives"] = tuple(Archive(**archive) for archive in fields["archives"])
        fields["licence_files"] = tuple(fields.get("licence_files", ()))
        if consumed := fields.get("consumed"):
            fields["consumed"] = Consumed(tuple(consumed["files"]), consumed["sha256"])
        sources[key] = Source(key=key, **fields)
    return Pins(sources)
