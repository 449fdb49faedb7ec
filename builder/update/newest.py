"""The newest version of a source, and the check that all its origins agree."""

from collections.abc import Mapping
from dataclasses import dataclass

from builder.errors import WrongHash
from builder.pins import Source


@dataclass(frozen=True)
class Newest:
    """The newest available version of a source."""

    source: Source
    """The pinned one itself if there is no newer one."""
    remarks: tuple[str, ...] = ()
    """Notes for the user."""


def check_agreement(file: str, digests: Mapping[str, str]) -> None:
    """`WrongHash` unless all origins (the keys) have the same sha256 for a file."""
    if len(set(digests.values())) > 1:
        why = "; ".join(f"sha256 {sha256} {origin}" for origin, sha256 in digests.items())
        raise WrongHash(f"{file} is different files.", f"{why}.", "Find out why before you use either.")
