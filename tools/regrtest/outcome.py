"""Parses regrtest's output and compares it with the expectations."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from tools.regrtest.expectations import Excluded, Expectations

_FILE = re.compile(r"^\d+:\d\d:\d\d load avg: \S+ \[ *\d+/\d+(?:/\d+)?\] (\S+) ", re.MULTILINE)
_SKIPPED = re.compile(r"^(\S+) skipped -- (.+)$", re.MULTILINE)
_TOTAL = re.compile(r"^Total (tests|test files): (.+)$", re.MULTILINE)
_FAILED = re.compile(r"^(?:ERROR|FAIL): \S+ \((\S+)\)", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """The result of a run with a process for each file (``-j``)."""

    files: frozenset[str]
    """The files that were run to the end."""
    skipped: Mapping[str, str]
    """File → the reason that it gave."""
    totals: tuple[str, ...]
    """Of tests and of files, as regrtest prints them."""

    @classmethod
    def parse(cls, text: str) -> Self:
        totals = tuple(f"{what}: {numbers}" for what, numbers in _TOTAL.findall(text))
        return cls(frozenset(_FILE.findall(text)), dict(_SKIPPED.findall(text)), totals)


def skip_problems(expectations: Expectations, outcome: Outcome, *, whole: bool) -> Iterator[str]:
    """Unexpected skips, and expectations that do not hold.

    ``whole`` means that all files were to be run, so a file that was not run does not exist.
    """
    expected = {file: entry.match for entry in expectations.skipped for file in entry.files}
    for file, reason in sorted(outcome.skipped.items()):
        if expected.get(file, "\n") not in reason:
            yield f"{file} skipped itself: {reason}"
    for file in expected.keys() & outcome.files - outcome.skipped.keys():
        yield f"{file}: regrtest.toml expects it to skip itself, and it does not"
    named = expected.keys() | {entry.file for entry in expectations.excluded}
    if whole:
        yield from (f"{file} is in regrtest.toml, but there is no such file" for file in named - outcome.files)


def exclusion_problems(entry: Excluded, text: str) -> Iterator[str]:
    """Excluded tests that passed or failed with another message; ``text`` is the output of running them (``-v``)."""
    failed = set(_FAILED.findall(text))
    for name in entry.names:
        if name not in failed:
            yield f"{name}: regrtest.toml expects it to fail, and it does not"
    if failed and text.count(entry.match) < len(entry.tests):  # may also be printed by a program that a test starts
        yield f"{entry.names[0]} or another one does not fail as regrtest.toml says: {entry.match}"
