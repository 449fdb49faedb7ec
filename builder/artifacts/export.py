"""Store → dist/: the zip, what attests it, and their checksums; each appears whole or not at all."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from filelock import FileLock

from builder.disk import make_folder, translate_os_errors

SUMS = "SHA256SUMS"
"""Of the layers that are released; any other layer has a file of its own, so that git finds this one as it was."""


NOTHING: Mapping[str, str] = MappingProxyType({})


def export(
    result: Path, folder: Path, lock: FileLock, attestations: Mapping[str, str] = NOTHING, sums: str = SUMS
) -> tuple[Path, ...]:
    """Copies the files of a layer step, or of another ``dist/``, into ``folder``, and returns where they are now.

    ``attestations`` are written beside them, text by name; ``sums`` is the file of their checksums; ``lock`` is held
    meanwhile.
    """
    with translate_os_errors(folder), lock:
        make_folder(folder)
        files = {path.name: path.read_bytes() for path in result.iterdir() if path.name not in ("step.json", SUMS)}
        files |= {name: text.encode() for name, text in attestations.items()}
        for stale in filter(Path.exists, (_part(folder / name) for name in (*files, sums))):
            stale.unlink()  # of a process that was killed
        for name, content in files.items():
            goal = folder / name
            if not (goal.is_file() and goal.read_bytes() == content):
                _replace(goal, content)
        _note_sums(folder / sums, {name: hashlib.sha256(content).hexdigest() for name, content in files.items()})
        return tuple(folder / name for name in sorted(files))


def read_sums(sums: Path) -> dict[str, str]:
    """Name → sha256, of a file in the format of sha256sum; nothing if it is not there."""
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.exists() else []
    return {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines)}


def _replace(goal: Path, content: bytes) -> None:
    part = _part(goal)
    try:
        part.write_bytes(content)
        os.replace(part, goal)
    finally:
        part.unlink(missing_ok=True)


def _part(goal: Path) -> Path:
    return goal.with_name(f"{goal.name}.part")


def _note_sums(sums: Path, digests: Mapping[str, str]) -> None:
    """Writes the files' lines in the format of sha256sum, and keeps those of other files."""
    known = {**read_sums(sums), **digests}
    text = "".join(f"{known[name]}  {name}\n" for name in sorted(known))
    if not sums.exists() or sums.read_text(encoding="utf-8") != text:
        _replace(sums, text.encode())
