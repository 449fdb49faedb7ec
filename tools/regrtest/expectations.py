"""What to expect of CPython's tests: ``regrtest.toml``."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.errors import BadPins
from tools.support.product import PRODUCT, ROOT

EXPECTATIONS = ROOT / PRODUCT.file("regrtest.toml")


@dataclass(frozen=True)
class Skipped:
    """Test files that skip themselves entirely."""

    files: tuple[str, ...]
    """As regrtest names them."""
    match: str
    """Part of the reason that each of them gives."""
    why: str


@dataclass(frozen=True)
class Excluded:
    """Tests of one file that do not apply: the main run ignores them, and a run of their own checks how they fail."""

    file: str
    tests: tuple[str, ...]
    """As unittest names them, without the package name ``test``."""
    match: str
    """Part of each one's failure message."""
    why: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"test.{test}" for test in self.tests)


@dataclass(frozen=True)
class Expectations:
    """The whole file."""

    skipped: tuple[Skipped, ...]
    excluded: tuple[Excluded, ...]
    parts: dict[str, tuple[str, ...]]
    """Name → test files."""


def load_expectations(path: Path = EXPECTATIONS) -> Expectations:
    """Reads and validates the file; `BadPins` lists everything that is wrong with it."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        problems = list(_problems(data))
        if not problems:
            return Expectations(
                tuple(Skipped(tuple(entry["files"]), entry["match"], entry["why"]) for entry in data["skipped"]),
                tuple(
                    Excluded(entry["file"], tuple(entry["tests"]), entry["match"], entry["why"])
                    for entry in data["excluded"]
                ),
                {name: tuple(files) for name, files in data["parts"].items()},
            )
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        problems = [f"invalid TOML, or something is missing: {error}"]
    raise BadPins(f"{path} is invalid.", "; ".join(problems) + ".", "Fix the entries named above.")


def _problems(data: dict[str, Any]) -> Iterator[str]:
    entries = [*data["skipped"], *data["excluded"]]
    names = [name for entry in entries for name in entry.get("files", entry.get("tests", ()))]
    yield from (f"{name} is listed twice" for name in sorted({name for name in names if names.count(name) > 1}))
    for entry in entries:
        if not entry["match"] or not entry["why"]:
            yield f"{names[0]} and others need match and why"
