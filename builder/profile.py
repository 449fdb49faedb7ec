"""The committed profile: what ran often when an instrumented interpreter was trained, and what never did.

``tools.training`` makes it, and beside it a note in TOML. The compiler reads it by the names of functions and a
hash over each one's control flow. Where these no longer fit, because a source or the compiler moved on, a function is
compiled as if nothing were known of it. The compiler says so; here it is counted.
"""

import lzma
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from builder.errors import BadProduct, StaleProfile
from builder.plan.keys import Materials
from builder.recipes import Recipe

RUNTIME = "profile-runtime.a"
"""Where a sandbox has, in training, the library that writes down what was counted."""
TOLERATED = {"x86_64": 0.02, "aarch64": 0.25}
"""Share of a source's functions that need not fit, by the target's `Cpu.machine`.

Training is on x86_64. For another processor libffi is other code, and no training would make that fit.
"""
TRAIN = "./nox -s train_profile"

_UNFIT = re.compile(r"(?:\(hash mismatch\)|no profile data available for function) (\S+) Hash = ")


@dataclass(frozen=True)
class Profile:
    """A profile and what its note says."""

    path: str
    """From the repository's root."""
    content: bytes
    """What LLVM reads, as .xz."""
    functions: Mapping[str, int]
    """Source → how many of its functions were compiled when the profile was trained."""

    def unpack(self, destination: Path) -> None:
        destination.write_bytes(lzma.decompress(self.content))

    def check(self, source: str, machine: str, log: str) -> None:
        """Counts in what the compilers printed the functions that do not fit; `StaleProfile` if they are too many."""
        unfit, tolerated = set(_UNFIT.findall(log)), TOLERATED[machine]
        if len(unfit) > tolerated * self.functions[source]:
            raise StaleProfile(
                f"The profile does not fit the functions of {source}.",
                f"{len(unfit)} of {self.functions[source]} differ from those that it was trained with, and "
                f"{tolerated:.0%} may; among them {', '.join(sorted(unfit)[:5])}.",
                f"Train it again: {TRAIN}.",
            )


def instrumented(recipe: Recipe) -> Recipe:
    """A recipe whose programs, if it links any, can write down what they counted.

    The interpreter keeps what nobody calls, from all libraries, and what that would call in turn may be missing: the
    profile must know every function that a build compiles, so that one that it does not know is a new one.
    """
    everything = "--no-gc-sections,--whole-archive,--allow-multiple-definition,--unresolved-symbols=ignore-all,-z,lazy"
    added = {
        "LDFLAGS": f"-Wl,-u,__llvm_profile_runtime ../{RUNTIME}",
        "LINKFORSHARED": f"-Wl,{everything}",
    }
    found = {name: f"{recipe.environment[name]} {flags}" for name, flags in added.items() if name in recipe.environment}
    return replace(recipe, environment={**recipe.environment, **found})


def note_of(path: str) -> str:
    """Path of the note that lies beside a profile."""
    return f"{path.removesuffix('.xz')}.toml"


def read_profile(files: Materials, path: str) -> Profile:
    """A profile and its note; `BadProduct` if they are not as they should be."""
    try:
        return Profile(path, files.contents[path], files.toml(note_of(path))["functions"])
    except (ValueError, KeyError) as error:
        do = f"Train it again: {TRAIN}."
        raise BadProduct(f"{path} has no proper note.", f"{note_of(path)}: {error}", do) from error
