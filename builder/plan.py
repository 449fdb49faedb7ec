"""Pins + target → steps, each with a content key. Pure: what is on the disk comes in as `Materials`."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

from builder import ROOT, profile
from builder.errors import BadPins
from builder.executors import FIXED_ENVIRONMENT
from builder.interpreters.cpython import build_python
from builder.interpreters.cpython import recipe as cpython
from builder.interpreters.cpython.packages.requirements import Locked
from builder.pins import Archive, Pins, Source
from builder.platform import Cpu, Target
from builder.recipes import Recipe, bzip2, libffi, libuuid, openssl, sqlite, xz, zlib
from builder.toolchain import wrappers

RECIPES: Mapping[str, Callable[[Target], Recipe]] = {
    "zlib": zlib.recipe,
    "bzip2": bzip2.recipe,
    "xz": xz.recipe,
    "libffi": libffi.recipe,
    "libuuid": libuuid.recipe,
    "sqlite": sqlite.recipe,
    "openssl": openssl.recipe,
    "build_python": build_python.recipe,
    "cpython": cpython.recipe,
}
"""In the order of building."""

# The parts of the builder whose code decides what two steps leave. A recipe's code does not count: its data does.
PREFIX_CODE = (
    *(f"builder/interpreters/cpython/{name}.py" for name in ("assemble", "relocate", "trim", "bytecode")),
    "products/cpython-3.13/omissions.toml",
)
LAYER_CODE = (
    "builder/interpreters/cpython/bundle.py",
    *(f"builder/artifacts/{name}.py" for name in ("pack", "tree", "deterministic_zip", "audit", "manifest")),
    *("builder/pins.toml", "builder/toolchain.py"),  # the manifest quotes them
    *(
        "builder/artifacts/policy/elf.toml",
        "builder/artifacts/policy/content.toml",
        "products/cpython-3.13/modules.toml",
    ),
)

PACKAGES_CODE = (
    *(f"builder/interpreters/cpython/packages/{name}.py" for name in ("bake", "wheels", "install", "abi")),
    *("builder/interpreters/cpython/assemble.py", "builder/interpreters/cpython/bytecode.py"),
    *("builder/artifacts/audit.py", "builder/artifacts/policy/elf.toml"),
)

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
    patches: tuple[Path, ...]
    wrappers: Mapping[str, str]
    machine: str
    """The target's `Cpu.machine`."""
    profile: Path | None = None
    """The committed profile, if this reads it."""
    runtime: Path | None = None
    """In training: the library by which instrumented programs write down what they counted."""


@dataclass(frozen=True)
class Assemble:
    """Makes the prefix that ships out of CPython's: relocates, trims, compiles to bytecode."""

    target: Target
    stdlib: Stdlib
    tzdata: Source


@dataclass(frozen=True)
class Bake:
    """Makes what ships of packages out of their wheels."""

    target: Target
    """Its glibc is that of the oldest runtime the layer is for, and may be newer than the interpreter needs."""
    packages: tuple[Locked, ...]
    installer: str
    """Version of the library that installs them."""


@dataclass(frozen=True)
class Pack:
    """Makes the zip and its manifest out of the prefix and ``runtime/``."""

    target: Target
    name: str
    """Stem of the files in ``dist/``."""
    pins: Pins
    patches: Mapping[str, Mapping[str, str]]
    """Source → path and sha256 of each of its patches."""
    linked: tuple[str, ...]
    """Sources that are inside the interpreter."""


@dataclass(frozen=True)
class Step:
    """One piece of work whose result can be kept."""

    name: str
    work: Unpack | Compile | Assemble | Bake | Pack
    inputs: tuple["Step", ...]
    key_inputs: Mapping[str, str]
    """Everything that the result depends on: what it is → its sha256 or its text."""

    @cached_property
    def key(self) -> str:
        """sha256 over the key_inputs: two steps with one key give the same bytes."""
        return _sha256(json.dumps(self.key_inputs, sort_keys=True))


@dataclass(frozen=True)
class Materials:
    """What a plan needs to know of the repository's files: their sha256, by path from its root."""

    sha256: Mapping[str, str]

    def below(self, folder: str) -> dict[str, str]:
        """The files below a folder, sorted."""
        return {path: digest for path, digest in sorted(self.sha256.items()) if path.startswith(f"{folder}/")}


def read_materials(root: Path = ROOT) -> Materials:
    """Hashes the files that steps may depend on."""
    paths = [path for folder in ("patches", "runtime") for path in sorted((root / folder).rglob("*"))]
    paths += (root / profile.FOLDER).rglob("*.profdata.xz")
    paths += [root / name for name in {*PREFIX_CODE, *PACKAGES_CODE, *LAYER_CODE}]
    kept = (path for path in paths if path.is_file() and path.suffix != ".pyc")
    return Materials({path.relative_to(root).as_posix(): _sha256(path.read_bytes()) for path in kept})


def make_plan(
    pins: Pins,
    target: Target,
    machine: Cpu,
    materials: Materials,
    stdlib: Stdlib,
    tools: Mapping[str, str],
    bake: Bake | None = None,
) -> tuple[Step, ...]:
    """The steps to the layer, in an order in which each one's inputs come first; the layer is the last.

    ``tools`` are our own tools that leave their mark in the zip, by name and version (the compressor). ``bake`` is what
    is baked in, if anything.
    """
    built = compile_steps(pins, target, machine, materials)
    prefix = Step(
        f"prefix-{target.cpu.lambda_name}-{stdlib}",
        Assemble(target, stdlib, pins["tzdata"]),
        tuple(built.values()),
        {
            **_archive_inputs(pins["tzdata"], pins["tzdata"].archives),
            **_step_inputs(built.values()),
            **{path: materials.sha256[path] for path in PREFIX_CODE},
            "stdlib": stdlib,
        },
    )
    baked = (_packages_step(bake, materials, built["build_python"]),) if bake else ()
    inputs = (prefix, built["build_python"], *baked)
    layer = _layer_step(pins, bake.target if bake else target, materials, inputs, tools)
    return (*built.values(), prefix, *baked, layer)


def _packages_step(bake: Bake, materials: Materials, build_python: Step) -> Step:
    return Step(
        f"packages-{bake.target.cpu.lambda_name}",
        bake,
        (build_python,),
        {
            **_step_inputs((build_python,)),
            **{f"package {package.name}": _sha256(str(package)) for package in bake.packages},
            **{path: materials.sha256[path] for path in PACKAGES_CODE},
            "target": str(bake.target),
            "installer": bake.installer,
        },
    )


def compile_steps(
    pins: Pins, target: Target, machine: Cpu, materials: Materials, runtime: Path | None = None
) -> dict[str, Step]:
    """The compiler, and everything that it compiles, by name; with a profile's ``runtime``, for training."""
    compiler = pins["ziglang"]
    wheel = compiler.for_machine(machine.machine)
    steps = {"toolchain": Step("toolchain", Unpack(compiler, wheel), (), _archive_inputs(compiler, wheel))}
    for name, make_recipe in RECIPES.items():
        recipe = profile.instrumented(make_recipe(target)) if runtime else make_recipe(target)
        source = pins[recipe.source]
        inputs = (steps["toolchain"], *(steps[need] for need in recipe.needs))
        used = _used_wrappers(recipe, wrappers(target, machine, training=runtime is not None))
        patches = _patches(source, materials)
        profiled = "cc-profiled" in used
        trained = _profile(target, materials) if profiled and not runtime else {}
        key_inputs = {
            **_archive_inputs(source, source.archives),
            **patches,
            **trained,
            **_step_inputs(inputs),
            **{f"recipe's {field.name}": _sha256(repr(getattr(recipe, field.name))) for field in fields(recipe)},
            "wrappers": _sha256(repr(used)),
            "environment": _sha256(repr((FIXED_ENVIRONMENT, epoch(pins, target)))),
        }
        files = tuple(ROOT / patch for patch in patches)
        work = Compile(
            recipe, source, files, used, target.cpu.machine, next((ROOT / path for path in trained), None), runtime
        )
        qualified = _qualified(name, target, machine) + ("-training" if profiled and runtime else "")
        steps[name] = Step(qualified, work, inputs, key_inputs)
    return steps


def _layer_step(
    pins: Pins, target: Target, materials: Materials, inputs: tuple[Step, ...], tools: Mapping[str, str]
) -> Step:
    """``inputs`` are the prefix, the build-python and, if there are any, the packages."""
    stdlib = inputs[0].key_inputs["stdlib"]
    ending = ("-full" if stdlib == "full" else "") + ("-packages" if len(inputs) > 2 else "")
    linked = tuple(RECIPES[name](target).source for name in RECIPES if name != "build_python")
    patches = {source: found for source in linked if (found := _patches(pins[source], materials))}
    return Step(
        f"layer-{target.cpu.lambda_name}-{stdlib}",
        Pack(target, f"{target.name}{ending}", pins, patches, linked),
        inputs,
        {
            **_step_inputs(inputs),
            **materials.below("runtime"),
            **{path: materials.sha256[path] for path in LAYER_CODE},
            **tools,
            "runtimes": ", ".join(target.runtimes),
        },
    )


def _patches(source: Source, materials: Materials) -> dict[str, str]:
    """Path → sha256 of a source's patches, in the order of applying; they are kept by series, ``openssl/3.5``."""
    return materials.below(f"patches/{source.name}/{source.version.rpartition('.')[0]}")


def _profile(target: Target, materials: Materials) -> dict[str, str]:
    """Path → sha256 of the target's profile; `BadPins` if there is none."""
    path = profile.name(target.series)
    if path not in materials.sha256:
        raise BadPins(f"CPython {target.series} has no profile.", f"{path} is missing.", f"Train one: {profile.TRAIN}.")
    return {path: materials.sha256[path]}


def epoch(pins: Pins, target: Target) -> int:
    """SOURCE_DATE_EPOCH of a build, in seconds: the moment CPython's sources were released."""
    return int(release_date(pins, target).timestamp())


def release_date(pins: Pins, target: Target) -> datetime:
    """When CPython's sources were released: the one date that a build knows."""
    date = pins.python(target.series).date
    assert date is not None, "the loader refuses a CPython without a date"
    return date


def _qualified(name: str, target: Target, machine: Cpu) -> str:
    """A step's name in the store: apart for each processor, so that one's results do not explain the other's."""
    return f"{name}-{machine.lambda_name if name == 'build_python' else target.cpu.lambda_name}"


def _used_wrappers(recipe: Recipe, scripts: Mapping[str, str]) -> dict[str, str]:
    """Only the scripts that a recipe mentions: the build-python must not depend on the target's processor."""
    mentioned = set(re.split(r"[^\w-]+", repr(recipe)))
    return {name: text for name, text in scripts.items() if name in mentioned}


def _archive_inputs(source: Source, archives: Iterable[Archive]) -> dict[str, str]:
    """Any form of a source leads to the same result, so all of them are key_inputs, whichever is at hand."""
    return {
        f"source {source.name}": _sha256("".join(sorted(archive.sha256 for archive in archives))),
        f"licences of {source.name}": _sha256(repr(source.licence_files)),
    }


def _step_inputs(inputs: Iterable[Step]) -> dict[str, str]:
    return {f"input {step.name}": step.key for step in inputs}


def _sha256(data: str | bytes) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()
