"""What is known about CPython's tests: ``tests.toml``."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.errors import BadPins
from tools.support.product import PRODUCT, ROOT

KNOWLEDGE = ROOT / PRODUCT.file("regrtest.toml")


@dataclass(frozen=True)
class Skipped:
    """Files of tests that skip themselves as a whole."""

    files: tuple[str, ...]
    """As regrtest names them."""
    says: str
    """In the reason that each of them gives."""
    why: str


@dataclass(frozen=True)
class Excluded:
    """Tests of one file that do not apply: a run leaves them out, and then looks how they fail."""

    file: str
    tests: tuple[str, ...]
    """As unittest names them, without the name of the package ``test``."""
    says: str
    """In what each of them fails with."""
    why: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"test.{test}" for test in self.tests)


@dataclass(frozen=True)
class Expectations:
    """All of the file."""

    skipped: tuple[Skipped, ...]
    left_out: tuple[Excluded, ...]
    parts: dict[str, tuple[str, ...]]
    """Name → the files that are run under it."""


def load_expectations(path: Path = KNOWLEDGE) -> Expectations:
    """Reads and checks the file; `BadPins` lists everything that is wrong with it."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        problems = list(_problems(data))
        if not problems:
            return Expectations(
                tuple(Skipped(tuple(entry["files"]), entry["says"], entry["why"]) for entry in data["skipped"]),
                tuple(
                    Excluded(entry["file"], tuple(entry["tests"]), entry["says"], entry["why"])
                    for entry in data["left-out"]
                ),
                {name: tuple(files) for name, files in data["parts"].items()},
            )
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        problems = [f"not TOML, or something is missing: {error}"]
    raise BadPins(f"{path} is not complete.", "; ".join(problems) + ".", "Mend the entries named above.")


def _problems(data: dict[str, Any]) -> Iterator[str]:
    entries = [*data["skipped"], *data["left-out"]]
    named = [name for entry in entries for name in entry.get("files", entry.get("tests", ()))]
    yield from (f"{name} stands there twice" for name in sorted({name for name in named if named.count(name) > 1}))
    for entry in entries:
        if not entry["says"] or not entry["why"]:
            yield f"{named[0]} and others need says and why"
