"""Runs the same cases on both interpreters, for a time or for a number of cases, and notes where they differ."""

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from builder.errors import BuildError
from tools.prove.fuzz.narrow import differs, narrow
from tools.prove.fuzz.processes import Answers, Cases, digests
from tools.prove.interpreters import Pair
from tools.prove.report import SHOWN, Part
from tools.prove.side_by_side import on_both, run_all

CHUNK = 200
"""Cases for a digest."""
SLICE = 20.0
"""Seconds that a process should take at the most: long against its start, short against a run."""


@dataclass(frozen=True)
class Amount:
    """How much is to be run."""

    subjects: tuple[str, ...]
    seed: int = 1
    seconds: float = math.inf
    """In all; each subject has the same share."""
    cases: float = math.inf
    """Of each subject."""
    jobs: int = 1
    """Processes at once. With one, the interpreters take turns."""
    chunk: int = CHUNK

    @property
    def workers(self) -> int:
        return max(1, self.jobs // 2)

    @property
    def share(self) -> float:
        """Seconds for one subject, in which both interpreters run."""
        return self.seconds * self.workers / len(self.subjects)


@dataclass
class Progress:
    """How far a subject is."""

    subject: str
    cases: int = 0
    seconds: float = 0.0
    skipped: int = 0
    """Cases that did not run because one before them ended the process or hung."""
    running: bool = False
    stopped: bool = False
    next: int = 0
    """The first case that nobody has begun."""

    @property
    def rate(self) -> float:
        """Cases a second that both interpreters have run."""
        return self.cases / self.seconds if self.seconds else 0.0


@dataclass
class Fuzzer:
    """One run."""

    pair: Pair
    amount: Amount
    part: Part
    scratch: Path
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.end = time.monotonic() + self.amount.seconds
        self.progress = [Progress(subject) for subject in self.amount.subjects]

    def run(self) -> list[Progress]:
        """Runs it all, with several threads if there may be several processes."""
        run_all([self._work] * self.amount.workers, self.amount.workers)
        return self.progress

    def _work(self) -> None:
        while cases := self._choose():
            start = time.monotonic()
            done = self._compare(cases)
            with self.lock:
                progress = self._progress_of(cases.subject)
                progress.running = False
                progress.cases += done
                progress.skipped += cases.count - done
                progress.seconds += time.monotonic() - start
                progress.stopped = len(self.part.unknown(cases.subject)) >= SHOWN

    def _choose(self) -> Cases | None:
        """The next cases of a subject that nobody runs, the one that had least; None if all had theirs."""
        with self.lock:
            left = [each for each in self.progress if not each.running and self._left(each)]
            if not left:
                return None
            progress = min(left, key=lambda each: each.seconds)
            first, count = progress.next, self._left(progress)
            progress.next += count
            progress.running = True
            return Cases(progress.subject, self.amount.seed, first, count)

    def _left(self, progress: Progress) -> int:
        """How many cases a subject should run next: one chunk at first, whatever the time is, and then by its rate."""
        share = self.amount.share
        seconds = min(SLICE, share / 3, share - progress.seconds, self.end - time.monotonic())
        if progress.stopped or (progress.next and seconds <= 0):
            return 0
        chunks = max(1, int(progress.rate * seconds) // self.amount.chunk)
        return int(min(chunks * self.amount.chunk, self.amount.cases - progress.next))

    def _progress_of(self, subject: str) -> Progress:
        return next(each for each in self.progress if each.subject == subject)

    def _compare(self, cases: Cases) -> int:
        """Runs some cases; notes what differs, and gives how many both interpreters ran.

        After a chunk in which one of them ended or hung, both go on with the next.
        """
        done, left = 0, cases
        while left.count:
            run = partial(digests, cases=left, chunk=self.amount.chunk, scratch=self.scratch)
            stock, patched = on_both(self.pair, run, side_by_side=self.amount.jobs > 1)
            _check_that_it_runs(self.pair, left, stock, patched)
            chunks = _chunks(left, self.amount.chunk)
            for chunk in chunks:
                if differs(stock, patched, chunk.first) or chunk.first not in stock.lines:
                    self._narrow(left, chunk, stock)
                if chunk.first not in stock.lines or chunk.first not in patched.lines:
                    break
                done += chunk.count
            left = replace(left, first=chunk.end, count=left.end - chunk.end)
        return done

    def _narrow(self, cases: Cases, chunk: Cases, stock: Answers) -> None:
        found = list(narrow(self.pair, cases, chunk, self.scratch, side_by_side=self.amount.jobs > 1))
        with self.lock:
            for each in found:
                where = f"seed {cases.seed}, case {each.number}"
                self.part.differs(cases.subject, where, each.what, each.stock, each.patched)
            if not found:
                after = f"{cases.subject}, seed {cases.seed}, cases {chunk.first} to {chunk.end - 1}"
                self.part.problems.append(f"{after}: both interpreters {stock.ending}; the rest was not run")


def _chunks(cases: Cases, size: int) -> list[Cases]:
    return [
        replace(cases, first=first, count=min(size, cases.end - first)) for first in range(cases.first, cases.end, size)
    ]


def _check_that_it_runs(pair: Pair, cases: Cases, stock: Answers, patched: Answers) -> None:
    """`BuildError` if neither interpreter runs even one case: that is no difference, but a fault of this tool."""
    if stock.ending and patched.ending and not stock.lines and not patched.lines and not cases.first:
        raise BuildError(
            f"The cases of {cases.subject} do not run.",
            f"{pair.stock.python} {stock.ending}:\n{stock.errors}",
            "Run tools/prove/fuzz/runner.py by hand on that interpreter.",
        )


def results(progress: list[Progress]) -> Iterator[str]:
    """A table of what was run: a line for each subject."""
    yield f"{'subject':<16}{'cases':>12}{'cases/s':>10}"
    for each in progress:
        more = (f"  {each.skipped} not run" if each.skipped else "") + ("  stopped: too many" if each.stopped else "")
        yield f"{each.subject:<16}{each.cases:>12,}{each.rate:>10,.0f}{more}"
