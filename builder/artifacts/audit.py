"""The rules that a layer must keep, checked on what is about to be zipped. Data in ``policy/``, ELF by pyelftools.

Nothing is run, so a layer for another processor is checked just the same. Every violation is collected; then there is
one error.
"""

import io
import posixpath
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection, GNUVerSymSection
from elftools.elf.sections import SymbolTableSection

from builder.artifacts.deterministic_zip import LINK, Entry
from builder.errors import AuditFailed
from builder.platform import Platform, version_number

POLICY = Path(__file__).parent / "policy"

_WRITE, _EXECUTE = 2, 1
_BIND_NOW, _NOW_1 = 8, 1
MAGIC = b"\x7fELF"


@dataclass(frozen=True)
class Elf:
    """What one ELF file is, for the manifest and for the rules."""

    path: str
    machine: str
    glibc: str
    """Highest symbol version needed, ``2.26``."""
    needed: tuple[str, ...]
    exports: int
    """Number of exported symbols."""


def audit(
    entries: tuple[Entry, ...], platform: Platform, rules: Mapping[str, Any], names: tuple[str, ...]
) -> tuple[Elf, ...]:
    """Checks all entries; ``names`` are strings of this machine (paths, user, host) that no file may hold.

    ``rules`` are those of ``policy/``, by file, with what the interpreter adds.

    Returns what the ELF files are. Raises `AuditFailed` with every violation.
    """
    content, elf_rules = rules["content"], rules["elf"]
    violations = [*_check_tree(entries, content), *_check_traces(entries, (*content["forbidden"]["patterns"], *names))]
    found = []
    for entry in entries:
        if entry.content.startswith(MAGIC):
            try:
                elf = ElfReader(entry)
                found.append(elf.summary())
                violations += [f"{entry.path}: {problem}" for problem in _check_elf(elf, platform, elf_rules)]
            except ELFError as error:
                violations.append(f"{entry.path}: is no ELF file that a layer may hold ({error})")
    if violations:
        raise AuditFailed(
            f"The layer breaks {len(violations)} rule{'s'[: len(violations) != 1]}.",
            "\n       ".join(violations),
            f"Fix the recipe; if the rule is wrong, change builder/artifacts/{POLICY.name}/ and say why there.",
        )
    return tuple(found)


def check_size(size: int, budget: int) -> None:
    """Compares the zip's bytes with the budget; `AuditFailed` if they exceed it."""
    if size > budget:
        raise AuditFailed(
            "The zip is too large.", f"{size} bytes; the budget is {budget}.", "See what grew: compare the manifests."
        )


def read_policy(name: str) -> dict[str, Any]:
    """A file of ``policy/``."""
    return tomllib.loads((POLICY / name).read_text(encoding="utf-8"))


def _check_tree(entries: tuple[Entry, ...], content: dict[str, Any]) -> Iterator[str]:
    paths = {entry.path for entry in entries}
    folders = {posixpath.dirname(path) for path in paths}
    for entry in entries:
        if entry.mode == LINK:
            goal = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.content.decode()))
            if entry.content.startswith(b"/") or goal.startswith(".."):
                yield f"{entry.path}: links out of the layer, to {entry.content.decode()}"
            elif goal not in paths | folders:
                yield f"{entry.path}: links to {goal}, which is not there"
        elif entry.mode & 0o7000 or entry.mode & 0o022:
            yield f"{entry.path}: mode {entry.mode:o}"
    if "bootstrap" not in paths:
        yield "there is no bootstrap"
    total = sum(len(entry.content) for entry in entries)
    for name in ("unzipped", "lambda"):
        if total > (limit := content["bytes"][name]):
            yield f"{total} bytes unzipped; the limit ({name}) is {limit}"


def _check_traces(entries: tuple[Entry, ...], patterns: tuple[str, ...]) -> Iterator[str]:
    for entry in entries:
        for pattern in patterns:
            position = entry.content.find(pattern.encode())
            if position >= 0:
                around = entry.content[max(0, position - 30) : position + 60]
                yield f"{entry.path}: holds {pattern!r} ({around!r})"


class ElfReader:
    """The questions that the rules ask of an ELF file."""

    def __init__(self, entry: Entry) -> None:
        self.path = entry.path
        self.file = ELFFile(io.BytesIO(entry.content))
        dynamic = self.file.get_section_by_name(".dynamic")
        symbols = self.file.get_section_by_name(".dynsym")
        if not (isinstance(dynamic, DynamicSection) and isinstance(symbols, SymbolTableSection)):
            raise ELFError("not linked dynamically")
        self.tags = list(dynamic.iter_tags())
        self.imports = {s.name for s in symbols.iter_symbols() if s.name and s["st_shndx"] == "SHN_UNDEF"}
        self.exports = {s.name for s in symbols.iter_symbols() if s.name and s["st_shndx"] != "SHN_UNDEF"}

    def has_tag(self, name: str) -> bool:
        return any(tag.entry.d_tag == name for tag in self.tags)

    def flag(self, name: str, bit: int) -> bool:
        return any(tag.entry.d_tag == name and tag.entry.d_val & bit for tag in self.tags)

    def needed(self) -> tuple[str, ...]:
        tags: list[Any] = self.tags
        return tuple(tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED")

    def segments(self, kind: str) -> list[int]:
        """Flags of the segments of a kind."""
        return [segment["p_flags"] for segment in self.file.iter_segments() if segment["p_type"] == kind]

    def fits_pages(self, size: int) -> bool:
        """Whether each segment can be mapped where a page has so many bytes."""
        found = [segment.header for segment in self.file.iter_segments() if segment["p_type"] == "PT_LOAD"]
        return all(s.p_align % size == 0 and (s.p_vaddr - s.p_offset) % size == 0 for s in found)

    def glibc(self) -> str:
        versions = self.file.get_section_by_name(".gnu.version_r")
        names = (
            auxiliary.name
            for _, auxiliaries in (versions.iter_versions() if isinstance(versions, GNUVerNeedSection) else ())
            for auxiliary in auxiliaries
        )
        numbers = [version_number(name.removeprefix("GLIBC_")) for name in names if name.startswith("GLIBC_")]
        return ".".join(map(str, max(numbers, default=(0, 0))))

    def symbols_above(self, glibc: str) -> list[str]:
        """The symbols that a newer glibc has to give: ``memcpy@GLIBC_2.14``."""
        sections = (self.file.get_section_by_name(name) for name in (".dynsym", ".gnu.version", ".gnu.version_r"))
        symbols, versions, needs = sections
        if not (isinstance(versions, GNUVerSymSection) and isinstance(needs, GNUVerNeedSection)):
            return []
        assert isinstance(symbols, SymbolTableSection), "the constructor has seen to that"
        too_new = {
            auxiliary["vna_other"]: auxiliary.name
            for _, auxiliaries in needs.iter_versions()
            for auxiliary in auxiliaries
            if auxiliary.name.startswith("GLIBC_")
            and version_number(auxiliary.name.removeprefix("GLIBC_")) > version_number(glibc)
        }
        indices = (version["ndx"] for version in versions.iter_symbols())
        return [
            f"{symbol.name}@{too_new[index]}"
            for symbol, index in zip(symbols.iter_symbols(), indices, strict=True)
            if index in too_new
        ]

    def summary(self) -> Elf:
        return Elf(self.path, self.file["e_machine"], self.glibc(), self.needed(), len(self.exports))


def _check_elf(elf: ElfReader, platform: Platform, rules: dict[str, Any]) -> Iterator[str]:
    machine, page = rules["machines"][platform.cpu.lambda_name], rules["pages"][platform.cpu.lambda_name]
    if elf.file["e_machine"] != machine:
        yield f"is for {elf.file['e_machine']}, not {machine}"
    if not elf.fits_pages(page):
        yield f"cannot be loaded where a page has {page} bytes"
    if version_number(elf.glibc()) > version_number(platform.glibc):
        yield f"needs glibc {elf.glibc()}, above {platform.glibc}"
    yield from (f"needs the library {name}" for name in elf.needed() if name not in rules["needed"])
    yield from _check_hardening(elf)
    yield from _check_symbols(elf, rules)


def _check_hardening(elf: ElfReader) -> Iterator[str]:
    if not elf.segments("PT_GNU_RELRO"):
        yield "has no RELRO segment"
    if not (elf.flag("DT_FLAGS", _BIND_NOW) or elf.flag("DT_FLAGS_1", _NOW_1)):
        yield "is not linked with BIND_NOW"
    if not elf.segments("PT_GNU_STACK") or any(flags & _EXECUTE for flags in elf.segments("PT_GNU_STACK")):
        yield "has an executable stack"
    if any(flags & _WRITE and flags & _EXECUTE for flags in elf.segments("PT_LOAD")):
        yield "has a segment that is both writable and executable"
    yield from (f"has {tag}" for tag in ("DT_TEXTREL", "DT_RPATH", "DT_RUNPATH") if elf.has_tag(tag))


def _check_symbols(elf: ElfReader, rules: dict[str, Any]) -> Iterator[str]:
    for symbol, why in rules["required"].items():
        if symbol not in elf.imports:
            yield f"does not use glibc's {symbol} ({why})"
    foreign = sorted(
        name
        for name in elf.exports
        if name not in rules["copied"] and not any(fnmatchcase(name, pattern) for pattern in rules["exports"])
    )
    if foreign:
        yield f"exports {len(foreign)} symbols that are not the interpreter's: {', '.join(foreign[:10])}"
    if elf.file.get_section_by_name(".symtab") or elf.file.get_section_by_name(".debug_info"):
        yield "is not stripped"
