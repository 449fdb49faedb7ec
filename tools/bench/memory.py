"""What memory an interpreter and its loop take in functions of several sizes, each a cgroup with that limit.

Two kinds of programs: one that drops much and then makes one block (`memory_program`), on each interpreter; and each
loop, idle and after an invocation that dropped much.
"""

import math
import shutil
import signal
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from tools.bench.api import SubjectProcess, event_bytes, pages_kib
from tools.bench.cgroup import MIB, Cgroup, Parent, limited
from tools.bench.huge_pages import huge_pages
from tools.bench.interpreters import Interpreter
from tools.bench.stock import STOCK
from tools.bench.subjects import OURS, THREADED, Subject, Workspace

SMALLEST, LARGEST = 128, 10240
"""MB that a function can have."""
USUAL = (128, 256, 512, 1769)
"""MB; with the last, a function has one processor."""
BLOCK = 60
"""MiB of the block in the program whose peak is measured."""
TIMEOUT = 120.0
"""Seconds after which a program has failed."""
OPTIONS = ("-S", "-P")
"""Of the interpreter: those of the loop, `runtime/python/bootstrap`, except that output may be buffered."""
PROGRAM = Path(__file__).with_name("memory_program.py")

FUNCTION = """
def handler(event, context):
    return len([{"number": number, "text": str(number), "list": [number]} for number in range(120_000)])
"""
"""40 MiB of objects, dropped."""


class Failed(Exception):
    """What was measured ended neither as it should nor by its limit."""


@dataclass(frozen=True)
class Figure:
    """What is measured, in MiB."""

    name: str
    more_is_better: bool = False
    compared: bool = True
    """Whether it has a ratio to stock's, which may be nothing."""


LARGEST_BLOCK = Figure("largest block after garbage", more_is_better=True)
PEAK_CHARGED = Figure("peak, charged to the cgroup")
PEAK_RESIDENT = Figure("peak, resident (VmHWM)")
IDLE = Figure("idle loop, resident")
IDLE_ANONYMOUS = Figure("idle loop, anonymous")
IDLE_FILE = Figure("idle loop, of files")
GARBAGE = Figure("loop after garbage, anonymous")
GARBAGE_LAZY = Figure("loop after garbage, of that LazyFree", compared=False)
GARBAGE_HELD = Figure("loop after garbage, anonymous without LazyFree")
FIGURES = (
    *(LARGEST_BLOCK, PEAK_CHARGED, PEAK_RESIDENT, IDLE, IDLE_ANONYMOUS, IDLE_FILE),
    *(GARBAGE, GARBAGE_LAZY, GARBAGE_HELD),
)

Value = float | None
"""MiB; None if the program was killed."""


@dataclass(frozen=True)
class Row:
    """One figure in functions of one kind."""

    figure: Figure
    limit: int
    """MB of the function's memory; Lambda's are of 2^20 bytes."""
    huge_pages: bool


Results = dict[Row, dict[str, list[Value]]]
"""Row → contestant → a value for each round."""


@dataclass(frozen=True)
class Pages:
    """A process's resident memory, in MiB."""

    resident: float
    anonymous: float
    lazily_free: float
    """Anonymous, and given back by MADV_FREE: the kernel takes it when it needs some."""

    @classmethod
    def from_kib(cls, kib: Mapping[str, int]) -> Self:
        """From what `pages_kib` gives."""
        return cls(*(kib[name] / 1024 for name in ("Rss", "Anonymous", "LazyFree")))

    @property
    def of_files(self) -> float:
        return self.resident - self.anonymous


@dataclass(frozen=True)
class Contestants:
    """Ours is first in both, stock second."""

    interpreters: Sequence[Interpreter]
    loops: Mapping[str, tuple[Workspace, Subject]]


def make_loops(ours: Workspace, stock: Workspace) -> dict[str, tuple[Workspace, Subject]]:
    """Ours, stock's, and the managed runtime's on our interpreter; all get the function that makes garbage."""
    for each in (ours, stock):
        function = each.root / "task" / "function.py"
        function.parent.mkdir(exist_ok=True)
        function.write_text(FUNCTION, encoding="utf-8")
        subprocess.run((each.python, "-m", "compileall", "-q", function.parent), check=True)
    by_name = {each.name: (ours, each) for each in ours.subjects()}
    stocks = replace(stock.subjects()[0], name=STOCK)
    return {OURS: by_name[OURS], STOCK: (stock, stocks), THREADED: by_name[THREADED]}


def measure(contestants: Contestants, parent: Parent, limits: Sequence[int], rounds: int, scratch: Path) -> Results:
    """All figures, in turns; ``scratch`` is a folder for the program.

    Raises:
        Failed: a program ended neither as it should nor by its limit.
    """
    shutil.copy(PROGRAM, scratch)
    results: Results = {}
    for number in range(rounds):
        for allowed in (True, False):
            for limit in limits:
                for name, figure, value in _turn(contestants, parent, limit, allowed, scratch):
                    results.setdefault(Row(figure, limit, allowed), {}).setdefault(name, []).append(value)
                pages = "huge pages" if allowed else "no huge pages"
                print(f"round {number + 1} of {rounds}, {limit} MB, {pages}: measured", flush=True)
    return results


def _turn(
    contestants: Contestants, parent: Parent, limit: int, allowed: bool, scratch: Path
) -> Iterator[tuple[str, Figure, Value]]:
    for interpreter in contestants.interpreters:
        turn = Program(interpreter, parent, limit, allowed, scratch)
        # The search comes first: its first program finds files that are not in memory yet.
        yield interpreter.name, LARGEST_BLOCK, largest(limit, turn.lives)
        for figure, value in turn.peaks().items():
            yield interpreter.name, figure, value
    for name, (workspace, subject) in contestants.loops.items():
        for figure, value in loop_figures(workspace, subject, parent, limit, allowed).items():
            yield name, figure, value


@dataclass(frozen=True)
class Program:
    """`memory_program` on one interpreter, in a function of one size."""

    interpreter: Interpreter
    parent: Parent
    limit: int
    huge_pages: bool
    scratch: Path

    def lives(self, block: int) -> bool:
        """Whether it can make a block of so many MiB."""
        with limited(self.parent, self.limit) as group:
            return self._run(group, block) is not None

    def peaks(self) -> dict[Figure, Value]:
        """With a usual block; the cgroup's is left out if the kernel does not count it."""
        with limited(self.parent, self.limit) as group:
            resident = self._run(group, BLOCK)
            charged = group.peak
        if resident is None:
            return {PEAK_CHARGED: None, PEAK_RESIDENT: None}
        return {**({} if charged is None else {PEAK_CHARGED: charged / MIB}), PEAK_RESIDENT: resident / 1024}

    def _run(self, group: Cgroup, block: int) -> int | None:
        """The largest resident memory in KiB; None if it was killed."""
        shell, *rest = group.prefix  # inside of a Debian: what mounts that and enters it does not count
        program = (*rest, str(self.interpreter.python), *OPTIONS, str(self.scratch / PROGRAM.name), str(block))
        what = f"{self.interpreter.name}, {self.limit} MB, block of {block} MiB"
        try:
            with huge_pages(self.huge_pages):
                done = subprocess.run(
                    replace(self.interpreter, python=Path(shell)).command((self.scratch,), *program),
                    env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **size_variable(self.limit)},
                    pass_fds=(group.processes,),
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=TIMEOUT,
                )
        except subprocess.TimeoutExpired:
            raise Failed(f"{what}: longer than {TIMEOUT} s") from None
        if done.returncode == -signal.SIGKILL and group.kills:
            return None
        if done.returncode:
            raise Failed(f"{what}: {done.returncode}, {(done.stderr.splitlines() or ['no message'])[-1]}")
        return int(done.stdout)


def largest(limit: int, lives: Callable[[int], bool]) -> int | None:
    """The largest number below ``limit`` with which something lives, if it lives with any."""
    low, high = -1, limit
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if lives(middle) else (low, middle)
    return None if low < 0 else low


def loop_figures(
    workspace: Workspace, subject: Subject, parent: Parent, limit: int, allowed: bool
) -> dict[Figure, Value]:
    """A loop at its first request for an event, and at the second."""
    subject = replace(subject, variables={**subject.variables, **size_variable(limit)})
    figures: dict[Figure, Value] = dict.fromkeys((IDLE, IDLE_ANONYMOUS, IDLE_FILE, GARBAGE, GARBAGE_LAZY, GARBAGE_HELD))
    with limited(parent, limit) as group:
        try:
            with huge_pages(allowed):
                process = SubjectProcess(workspace, subject, group.prefix, TIMEOUT)
            with process:
                process.wait_for_request()
                idle = Pages.from_kib(pages_kib(process.pid))
                figures |= {IDLE: idle.resident, IDLE_ANONYMOUS: idle.anonymous, IDLE_FILE: idle.of_files}
                process.invoke(event_bytes())
                after = Pages.from_kib(pages_kib(process.pid))
                held = after.anonymous - after.lazily_free
                figures |= {GARBAGE: after.anonymous, GARBAGE_LAZY: after.lazily_free, GARBAGE_HELD: held}
        except OSError as error:  # of its connection
            if not group.kills:
                raise Failed(f"{subject.name}, {limit} MB: {error}") from None
    return figures


def size_variable(limit: int) -> dict[str, str]:
    """What tells a function its size in MB."""
    return {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(limit)}


def middle(values: Sequence[Value]) -> Value:
    """The median; None if any was killed."""
    lived = [value for value in values if value is not None]
    return statistics.median(lived) if len(lived) == len(values) else None


def ratio(row: Row, values: Mapping[str, Sequence[Value]]) -> float | None:
    """Ours to stock's, turned so that above 1 is worse; infinite if only ours was killed, None if there is none."""
    if not row.figure.compared:
        return None
    ours, stock = middle(values[OURS]), middle(values[STOCK])
    if ours is None or stock is None:
        return None if ours is stock else math.inf if ours is None else 0.0
    above, below = (stock, ours) if row.figure.more_is_better else (ours, stock)
    return above / below if below else None if above == below else math.inf
