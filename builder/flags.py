"""Words of a command line with the reason for them; the manifest quotes both."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Flag:
    """One option, or a few that belong together, and why it is there."""

    text: str
    """As it stands on a command line; options are separated by spaces."""
    why: str


def joined(flags: tuple[Flag, ...]) -> str:
    """The flags as one string, for ``CFLAGS`` and the like."""
    return " ".join(flag.text for flag in flags)


def words(flags: tuple[Flag, ...]) -> tuple[str, ...]:
    """The flags as arguments of a command."""
    return tuple(joined(flags).split())
