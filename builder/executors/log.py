"""A step's log: each command with the variables that it adds, what it printed, and what a failure tells of that."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from builder.errors import StepFailed
from builder.recipes import Command

_TAIL_LINES, _LINE_WIDTH = 30, 160
_FULL = ("No space left on device", "NoSpaceLeft")
"""What programs say of a full disk, and zig."""


@dataclass(frozen=True)
class StepLog:
    """The log file of one step."""

    path: Path

    @contextmanager
    def entry(self, command: Command, environment: Mapping[str, str]) -> Iterator[BinaryIO]:
        """Opens the log below a heading for a command: what it adds to the fixed environment, and its words."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        difference = "".join(f"  {name}={value}\n" for name, value in environment.items())
        with self.path.open("ab") as log:
            log.write(f"\n$ {' '.join(command)}\n{difference}".encode())
            log.flush()
            yield log

    def tells_of_a_full_disk(self) -> bool:
        """Whether the last command complained about that."""
        return any(words in line for line in self._tail() for words in _FULL)

    def failure(self, command: Command, ending: str) -> StepFailed:
        """The error for a command that ended so: "exit code 2", "signal 9"."""
        indented = "\n".join(f"       | {line[:_LINE_WIDTH]}" for line in self._tail())
        return StepFailed(
            f"`{' '.join(command)[:200]}` failed.",
            f"It ended with {ending}; its last lines:\n{indented}",
            f"The whole log is {self.path}; CONTRIBUTING.md says how to debug a failed step.",
        )

    def _tail(self) -> list[str]:
        return self.path.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
