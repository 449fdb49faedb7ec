"""A function's folder → what of it is packaged."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from builder.artifacts.deterministic_zip import Entry, read_entry
from builder.errors import BadSource

BYTECODE = ".pyc"
CACHE = "__pycache__"
EXCLUDED = (CACHE, ".git")
"""Folders with what differs between runs without being code."""


@dataclass(frozen=True)
class Source:
    """A folder that has been read."""

    folder: Path
    entries: tuple[Entry, ...]
    """In no particular order; modes are reduced to executable or not, links stay links."""
    bytecode: tuple[str, ...]
    """Paths of the bytecode that is left out, because import would take its source, or what is made of it anew."""


def read_source(folder: Path) -> Source:
    """Reads it.

    Raises:
        BadSource: it is no folder, or empty, or has what no zip for Lambda can have; all of that is listed.
    """
    if not folder.is_dir():
        raise bad_source(folder, "It is not a folder.")
    root = folder.resolve()
    entries, bytecode, problems = [], [], []
    for path in _walk(root):
        relative = path.relative_to(root).as_posix()
        if problem := _problem(path, relative, root):
            problems.append(problem)
        elif not path.is_symlink() and _is_made_anew(path):
            bytecode.append(relative)
        else:
            entries.append(read_entry(path, relative))
    if problems:
        raise bad_source(folder, "\n       ".join(problems))
    if not entries:
        raise bad_source(folder, "It contains no files.")
    return Source(root, tuple(entries), tuple(sorted(bytecode)))


def bad_source(folder: Path, why: str) -> BadSource:
    return BadSource(f"{folder} cannot be a function's source.", why, "Pass a folder with the function's files.")


def _walk(root: Path) -> Iterator[Path]:
    """Files and links, and of folders in caches only the bytecode."""
    for folder, folders, files in os.walk(root):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in EXCLUDED[1:])
        for name in sorted((*files, *links)):
            if Path(folder).name != CACHE or name.endswith(BYTECODE):
                yield Path(folder, name)


def _is_made_anew(path: Path) -> bool:
    return path.parent.name == CACHE or (path.suffix == BYTECODE and path.with_suffix(".py").exists())


def _problem(path: Path, relative: str, root: Path) -> str:
    """Why it cannot be packaged; empty if it can."""
    try:
        relative.encode()
    except UnicodeEncodeError:
        return f"The name {os.fsencode(relative)!r} is not UTF-8."
    if "\\" in relative:
        return f"The name {relative!r} has a backslash."
    if path.is_symlink():
        target = os.readlink(path)
        if Path(target).is_absolute() or not Path(os.path.realpath(path)).is_relative_to(root):  # resolve() minds loops
            return f"The link {relative} leads out of it, to {target}."
    elif not path.is_file():
        return f"{relative} is neither a file nor a folder nor a link."
    elif not os.access(path, os.R_OK):
        return f"{relative} cannot be read."
    return ""
