"""Where commands run. A workshop gives each step a room; every process of a build starts in one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from builder.recipes import Command

EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"

FIXED_ENVIRONMENT = {
    "LC_ALL": "C",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",  # the build-python's sets keep one order
    "PYTHONDONTWRITEBYTECODE": "1",
    "CONFIG_SITE": "../config.site",
}
"""What every command sees, besides paths, the number of jobs and the recipe's own variables."""


class Room(Protocol):
    """A step's own folder in a workshop, laid out as `builder.recipes` says."""

    def put(self, source: Path, place: str) -> None:
        """Makes a file or folder of this machine readable at ``place``; the room never changes the original."""

    def write(self, place: str, text: str, *, executable: bool = False) -> None:
        """Writes a text file at ``place``."""

    def run(self, command: Command, environment: Mapping[str, str], *, cwd: str = "src") -> None:
        """Runs a command to its end; `StepFailed` with the end of its output if it fails."""

    def take(self, place: str, destination: Path) -> None:
        """Brings what stands at ``place`` out to ``destination``, which does not exist yet."""


class Workshop(Protocol):
    """A place that has rooms."""

    name: str

    def prepare(self) -> None:
        """Checks that work can begin; `MissingTool` says everything that is missing."""

    def room(self, work: Path, log: Path) -> Room:
        """A room in a fresh work folder; what commands print goes to ``log``."""
