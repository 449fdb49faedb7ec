"""What a plan knew + what was written → the manifest: what every byte of an artifact is, and where it came from.

Nothing of the machine or the moment is in it, so that it is as reproducible as the zip. ``manifest.schema.json``
describes it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from builder.artifacts.audit import Elf
from builder.artifacts.deterministic_zip import LEVEL, Written
from builder.pins import Source
from builder.plan.facts import describe


def make_manifest(
    facts: Mapping[str, Any],
    written: Written,
    origins: Mapping[str, tuple[str, ...]],
    elf_files: Sequence[Elf],
    compressor: str,
    packages: Sequence[Source] = (),
) -> str:
    """The manifest as JSON text; ``facts`` are `builder.plan.facts`, ``packages`` those that were installed."""
    known = {name: value for name, value in facts.items() if name != "compiler"}
    manifest = {
        **known,
        "toolchain": {
            "compiler": facts["compiler"],
            "compressor": {"name": "libdeflate (PyPI: deflate)", "version": compressor, "level": LEVEL},
        },
        "packages": [describe(package) for package in packages],
        "audit": {"elf": [asdict(elf) for elf in elf_files]},
        "artifacts": [
            {
                "kind": "zip",
                "file": f"{facts['name']}.zip",
                "sha256": written.sha256,
                "size": written.size,
                "unzipped_size": sum(record.size for record in written.records),
            }
        ],
        "entries": [
            {**asdict(record), "mode": f"{record.mode:04o}", "origin": origins[record.path]}
            for record in written.records
        ],
    }
    return json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
