"""What a person sees of a build: on a terminal what happens now, in a log one plain line for all that happened."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from builder.plan.steps import Step

if TYPE_CHECKING:
    from rich.status import Status


class Terminal:
    """A `builder.run.Progress` on standard error; standard output is for results."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._status: Status | None = None
        self._total = self._number = 0

    def plan(self, steps: tuple[Step, ...], done: Callable[[Step], bool]) -> None:
        self._total = sum(not done(step) for step in steps)
        if self._total:
            self.note(f"{len(steps)} steps, {self._total} to run at the most")

    def started(self, step: Step) -> None:
        self._number += 1
        if self._console.is_terminal:
            self._status = self._console.status(f"[{self._number}/{self._total}] {step.name} …")
            self._status.start()

    def waiting(self, step: Step) -> None:
        self.note(f"{step.name}: another build is at it; waiting")

    def finished(self, step: Step, seconds: float, size: int) -> None:
        self.stop()
        self._console.print(f"✓ {step.name:<24} {seconds:7.1f} s {size / 1e6:8.1f} MB", markup=False)

    def stop(self) -> None:
        """Leaves the terminal as it was found."""
        if self._status:
            self._status.stop()
            self._status = None

    def note(self, text: str) -> None:
        self._console.print(f"  {text}", markup=False)

    @contextmanager
    def transfer(self, name: str, size: int) -> Iterator[Callable[[int], None]]:
        if not self._console.is_terminal:
            self.note(f"{name}{f': {size / 1e6:.1f} MB' if size else ''}")
            yield lambda _: None
            return
        self.stop()
        columns = (TextColumn("  {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(name, total=size or None)
            yield lambda have: progress.update(task, completed=have)
