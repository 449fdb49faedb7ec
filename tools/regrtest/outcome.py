"""What regrtest printed → what is to be said about it."""

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
    """What a run came to, whose files were run in processes of their own (``-j``)."""

    files: frozenset[str]
    """That it came to the end of."""
    skipped: Mapping[str, str]
    """File → the reason that it gave."""
    totals: tuple[str, ...]
    """Of tests and of files, in regrtest's words."""

    @classmethod
    def read(cls, text: str) -> Self:
        totals = tuple(f"{what}: {numbers}" for what, numbers in _TOTAL.findall(text))
        return cls(frozenset(_FILE.findall(text)), dict(_SKIPPED.findall(text)), totals)


def problems(known: Expectations, outcome: Outcome, *, whole: bool) -> Iterator[str]:
    """Files that skipped themselves and nobody knows why, and what is known of files that is not so.

    ``whole`` says that all files were to be run: what was not run then does not exist.
    """
    explained = {file: entry.says for entry in known.skipped for file in entry.files}
    for file, reason in sorted(outcome.skipped.items()):
        if explained.get(file, "\n") not in reason:
            yield f"{file} skipped itself: {reason}"
    for file in explained.keys() & outcome.files - outcome.skipped.keys():
        yield f"{file}: tests.toml says why it skips itself, and it does not"
    named = explained.keys() | {entry.file for entry in known.left_out}
    if whole:
        yield from (f"{file} stands in tests.toml, and there is no such file" for file in named - outcome.files)


def unproved(entry: Excluded, text: str) -> Iterator[str]:
    """Tests that were left out for a reason which is not how they failed; ``text`` is of a run of theirs (``-v``)."""
    failed = set(_FAILED.findall(text))
    yield from (f"{name}: tests.toml says why it fails, and it does not" for name in entry.names if name not in failed)
    if failed and text.count(entry.says) < len(entry.tests):  # a program that a test starts may be who says it
        yield f"{entry.names[0]} or its like does not fail as tests.toml says: {entry.says}"
