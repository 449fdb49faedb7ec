"""What a person sees of a build: on a terminal what happens now, in a log one plain line for all that happened."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from builder.plan.steps import Step


class Terminal:
    """A `builder.run.Progress` on standard error, for several threads; standard output is for results."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._console.soft_wrap = not self._console.is_terminal  # there, rich has to know where lines end
        name = TextColumn("{task.description}", markup=False)
        self._steps = Progress(SpinnerColumn(), name, TimeElapsedColumn())
        self._transfers = Progress(TextColumn(" "), name, BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._live: Live | None = None
        self._running: dict[tuple[str, str], TaskID] = {}
        self._total = self._number = 0
        self._lock = RLock()

    def plan(self, steps: tuple[Step, ...], done: Callable[[Step], bool]) -> None:
        self._total, self._number = sum(not done(step) for step in steps), 0
        if self._total:
            self.note(f"{len(steps)} steps, {self._total} to run at the most")

    def started(self, step: Step) -> None:
        with self._lock:
            self._number += 1
            if self._console.is_terminal:
                line = self._steps.add_task(f"[{self._number}/{self._total}] {step.name}", total=None)
                self._running[step.name, step.key] = line
                self._show()

    def waiting(self, step: Step) -> None:
        self.note(f"{step.name}: another build is at it; waiting")

    def finished(self, step: Step, seconds: float, size: int) -> None:
        with self._lock:
            if (step.name, step.key) in self._running:
                self._steps.remove_task(self._running.pop((step.name, step.key)))
                self._show()
        self._console.print(f"✓ {step.name:<24} {seconds:7.1f} s {size / 1e6:8.1f} MB", markup=False)

    def stop(self) -> None:
        """Leaves the terminal as it was found."""
        with self._lock:
            for line in self._running.values():
                self._steps.remove_task(line)
            self._running.clear()
            self._show()

    def note(self, text: str) -> None:
        self._console.print(f"  {text}", markup=False)

    @contextmanager
    def transfer(self, name: str, size: int) -> Iterator[Callable[[int], None]]:
        if not self._console.is_terminal:
            self.note(f"{name}{f': {size / 1e6:.1f} MB' if size else ''}")
            yield lambda _: None
            return
        with self._lock:
            bar = self._transfers.add_task(name, total=size or None)
            self._show()
        try:
            yield lambda have: self._transfers.update(bar, completed=have)
        finally:
            with self._lock:
                self._transfers.remove_task(bar)
                self._show()

    def _show(self) -> None:
        """Begins or ends the live display: a line for each step and each transfer, below all that is said."""
        if not (self._steps.tasks or self._transfers.tasks):
            if self._live:
                self._live.stop()
            self._live = None
        elif self._live:
            self._live.refresh()
        else:
            lines = Group(self._steps, self._transfers)
            self._live = Live(
                lines, console=self._console, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start(refresh=True)
