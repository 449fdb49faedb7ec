"""What the patched interpreter is meant to do otherwise: ``known.toml``."""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builder import ROOT
from builder.errors import BadPins

FILE = Path(__file__).with_name("known.toml")
PATCHES = ROOT / "patches" / "cpython"
KEYS = {"subject", "pattern", "patch", "why"}


@dataclass(frozen=True)
class Known:
    """A kind of difference that a patch means to make."""

    subject: str
    """Of the fuzzer, or the name of a build, or ``layout``."""
    pattern: str
    """A regular expression that is searched for in ``<what>: <stock's> -> <patched's>``."""
    patch: str
    """Set and number of the patch that makes it: ``fast/0029``."""
    why: str


@dataclass
class KnownDifferences:
    """All of them, and which were met."""

    entries: tuple[Known, ...]
    met: set[Known] = field(default_factory=set)

    def find(self, subject: str, what: str, stock: str, patched: str) -> Known | None:
        """The first entry that says so; it has been met then."""
        line = f"{what}: {stock} -> {patched}"
        for entry in self.entries:
            if entry.subject == subject and re.search(entry.pattern, line, re.DOTALL):
                self.met.add(entry)
                return entry
        return None

    def unmet(self, subjects: set[str]) -> list[Known]:
        """The entries of some subjects that no difference was found for."""
        return [entry for entry in self.entries if entry.subject in subjects and entry not in self.met]


def load_known(path: Path = FILE, patches: Path = PATCHES) -> KnownDifferences:
    """Reads and checks the file; `BadPins` lists everything that is wrong with it."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("difference", [])
    except tomllib.TOMLDecodeError as error:
        problems, entries = [f"it is no TOML: {error}"], []
    else:
        problems = [
            f"entry {number}: {wrong}" for number, entry in enumerate(entries, 1) for wrong in _wrong(entry, patches)
        ]
    if problems:
        raise BadPins(f"{path} is not in order.", "\n       ".join(problems), "Fix these entries.")
    return KnownDifferences(tuple(Known(**entry) for entry in entries))


def _wrong(entry: dict[str, Any], patches: Path) -> list[str]:
    if entry.keys() != KEYS or not all(isinstance(value, str) and value for value in entry.values()):
        return [f"it needs {', '.join(sorted(KEYS))}, each a text, and nothing else"]
    found = []
    try:
        re.compile(entry["pattern"])
    except re.error as error:
        found.append(f"its pattern is none: {error}")
    if not list(patches.glob(f"*/{entry['patch']}-*.patch")):
        found.append(f"there is no patch {entry['patch']}")
    return found
