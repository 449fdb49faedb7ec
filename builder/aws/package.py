"""A function's source → its zip, the same bytes for the same files: so it shows whether the code has changed."""

import os
from collections.abc import Iterator
from pathlib import Path

from builder.artifacts.deterministic_zip import EXECUTABLE, FILE, LINK, Entry, write_zip
from builder.aws.errors import BadSource
from builder.aws.upload import Package
from builder.disk import translate_os_errors

LEFT_OUT = ("__pycache__", ".git")
"""What differs from run to run without being code."""


def make_package(source: Path, path: Path, bucket: str) -> Package:
    """Zips a folder into ``path``; modes come down to executable or not, links stay links.

    Raises:
        BadSource: there is nothing in it, or a link that leads out of it.
    """
    if not source.is_dir():
        raise _bad(source, "It is no folder.")
    entries = tuple(_walk(source.resolve()))
    if not entries:
        raise _bad(source, "There is no file in it.")
    with translate_os_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        written = write_zip(entries, path)
    return Package(path, written.sha256, bucket)


def check_handler(handler: str, source: Path) -> None:
    """`BadSource` unless the handler's module is in the folder."""
    module, dot, name = handler.replace("/", ".").rpartition(".")
    if not (module and dot and name):
        raise BadSource(f"{handler!r} is no handler.", "It names no module.", "Pass --handler module.function")
    place = source / module.replace(".", "/")
    if not (place.is_dir() or list(place.parent.glob(f"{place.name}.*"))):
        raise BadSource(
            f"The handler {handler!r} is not in {source}.",
            f"There is no {module.replace('.', '/')}.py.",
            "Pass the folder of that module as --source, or the right --handler.",
        )


def _walk(source: Path) -> Iterator[Entry]:
    for folder, folders, files in os.walk(source):
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        for name in (*files, *(name for name in folders if Path(folder, name).is_symlink())):
            path = Path(folder, name)
            where = path.relative_to(source).as_posix()
            if not path.is_symlink():
                yield Entry(where, path.read_bytes(), EXECUTABLE if path.stat().st_mode & 0o100 else FILE)
            elif path.resolve().is_relative_to(source) and not Path(target := os.readlink(path)).is_absolute():
                yield Entry(where, target.encode(), LINK)
            else:
                raise _bad(source, f"The link {where} leads out of it, to {os.readlink(path)}.")


def _bad(source: Path, why: str) -> BadSource:
    return BadSource(f"{source} cannot be a function's source.", why, "Pass a folder with the function's files.")
