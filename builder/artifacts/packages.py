"""What a step that installs packages leaves: their files in ``tree/``, and beside them this listing."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from builder.artifacts.audit import Elf
from builder.pins import Archive, Source

TREE, LISTING = "tree", "packages.json"


@dataclass(frozen=True)
class Packages:
    """Packages that were installed for a layer."""

    sources: tuple[Source, ...]
    """Each with the one archive that it came as."""
    owners: Mapping[str, tuple[str, ...]]
    """Path of a file, from the layer's root → names of the packages that have it."""
    elf_files: tuple[Elf, ...] = ()

    def write(self, folder: Path) -> None:
        (folder / LISTING).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Packages":
        data = json.loads((folder / LISTING).read_text(encoding="utf-8"))
        return cls(
            tuple(map(_source, data["sources"])),
            {path: tuple(names) for path, names in data["owners"].items()},
            tuple(Elf(**{**elf, "needed": tuple(elf["needed"])}) for elf in data["elf_files"]),
        )


def _source(data: Mapping[str, Any]) -> Source:
    archives = tuple(Archive(**archive) for archive in data["archives"])
    return Source(**{**data, "archives": archives, "licence_files": tuple(data["licence_files"])})
