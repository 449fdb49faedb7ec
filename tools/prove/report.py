"""What was found: differences, those that are known among them, and the table at the end."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tools.prove.known import Known, KnownDifferences

_BEFORE, _AFTER = 80, 240
"""Characters of a value that are shown around the first that differs."""
SHOWN = 20
"""Differences of one subject that are shown in full; of further ones there is only the number."""


@dataclass(frozen=True)
class Difference:
    """Something that the patched interpreter does otherwise than the stock one."""

    subject: str
    """Of the fuzzer, or the name of a build, or ``layout``."""
    where: str
    """The case, the test, the structure."""
    what: str
    """What of it differs."""
    stock: str
    patched: str
    known: Known | None = None

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield f"{self.subject}, {self.where}: {self.what} differs"
        for name, shown in zip(("stock", "patched"), excerpts(self.stock, self.patched), strict=True):
            yield f"    {name:8}{shown}"


@dataclass
class Part:
    """One part of the proof, while it runs and when it has run."""

    name: str
    known: KnownDifferences
    tell: Callable[[str], None]
    """Called with a line at a time."""
    ran: str = ""
    """What was run, and how much of it."""
    subjects: set[str] = field(default_factory=set)
    """What was run, as `known.toml` calls it."""
    differences: list[Difference] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Why something was not, or not wholly, run."""

    def differs(self, subject: str, where: str, what: str, stock: str, patched: str) -> Difference:
        """Notes a difference; tells of it if it is not known."""
        found = Difference(subject, where, what, stock, patched, self.known.find(subject, what, stock, patched))
        self.differences.append(found)
        if not found.known and len(self.unknown(subject)) <= SHOWN:
            for line in found.lines():
                self.tell(line)
        return found

    def unknown(self, subject: str | None = None) -> list[Difference]:
        """The differences that no patch means to make."""
        return [each for each in self.differences if not each.known and subject in (None, each.subject)]


def excerpts(stock: str, patched: str) -> tuple[str, str]:
    """Both values around the first character that differs."""
    pairs = enumerate(zip(stock, patched, strict=False))
    at = next((place for place, (one, other) in pairs if one != other), min(len(stock), len(patched)))
    begin = max(0, at - _BEFORE)

    def excerpt(value: str) -> str:
        start, end = "…" if begin else "", "…" if len(value) > at + _AFTER else ""
        return (start + value[begin : at + _AFTER] + end).replace("\n", "\n            ")

    return excerpt(stock), excerpt(patched)


def summary(parts: Sequence[Part]) -> Iterator[str]:
    """The table at the end: a line for each part, what was known, and what was not met."""
    yield f"{'part':<16}{'differences':>12}{'known':>8}  what ran"
    for part in parts:
        unknown = len(part.unknown())
        yield f"{part.name:<16}{unknown:>12,}{len(part.differences) - unknown:>8,}  {part.ran}"
        yield from (f"    {problem}" for problem in part.problems)
    for entry, count in _counted(parts):
        yield f"known: {entry.subject}, {count:,} times: {' '.join(entry.why.split())} ({entry.patch})"
    for part in parts:
        for entry in part.known.unmet(part.subjects):
            yield f"known, but not met: {entry.subject}, {entry.pattern!r} ({entry.patch})"


def _counted(parts: Iterable[Part]) -> list[tuple[Known, int]]:
    counts: dict[Known, int] = {}
    for part in parts:
        for each in part.differences:
            if each.known:
                counts[each.known] = counts.get(each.known, 0) + 1
    return list(counts.items())
