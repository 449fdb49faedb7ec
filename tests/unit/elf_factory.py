"""ELF files to order, made by hand, so that each can break one rule on any machine and without a compiler.

Layout: System V gABI, chapters 4 and 5; symbol versions: Linux Standard Base, "Symbol Versioning". The files are what
a reader sees of a linked program; nothing of them can run.
"""

import struct
from dataclasses import dataclass, field

X86_64, AARCH64 = 62, 183
READ, WRITE, EXECUTE = 4, 2, 1
PT_LOAD, PT_DYNAMIC, PT_GNU_STACK, PT_GNU_RELRO = 1, 2, 0x6474E551, 0x6474E552
DT_NEEDED, DT_RPATH, DT_TEXTREL, DT_RUNPATH, DT_FLAGS, DT_FLAGS_1 = 1, 15, 22, 29, 30, 0x6FFFFFFB
DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 8, 1, 0x08000000

_SHT_PROGBITS, _SHT_STRTAB, _SHT_DYNAMIC, _SHT_DYNSYM = 1, 3, 6, 11
_SHT_VERNEED, _SHT_VERSYM = 0x6FFFFFFE, 0x6FFFFFFF
_EHDR, _PHDR = struct.Struct("<16s2HI3QI6H"), struct.Struct("<2I6Q")
_SHDR, _SYM, _DYN = struct.Struct("<2I4Q2I2Q"), struct.Struct("<I2BH2Q"), struct.Struct("<2Q")
_VERNEED, _VERNAUX = struct.Struct("<2H3I"), struct.Struct("<I2H2I")


@dataclass(frozen=True)
class ElfFile:
    """What the rules look at; the defaults keep all of them."""

    machine: int = X86_64
    imports: tuple[str, ...] = ("__stack_chk_fail", "__memcpy_chk", "__vsnprintf_chk", "memcpy", "exp", "write")
    exports: tuple[str, ...] = ("PyLong_FromLong", "_Py_NoneStruct", "stdout")
    needed: tuple[str, ...] = ("libc.so.6", "libm.so.6")
    versions: tuple[str, ...] = ("GLIBC_2.2.5", "GLIBC_2.26", "GLIBC_2.4")
    """Symbol versions needed of the first library."""
    versioned: bool = False
    """Whether it says which import needs which: the first the first one, and so on. readelf wants more for that."""
    segments: tuple[tuple[int, int], ...] = (
        (PT_LOAD, READ),
        (PT_LOAD, READ | EXECUTE),
        (PT_LOAD, READ | WRITE),
        (PT_GNU_RELRO, READ),
        (PT_GNU_STACK, READ | WRITE),
    )
    """Type and flags of each."""
    alignment: int = 0x10000
    """Of the segments: what every page size divides."""
    tags: tuple[tuple[int, int], ...] = ((DT_FLAGS, DF_BIND_NOW), (DT_FLAGS_1, DF_1_NOW))
    """Tags of the dynamic section, besides those for `needed`."""
    sections: tuple[str, ...] = ()
    """Names of further sections."""
    linked_dynamically: bool = True

    def content(self) -> bytes:
        """The file."""
        strings = _Strings()
        parts = [_Part(name, _SHT_PROGBITS, bytes(16)) for name in self.sections]
        if self.linked_dynamically:
            # The string table comes first, so that the others can link to it: section 1.
            parts[:0] = [
                _Part(".dynsym", _SHT_DYNSYM, self._symbols(strings), link=1, info=1, entry=_SYM.size),
                _Part(".dynamic", _SHT_DYNAMIC, self._dynamic(strings), link=1, entry=_DYN.size),
                *([_Part(".gnu.version_r", _SHT_VERNEED, self._needs(strings), link=1, info=1)] * bool(self.versions)),
                *([_Part(".gnu.version", _SHT_VERSYM, self._versions(), link=2, entry=2)] * self.versioned),
            ]
            parts.insert(0, _Part(".dynstr", _SHT_STRTAB, bytes(strings.table)))
        return self._file(parts)

    def _symbols(self, strings: "_Strings") -> bytes:
        undefined, somewhere, global_function = 0, 1, 0x12
        rows = [(name, undefined) for name in self.imports] + [(name, somewhere) for name in self.exports]
        return bytes(_SYM.size) + b"".join(
            _SYM.pack(strings.add(name), global_function, 0, where, 0x1000 * where, 8 * where) for name, where in rows
        )

    def _dynamic(self, strings: "_Strings") -> bytes:
        needed = [(DT_NEEDED, strings.add(name)) for name in self.needed]
        return b"".join(_DYN.pack(*tag) for tag in (*needed, *self.tags, (0, 0)))

    def _versions(self) -> bytes:
        needed = [2 + number if number < len(self.versions) else 1 for number in range(len(self.imports))]
        return struct.pack(f"<{1 + len(self.imports) + len(self.exports)}H", 0, *needed, *([1] * len(self.exports)))

    def _needs(self, strings: "_Strings") -> bytes:
        last = len(self.versions) - 1
        auxiliaries = (
            _VERNAUX.pack(0, 0, number + 2, strings.add(name), 0 if number == last else _VERNAUX.size)
            for number, name in enumerate(self.versions)
        )
        head = _VERNEED.pack(1, len(self.versions), strings.add(self.needed[0]), _VERNEED.size, 0)
        return head + b"".join(auxiliaries)

    def _file(self, parts: list["_Part"]) -> bytes:
        names = _Strings()
        parts = [_Part("", 0, b""), *parts]
        offsets = [names.add(part.name) for part in parts] + [names.add(".shstrtab")]
        parts.append(_Part(".shstrtab", _SHT_STRTAB, bytes(names.table)))
        place = _EHDR.size + _PHDR.size * len(self.segments)
        body, headers = b"", b""
        for part, name in zip(parts, offsets, strict=True):
            headers += _SHDR.pack(
                name, part.kind, 0, 0, place + len(body), len(part.data), part.link, part.info, 8, part.entry
            )
            body += part.data
        programs = b"".join(_PHDR.pack(kind, flags, 0, 0, 0, 0, 0, self.alignment) for kind, flags in self.segments)
        sizes = (_EHDR.size, _PHDR.size, len(self.segments), _SHDR.size, len(parts), len(parts) - 1)
        identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
        start = _EHDR.pack(identity, 3, self.machine, 1, 0x1000, _EHDR.size, place + len(body), 0, *sizes)
        return start + programs + body + headers


@dataclass(frozen=True)
class _Part:
    """A section to be."""

    name: str
    kind: int
    data: bytes
    link: int = 0
    info: int = 0
    entry: int = 0


@dataclass
class _Strings:
    """A string table that grows."""

    table: bytearray = field(default_factory=lambda: bytearray(1))

    def add(self, text: str) -> int:
        """Where the text stands."""
        self.table += text.encode() + b"\0"
        return len(self.table) - len(text.encode()) - 1
