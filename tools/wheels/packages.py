"""The list of packages, and what is known about some of them."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tools.support.product import ROOT

REQUIREMENTS = "popular"
LIST = ROOT / "requirements" / f"{REQUIREMENTS}.in"
KNOWLEDGE = Path(__file__).with_name("packages.toml")


@dataclass(frozen=True)
class Excluded:
    """Packages that their rank would put into the list, and why they are not."""

    packages: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Packages:
    """What to import, and what to expect."""

    ranks: dict[str, int]
    """Name → place among all of PyPI's packages by downloads, the most downloaded first."""
    first: dict[str, tuple[str, ...]]
    """Package → modules to import before its own."""
    refused: dict[tuple[str, str], str]
    """(package, module) → why it cannot be imported."""
    left_out: tuple[Excluded, ...]


def load_packages(listed: Path = LIST, knowledge: Path = KNOWLEDGE) -> Packages:
    """Reads both files."""
    lines = re.findall(r"^(\S+)  # (\d+)$", listed.read_text(encoding="utf-8"), re.MULTILINE)
    known = tomllib.loads(knowledge.read_text(encoding="utf-8"))
    return Packages(
        ranks={name: int(rank) for name, rank in lines},
        first={name: tuple(modules) for name, modules in known["first"].items()},
        refused={(entry["package"], entry["module"]): entry["why"] for entry in known["refused"]},
        left_out=tuple(Excluded(tuple(entry["packages"]), entry["why"]) for entry in known["left-out"]),
    )
