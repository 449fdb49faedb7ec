"""What a result runs on: one of Lambda's architectures, and the oldest glibc and processor of it."""

import os
import platform
from dataclasses import dataclass

from builder import ARCH_VARIABLE
from builder.errors import UnknownTarget


@dataclass(frozen=True)
class Cpu:
    """How the field's tools call one architecture."""

    lambda_name: str
    """AWS Lambda's name, used in file names and by ``--arch``."""
    machine: str
    """What ``uname -m`` prints, and the first part of every triplet."""
    baseline: str
    """zig's ``-mcpu``: the oldest processor that the layer runs on."""
    elf: int
    """Its number in ELF files, ``e_machine``."""


CPUS = (
    # Every x86_64 host of Lambda has AVX2 (v3), emulators on developers' machines often do not: v2 runs on both.
    Cpu("x86_64", "x86_64", "x86_64_v2", 62),
    # Every arm64 host of Lambda is a Graviton2 or newer, what emulators run on is often older: ARMv8.0-A runs on all.
    # So there is no atomic instruction of v8.1 (LSE): docs/decisions/0011.
    Cpu("arm64", "aarch64", "generic", 183),
)

RUNTIMES = {"provided.al2023": "2.34", "provided.al2": "2.26"}
"""Lambda's runtimes that a layer can be for → their glibc."""


@dataclass(frozen=True)
class Platform:
    """All that a library's recipe may see of what it is compiled for."""

    cpu: Cpu
    glibc: str = "2.26"
    """Oldest glibc it runs on: that of Amazon Linux 2 (``provided.al2``)."""

    @property
    def triplet(self) -> str:
        """GNU triplet for configure's ``--host``."""
        return f"{self.cpu.machine}-linux-gnu"

    @property
    def runtimes(self) -> tuple[str, ...]:
        """Those of Lambda's that have a glibc as new as this."""
        return tuple(name for name, glibc in RUNTIMES.items() if version_number(glibc) >= version_number(self.glibc))


def version_number(version: str) -> tuple[int, ...]:
    """``2.26`` → (2, 26); ``PRIVATE``, which must not be needed, compares above every number."""
    return tuple(int(part) for part in version.split(".")) if version[:1].isdigit() else (999,)


def make_platform(arch: str) -> Platform:
    """The platform for one of Lambda's architecture names; `UnknownTarget` if there is none."""
    for cpu in CPUS:
        if cpu.lambda_name == arch:
            return Platform(cpu)
    known = [cpu.lambda_name for cpu in CPUS]
    raise UnknownTarget(
        f"There is no layer for architecture {arch!r}.",
        f"This version builds: {', '.join(known)}.",
        f"Pass --arch {known[0]}.",
    )


def default_arch() -> str:
    """The architecture that is built and tested unless another is named."""
    return os.environ.get(ARCH_VARIABLE) or CPUS[0].lambda_name


def this_machine() -> Cpu:
    """The processor that the build itself runs on: it decides which compiler wheel is used, never what comes out."""
    found = platform.machine()
    for cpu in CPUS:
        if found in (cpu.machine, cpu.lambda_name):
            return cpu
    raise UnknownTarget(
        f"The build does not run on {found!r} machines.",
        "The compiler wheel is pinned for x86_64 and aarch64 Linux.",
        "Build on one of these, or in a container on one of these.",
    )
