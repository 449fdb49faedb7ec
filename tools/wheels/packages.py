"""The list of packages, and what to expect of some of them."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tools.support.product import ROOT

REQUIREMENTS = "popular"
LIST = ROOT / "requirements" / f"{REQUIREMENTS}.in"
EXPECTATIONS = Path(__file__).with_name("packages.toml")


@dataclass(frozen=True)
class Excluded:
    """Packages that are not in the list despite their rank, and why."""

    packages: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Packages:
    """What to import, and what to expect."""

    ranks: dict[str, int]
    """Name → rank among all of PyPI's packages by downloads, the most downloaded first."""
    import_first: dict[str, tuple[str, ...]]
    """Package → modules to import before its own."""
    expected_failures: dict[tuple[str, str], str]
    """(package, module) → why it cannot be imported."""
    excluded: tuple[Excluded, ...]


def load_packages(listed: Path = LIST, expectations: Path = EXPECTATIONS) -> Packages:
    """Reads both files."""
    lines = re.findall(r"^(\S+)  # (\d+)$", listed.read_text(encoding="utf-8"), re.MULTILINE)
    data = tomllib.loads(expectations.read_text(encoding="utf-8"))
    failures = data["expected-failure"]
    return Packages(
        ranks={name: int(rank) for name, rank in lines},
        import_first={name: tuple(modules) for name, modules in data["import-first"].items()},
        expected_failures={(entry["package"], entry["module"]): entry["why"] for entry in failures},
        excluded=tuple(Excluded(tuple(entry["packages"]), entry["why"]) for entry in data["excluded"]),
    )
