"""A zip → what in it does not run on the processor that it is said to be for."""

import zipfile
from pathlib import Path

from builder.platform import CPUS

_START = 20
"""Bytes of an ELF file up to the end of e_machine: System V gABI, chapter 4."""


def wrong_arch_programs(path: Path, architecture: str) -> list[str]:
    """The entries of a zip that are programs for another processor than that of one of Lambda's architectures."""
    machine = next(cpu.elf for cpu in CPUS if cpu.lambda_name == architecture).to_bytes(2, "little")
    with zipfile.ZipFile(path) as archive:
        starts = {name: archive.open(name).read(_START) for name in archive.namelist()}
    return [name for name, start in starts.items() if start.startswith(b"\x7fELF") and start[18:] != machine]
