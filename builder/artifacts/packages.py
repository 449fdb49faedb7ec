"""What a step that installs packages leaves: their files in ``tree/``, and beside them this listing."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

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
        sources = (
            Source(**{**source, "archives": tuple(Archive(**archive) for archive in source["archives"])})
            for source in data["sources"]
        )
        return cls(tuple(sources), data["owners"], tuple(Elf(**elf) for elf in data["elf_files"]))
