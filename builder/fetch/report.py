"""What a fetch tells whoever watches."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Report(Protocol):
    """Shown on a terminal as bars, in a log as lines."""

    def note(self, text: str) -> None:
        """Says something once."""

    def transfer(self, name: str, size: int) -> AbstractContextManager[Callable[[int], None]]:
        """Shows a transfer of ``size`` bytes while it lasts; it is told how many bytes are there so far."""
