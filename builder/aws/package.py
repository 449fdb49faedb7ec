"""Zips a function's source. The same files give the same bytes, so the sha256 shows whether the code has changed."""

import os
from collections.abc import Iterator
from pathlib import Path

from builder.artifacts.deterministic_zip import EXECUTABLE, FILE, LINK, Entry, write_zip
from builder.aws.errors import BadSource
from builder.aws.upload import Package
from builder.disk import translate_os_errors

EXCLUDED = ("__pycache__", ".git")
"""What differs between runs without being code."""


def make_package(source: Path, path: Path, bucket: str) -> Package:
    """Zips a folder into ``path``; modes are reduced to executable or not, links stay links.

    Raises:
        BadSource: the folder is empty, or contains a link that leads out of it.
    """
    if not source.is_dir():
        raise _bad_source(source, "It is not a folder.")
    entries = tuple(_walk(source.resolve()))
    if not entries:
        raise _bad_source(source, "It contains no files.")
    with translate_os_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        written = write_zip(entries, path)
    return Package(path, written.sha256, bucket)


def check_handler(handler: str, source: Path) -> None:
    """`BadSource` unless the handler's module is in the folder."""
    module, dot, name = handler.replace("/", ".").rpartition(".")
    if not (module and dot and name):
        raise BadSource(f"{handler!r} is not a handler.", "It names no module.", "Pass --handler module.function")
    path = source / module.replace(".", "/")
    if not (path.is_dir() or list(path.parent.glob(f"{path.name}.*"))):
        raise BadSource(
            f"The handler {handler!r} is not in {source}.",
            f"There is no {module.replace('.', '/')}.py.",
            "Pass that module's folder as --source, or correct --handler.",
        )


def _walk(source: Path) -> Iterator[Entry]:
    for folder, folders, files in os.walk(source):
        folders[:] = [name for name in folders if name not in EXCLUDED]
        for name in (*files, *(name for name in folders if Path(folder, name).is_symlink())):
            path = Path(folder, name)
            relative = path.relative_to(source).as_posix()
            if not path.is_symlink():
                yield Entry(relative, path.read_bytes(), EXECUTABLE if path.stat().st_mode & 0o100 else FILE)
            elif path.resolve().is_relative_to(source) and not Path(target := os.readlink(path)).is_absolute():
                yield Entry(relative, target.encode(), LINK)
            else:
                raise _bad_source(source, f"The link {relative} leads out of it, to {os.readlink(path)}.")


def _bad_source(source: Path, why: str) -> BadSource:
    return BadSource(f"{source} cannot be a function's source.", why, "Pass a folder with the function's files.")
