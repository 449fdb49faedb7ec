"""A source's licences, to where they ship."""

import shutil
from pathlib import Path

from builder.pins import Source


def lay_licences(source: Source, tree: Path, destination: Path) -> None:
    """Copies a source's licences to ``licenses/<source>/`` below a folder."""
    folder = destination / "licenses" / source.name
    folder.mkdir(parents=True)
    for path in source.licence_files:
        shutil.copyfile(tree / path, folder / Path(path).name)
