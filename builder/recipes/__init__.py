"""What it takes to build one thing: pure data and commands.

A library's recipe is computed from the platform alone, an interpreter's from product, platform and the files of the
repository that the plan is given. Its commands run in a sandbox that always looks the same::

    src/          the unpacked source, patched; the working directory
    deps/<name>/  what the recipes in `needs` have put into their out/
    out/          what this recipe leaves
    bin/          the only folder on PATH: the compiler's scripts and the listed tools, nothing else of the machine

All paths in commands are relative to ``src``, so none of the machine's can enter the result. The content key of a
step is a hash over what they are given: changing a flag rebuilds, changing its reason or a comment does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from builder.flags import Flag

Command = tuple[str, ...]
"""A program and its arguments; no shell in between."""


AUTOCONF = {
    "CC": "cc",
    "AR": "ar",
    "LD": "ld",
    "RANLIB": "ranlib",
    "GREP": "grep",
    "EGREP": "grep -E",
    "FGREP": "grep -F",
    "SED": "sed",
    "INSTALL": "install -c",
    "MKDIR_P": "mkdir -p",
}
"""Programs that configure scripts would look up on the machine, and write down with their path."""

BUILD_TRIPLET = "--build=x86_64-build-linux-gnu"
"""Never the machine's own triplet, so that configure believes in a cross build and runs nothing that it compiles."""


Kind = Literal["library", "tool", "interpreter"]
"""A library is linked into the interpreter; a tool runs in the build, on its own machine, and nothing of it ships."""


@dataclass(frozen=True)
class Recipe:
    """How to build one source."""

    source: str
    """Key of the source in ``pins.toml``."""
    commands: tuple[Command, ...]
    """Run one after the other in ``src``; the first that fails ends the step."""
    needs: tuple[str, ...] = ()
    """Recipes whose results stand in ``deps/``."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the executor's fixed environment."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Path in the sandbox → text, written before the first command: configure's answers, generated headers."""
    kind: Kind = "library"
    options: tuple[Flag, ...] = ()
    """The recipe's own choices among its words and files, each with its reason: for the manifest, in no key."""


def make_out(*folders: str) -> Command:
    """The command that creates folders in ``out``."""
    return ("mkdir", "-p", *(f"../out/{folder}" for folder in folders))


def library(name: str, sources: tuple[str, ...], flags: tuple[str, ...]) -> dict[str, str]:
    """A makefile, as a recipe's file, that compiles sources into ``out/lib/lib<name>.a``, several at once."""
    objects = [f"{path.rpartition('.')[0]}.o" for path in sources]
    rules = [
        f"../out/lib/lib{name}.a: {' '.join(objects)} ; ar rcs $@ $^",
        *(
            f"{made}: {path} ; cc-profiled {' '.join(flags)} -c $< -o $@"
            for path, made in zip(sources, objects, strict=True)
        ),
    ]
    return {"library.mk": "\n".join(rules) + "\n"}


MAKE_LIBRARY: Command = ("make", "-f", "../library.mk")
"""Runs the makefile of `library`."""
