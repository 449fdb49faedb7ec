"""Records + pins → manifest: what every byte of the zip is, and where it came from.

Nothing of the machine or the moment is in it, so that it is as reproducible as the zip. ``manifest.schema.json``
describes it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from builder.artifacts.audit import Elf
from builder.artifacts.deterministic_zip import LEVEL, Written
from builder.interpreters.cpython.recipe import read_modules
from builder.interpreters.cpython.trim import read_omissions
from builder.pins import Archive, Pins, Source
from builder.platform import Target
from builder.toolchain import (
    COMPILER_FLAGS,
    INTERPRETER_FLAGS,
    INTERPRETER_LINKER_FLAGS,
    LINKER_FLAGS,
    PROCESSOR_FLAGS,
    PROFILE_FLAGS,
    WRAPPER_FLAGS,
)

SCHEMA = 1
NOT_IN_THE_LAYER = ("ziglang", "emulator", "terraform-aws", "terraform-archive")
"""Pinned sources of which no byte ships."""


def make_manifest(
    *,
    name: str,
    target: Target,
    pins: Pins,
    patches: Mapping[str, Mapping[str, str]],
    written: Written,
    origins: Mapping[str, tuple[str, ...]],
    elf_files: tuple[Elf, ...],
    compressor: str,
    packages: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The manifest as JSON text; ``patches`` maps a source to its patches' paths and sha256.

    ``packages`` are those that are baked in, each as `describe` has it.
    """
    manifest = {
        "schema": SCHEMA,
        "name": name,
        "target": {
            "python": target.version,
            "architecture": target.cpu.lambda_name,
            "glibc": target.glibc,
            "cpu": target.cpu.baseline,
            "compatible_architectures": [target.cpu.lambda_name],
            "compatible_runtimes": target.runtimes,
        },
        "zip": {
            "file": f"{name}.zip",
            "sha256": written.sha256,
            "size": written.size,
            "unzipped_size": sum(record.size for record in written.records),
        },
        "toolchain": {
            "compiler": describe(pins["ziglang"]),
            "compressor": {"name": "libdeflate (PyPI: deflate)", "version": compressor, "level": LEVEL},
        },
        "flags": {
            "wrapper": [asdict(flag) for flag in (*PROCESSOR_FLAGS[target.cpu.machine], *WRAPPER_FLAGS)],
            "compiler": [asdict(flag) for flag in (*COMPILER_FLAGS, *PROFILE_FLAGS, *INTERPRETER_FLAGS)],
            "linker": [asdict(flag) for flag in (*LINKER_FLAGS, *INTERPRETER_LINKER_FLAGS)],
        },
        "sources": [
            describe(source, patches.get(source.name, {}))
            for source in pins.sources.values()
            if source.name not in NOT_IN_THE_LAYER
        ],
        "packages": packages,
        "modules": asdict(read_modules()),
        "omitted": [asdict(omission) for omission in read_omissions()],
        "audit": {"elf": [asdict(elf) for elf in elf_files]},
        "entries": [
            {**asdict(record), "mode": f"{record.mode:04o}", "origin": origins[record.path]}
            for record in written.records
        ],
    }
    return json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"


def describe(source: Source, patches: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """A source as the manifest has it; ``patches`` maps paths to sha256."""
    return {
        "name": source.name,
        "version": source.version,
        "licence": source.licence,
        "homepage": source.homepage,
        **({"cpe": f"cpe:2.3:a:{source.cpe}:{source.version}:*:*:*:*:*:*:*"} if source.cpe else {}),
        "archives": [_archive(archive) for archive in source.archives],
        "patches": [{"file": file, "sha256": sha256} for file, sha256 in patches.items()],
    }


def _archive(archive: Archive) -> dict[str, Any]:
    """All that is known of an archive; ways to it that do not exist are left out."""
    return {name: value for name, value in asdict(archive).items() if value}
