"""What the newest version of a source is, and how sure we are of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from builder.errors import WrongHash
from builder.pins import Source


@dataclass(frozen=True)
class Newest:
    """The newest version of a source that can be had."""

    source: Source
    """The pinned one itself if there is no newer one."""
    remarks: tuple[str, ...] = ()
    """What a person should know of it."""


def agree(file: str, words: Mapping[str, str]) -> None:
    """`WrongHash` if not all words on a file's sha256, by who says so, are the same."""
    if len(set(words.values())) > 1:
        why = "; ".join(f"sha256 {sha256} {place}" for place, sha256 in words.items())
        raise WrongHash(f"{file} is different files.", f"{why}.", "Find out why before you use either.")
