"""Can the target load what is compiled in packages? By what the files say, not by what their wheels' tags promise."""

import io
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from builder.artifacts.audit import MAGIC, Elf, ElfReader, read_policy
from builder.artifacts.deterministic_zip import FILE, Entry
from builder.errors import NotLoadable
from builder.interpreters.cpython.target import Target

_MOST_SHOWN = 5
_INTERPRETER = "libpython"
"""How the name of a library begins that has a whole interpreter in it."""


def check_loadable(tree: Path, owners: Mapping[str, tuple[str, ...]], target: Target) -> tuple[Elf, ...]:
    """What the ELF files among some packages' are; `NotLoadable` names each that is not for the target, and why."""
    machine = read_policy("elf.toml")["machines"][target.platform.cpu.lambda_name]
    found, problems = [], []
    for path, names in owners.items():
        with (tree / path).open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                continue
        content = (tree / path).read_bytes()
        try:
            elf, too_new = _read(path, content, target.platform.glibc)
        except ELFError as error:
            problems.append(f"{', '.join(names)}: {path}: is damaged ({error})")
            continue
        found.append(elf)
        problems += [f"{', '.join(names)}: {path}: {problem}" for problem in _problems(elf, too_new, machine, target)]
    problems += [
        f"{', '.join(owners[elf.path])}: {elf.path}: is linked to {library}, and the interpreter is one executable, "
        "without such a library (PEP 513 allows no wheel to need it)"
        for elf in found
        for library in _absent(elf, found, ())
        if library.startswith(_INTERPRETER)
    ]
    if problems:
        raise NotLoadable(
            "Packages hold compiled code that the target cannot load.",
            "\n       ".join(problems),
            "Lock another version; or, where glibc is what is too old, build for --runtime provided.al2023.",
        )
    return tuple(found)


def lacking(found: tuple[Elf, ...], owners: Mapping[str, tuple[str, ...]], target: Target) -> Iterator[str]:
    """What compiled code of packages needs that neither they nor the systems of the target's runtimes have.

    On purpose, if the function or another layer has it, or if only a part needs it that nobody uses.
    """
    systems = {
        name: {library for libraries in packages.values() for library in libraries}
        for name, packages in read_policy("libraries.toml").items()
        if name in target.platform.runtimes
    }
    users: dict[tuple[str, str], list[Elf]] = {}
    for elf in found:
        for library in _absent(elf, found, set.intersection(*systems.values())):
            users.setdefault((", ".join(owners[elf.path]), library), []).append(elf)
    for (names, library), elf_files in users.items():
        more = f" and {len(elf_files) - 1} more" if len(elf_files) > 1 else ""
        without = " and ".join(name for name, libraries in systems.items() if library not in libraries)
        yield (
            f"{names}: {elf_files[0].path}{more} needs {library}, which is not in {without} nor in the packages; "
            "the function or another layer may bring it, in lib/"
        )


def _absent(elf: Elf, found: Iterable[Elf], system: Container[str]) -> Iterator[str]:
    """The libraries that an ELF file needs and that neither lie among the others nor are a system's."""
    there = {other.path.rpartition("/")[2] for other in found}
    return (library for library in elf.needed if library.rpartition("/")[2] not in there and library not in system)


def _read(path: str, content: bytes, glibc: str) -> tuple[Elf, list[str]]:
    """What an ELF file is, and which symbols it needs of a newer glibc."""
    file = ELFFile(io.BytesIO(content))
    if not any(segment["p_type"] == "PT_DYNAMIC" for segment in file.iter_segments()):
        return Elf(path, file["e_machine"], "0.0", (), 0), []  # a program of its own: it needs no library
    reader = ElfReader(Entry(path, content, FILE))
    return reader.summary(), reader.symbols_above(glibc)


def _problems(elf: Elf, too_new: list[str], machine: str, target: Target) -> Iterator[str]:
    if elf.machine != machine:
        yield f"is for {elf.machine}, not {machine}"
    if too_new:
        more = f" and {len(too_new) - _MOST_SHOWN} more" if len(too_new) > _MOST_SHOWN else ""
        yield f"needs glibc {elf.glibc}, above {target.platform.glibc}: {', '.join(too_new[:_MOST_SHOWN])}{more}"
