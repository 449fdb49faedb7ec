"""Leaves out of the standard library what no function needs; the product's ``omissions.toml`` says what, and why."""

import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

from builder.errors import BadProduct


@dataclass(frozen=True)
class Omission:
    """Glob patterns below the standard library, and the reason they share."""

    paths: tuple[str, ...]
    why: str


def read_omissions(text: str, path: str) -> tuple[Omission, ...]:
    """What a product's ``omissions.toml`` holds; `BadProduct` if an entry has no path or no reason."""
    entries = tomllib.loads(text).get("omit", [])
    omissions = tuple(Omission(tuple(entry.get("paths", ())), entry.get("why", "")) for entry in entries)
    if not omissions or not all(omission.paths and omission.why for omission in omissions):
        raise BadProduct(f"{path} is not complete.", "Every [[omit]] needs paths and why.", "Correct the file.")
    return omissions


def trim(library: Path, omissions: tuple[Omission, ...]) -> None:
    """Removes what the policy names from ``lib/python3.X``."""
    for omission in omissions:
        for pattern in omission.paths:
            for path in sorted(library.glob(pattern)):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
