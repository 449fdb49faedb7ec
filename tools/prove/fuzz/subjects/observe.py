"""What a case sees: pairs of a name and a text. A subject's ``case`` yields them; the runner digests or shows them.

The names tell which part of a case differs, so that a known difference in one part hides none in another. A text must
hold no address, no time and nothing else that changes from run to run.
"""

from collections.abc import Callable, Iterator
from typing import Any

Seen = Iterator[tuple[str, str]]


def text(value: object) -> str:
    """A value's type and representation."""
    return f"{type(value).__name__} {value!r}"


def outcome(function: Callable[..., object], *arguments: Any, **options: Any) -> str:
    """The `text` of what a call returns, or the exception's type and text."""
    try:
        return text(function(*arguments, **options))
    except Exception as error:  # whatever it is, both interpreters must raise it
        return f"raises {type(error).__name__}: {error}"
