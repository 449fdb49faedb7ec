"""What DWARF says of the structures in an object file, and what an executable of CPython says of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

from builder.errors import BuildError

_NAMED_AGAIN = ("DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type", "DW_TAG_atomic_type")
_STRUCTURES = ("DW_TAG_structure_type", "DW_TAG_union_type")
_COOKIE = b"xdebugpy"
"""What _Py_DebugOffsets begins with."""


@dataclass(frozen=True)
class Member:
    """One member of a structure; place and size in bits."""

    offset: int
    size: int
    kind: str = ""
    """Name of its type, if that is a structure with a name."""

    def __str__(self) -> str:
        whole = self.offset % 8 == self.size % 8 == 0
        return f"{self.size // 8} bytes at {self.offset // 8}" if whole else f"{self.size} bits at bit {self.offset}"


@dataclass(frozen=True)
class Structure:
    """A structure or a union."""

    size: int
    """In bits."""
    members: Mapping[str, Member]
    """By name; those of a nameless structure in it are ``outer.inner``."""


Layout = Mapping[str, Structure]
"""Structures by tag; those without a tag by the name that a typedef gives them."""


def read_layout(program: Path) -> Layout:
    """The structures that an object file's DWARF describes."""
    found: dict[str, Structure] = {}
    with program.open("rb") as file:
        for unit in ELFFile(file).get_dwarf_info().iter_CUs():
            for die in unit.get_top_DIE().iter_children():
                structure = _structure(die)
                if die.tag == "DW_TAG_typedef":
                    structure = _structure(_type(die))
                    if _name(structure):
                        continue  # it stands there by its own name
                if structure and _name(die) and "DW_AT_byte_size" in structure.attributes:
                    found[_name(die)] = Structure(_bits(structure), dict(_members(structure, "", 0)))
    return found


def _members(structure: DIE, prefix: str, start: int) -> Iterator[tuple[str, Member]]:
    for die in structure.iter_children():
        if die.tag == "DW_TAG_member":
            name, kind = _name(die), _type(die)
            inner, place = _structure(kind), start + _place(die)
            if inner and not _name(inner):
                yield from _members(inner, f"{prefix}{name}." if name else prefix, place)
            if name:
                size = (
                    int(die.attributes["DW_AT_bit_size"].value) if "DW_AT_bit_size" in die.attributes else _bits(kind)
                )
                yield f"{prefix}{name}", Member(place, size, _name(inner))


def _place(member: DIE) -> int:
    """In bits from the structure's beginning; a union's members need not say it."""
    value = {name: int(given.value) for name, given in member.attributes.items() if isinstance(given.value, int)}
    if "DW_AT_data_bit_offset" in value:
        return value["DW_AT_data_bit_offset"]
    place = 8 * value.get("DW_AT_data_member_location", 0)
    if "DW_AT_bit_offset" in value:  # of an older DWARF: from the most significant bit of what it is stored in
        storage = 8 * value["DW_AT_byte_size"] if "DW_AT_byte_size" in value else _bits(_type(member))
        place += storage - value["DW_AT_bit_offset"] - value["DW_AT_bit_size"]
    return place


def _bits(die: DIE | None) -> int:
    """The size of a type; 0 if it has none, as an array without an end."""
    if die is None:
        return 0
    if die.tag == "DW_TAG_pointer_type":
        return int(die.cu["address_size"]) * 8
    if die.tag == "DW_TAG_array_type":
        size = _bits(_type(die))
        for dimension in die.iter_children():
            size *= _count(dimension)
        return size
    return int(die.attributes["DW_AT_byte_size"].value) * 8 if "DW_AT_byte_size" in die.attributes else 0


def _count(dimension: DIE) -> int:
    if "DW_AT_count" in dimension.attributes:
        return int(dimension.attributes["DW_AT_count"].value)
    bound = dimension.attributes.get("DW_AT_upper_bound")
    return int(bound.value) + 1 if bound else 0


def _type(die: DIE) -> DIE | None:
    """The type of a member, of an array's items, of a typedef, by whatever names it is called on the way."""
    while "DW_AT_type" in die.attributes:
        die = die.get_DIE_from_attribute("DW_AT_type")
        if die.tag not in _NAMED_AGAIN:
            return die
    return None


def _structure(die: DIE | None) -> DIE | None:
    return die if die and die.tag in _STRUCTURES else None


def _name(die: DIE | None) -> str:
    name = die.attributes.get("DW_AT_name") if die else None
    return str(name.value.decode()) if name else ""


def debug_offsets(program: Path, layout: Layout) -> dict[str, int]:
    """``_Py_DebugOffsets`` of an executable: what it tells those who read its memory, by ``structure.member``.

    Raises:
        BuildError: the executable has none.
    """
    with program.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".PyRuntime")
        data = bytes(section.data()) if section else b""
    if not data.startswith(_COOKIE):
        raise BuildError(f"{program} has no _Py_DebugOffsets.", "It has no .PyRuntime.", "Look at how it was linked.")
    return {
        path: int.from_bytes(data[place // 8 : place // 8 + 8], "little")
        for path, place in _numbers("_Py_DebugOffsets", layout)
    }


def _numbers(name: str, layout: Layout) -> Iterator[tuple[str, int]]:
    """Path and place of each number of 64 bits in a structure, and in the structures in it."""
    for path, member in layout[name].members.items():
        if member.kind in layout:
            inner = _numbers(member.kind, layout)
            yield from ((f"{path}.{each}", member.offset + place) for each, place in inner)
        elif path != "cookie":
            yield path, member.offset
