"""Store → dist/: the zip, its manifest, and their line in SHA256SUMS; each appears whole or not at all."""

import filecmp
import hashlib
import os
import shutil
from pathlib import Path

from filelock import FileLock

from builder.disk import complaints_about

SUMS = "SHA256SUMS"


def deliver(result: Path, folder: Path, lock: FileLock) -> tuple[Path, ...]:
    """Copies a layer step's files into ``folder`` and returns where they are now; ``lock`` is held meanwhile."""
    with complaints_about(folder), lock:
        folder.mkdir(parents=True, exist_ok=True)
        files = sorted(path for path in result.iterdir() if path.name != "step.json")
        parts = (_part(folder / name) for name in (*(path.name for path in files), SUMS))
        for stale in filter(Path.exists, parts):  # of a process that was killed
            stale.unlink()
        for path in files:
            goal = folder / path.name
            if not (goal.is_file() and filecmp.cmp(path, goal, shallow=False)):
                _replace(goal, path)
        delivered = tuple(folder / path.name for path in files)
        _note_sums(folder, delivered)
        return delivered


def _replace(goal: Path, source: Path) -> None:
    part = _part(goal)
    try:
        shutil.copyfile(source, part)
        os.replace(part, goal)
    finally:
        part.unlink(missing_ok=True)


def _part(goal: Path) -> Path:
    return goal.with_name(f"{goal.name}.part")


def _note_sums(folder: Path, files: tuple[Path, ...]) -> None:
    """Writes the files' lines in the format of sha256sum, and keeps those of other files."""
    sums = folder / SUMS
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.exists() else []
    known = {line.partition("  ")[2]: line for line in lines}
    known |= {path.name: f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in files}
    text = "".join(f"{known[name]}\n" for name in sorted(known))
    if not sums.exists() or sums.read_text(encoding="utf-8") != text:
        part = _part(sums)
        part.write_text(text, encoding="utf-8")
        os.replace(part, sums)
