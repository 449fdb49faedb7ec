"""What a plan is made of: steps, and the kinds of work that they are. Frozen data; `builder.steps` carries it out."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from builder.pins import Archive, Source
from builder.platform import Platform
from builder.product import Product
from builder.profile import Profile
from builder.recipes import Recipe

Stdlib = Literal["lean", "full"]


@dataclass(frozen=True)
class Unpack:
    """Lays out an archive as it is."""

    source: Source
    archives: tuple[Archive, ...]


@dataclass(frozen=True)
class Compile:
    """Carries out a recipe."""

    recipe: Recipe
    source: Source
    patches: Mapping[str, str]
    """Path from the repository's root → text, in the order of applying."""
    wrappers: Mapping[str, str]
    """Name → text of the scripts that call the compiler."""
    machine: str
    """The platform's `Cpu.machine`."""
    epoch: int
    """SOURCE_DATE_EPOCH, in seconds."""
    profile: Profile | None = None
    """The committed profile, if this reads one."""
    profile_runtime: str = ""
    """In training: absolute path of the library by which instrumented programs write down what they counted."""


@dataclass(frozen=True)
class Assemble:
    """Makes the tree below /opt, but for the runtime, out of what was compiled; the interpreter's plug-in does it."""

    product: Product
    platform: Platform
    stdlib: Stdlib
    data: tuple[Source, ...]
    """Sources that ship beside the interpreter as they are."""
    files: Mapping[str, str]
    """Name → text of the product's files that the plug-in reads here: its ``TREE_FILES``."""


@dataclass(frozen=True)
class LockedPackage:
    """One package of one version, and the files that it may come as."""

    name: str
    """In its canonical form: ``typing-extensions``."""
    version: str
    sha256: tuple[str, ...]
    """Sorted; of all its files, for whatever system."""

    def __str__(self) -> str:
        """A line of a requirements file."""
        return " ".join((f"{self.name}=={self.version}", *(f"--hash=sha256:{sha256}" for sha256 in self.sha256)))


@dataclass(frozen=True)
class InstallPackages:
    """Lays out what ships of packages; the interpreter's plug-in does it."""

    product: Product
    platform: Platform
    """Its glibc is that of the oldest runtime the layer is for, and may be newer than the interpreter needs."""
    packages: tuple[LockedPackage, ...]
    installer: str
    """Version of the library that installs them."""
    notes: tuple[str, ...] = ()
    """What their file says and nothing heeds: for whoever asked, not in the step's key."""


@dataclass(frozen=True)
class Pack:
    """Makes the artifacts and their manifest out of the tree and ``runtime/``."""

    product: Product
    platform: Platform
    name: str
    """Stem of the files in ``dist/``."""
    facts: Mapping[str, Any]
    """All of the manifest that is known before anything is built."""
    rules: Mapping[str, Any]
    """What the audit checks."""
    linked: tuple[str, ...]
    """Names of the sources that are inside the interpreter."""
    runtime: Mapping[str, bytes]
    """What stands in the product's folder of ``runtime/``, by path."""


Work = Unpack | Compile | Assemble | InstallPackages | Pack


@dataclass(frozen=True)
class Step:
    """One piece of work whose result can be kept."""

    name: str
    """What the store and the progress call it; two steps of one name are two states of the same thing."""
    role: str
    """What it is to those that take its result: a recipe's name, or toolchain, tree, packages, layer."""
    work: Work
    inputs: tuple["Step", ...]
    files: Mapping[str, str]
    """Path from the repository's root → sha256 of each of its files that the result depends on, code included."""
    values: Mapping[str, str]
    """Everything else that it depends on: what it is → its sha256 or its text."""

    @cached_property
    def key_inputs(self) -> Mapping[str, str]:
        """Everything that the result depends on, by name."""
        return {**self.values, **self.files, **{f"input {given.name}": given.key for given in self.inputs}}

    @cached_property
    def key(self) -> str:
        """sha256 over the key inputs: two steps with one key give the same bytes."""
        return hashlib.sha256(json.dumps(self.key_inputs, sort_keys=True).encode()).hexdigest()
