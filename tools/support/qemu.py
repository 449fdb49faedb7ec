"""Runs programs for another architecture under qemu.

qemu is called by name, so nothing needs to be registered with the kernel (binfmt_misc), except for programs that such a
program starts in turn.
"""

import shutil
from pathlib import Path

from builder.errors import MissingTool
from builder.executors.debian import debian

DEBIAN = {"aarch64": "arm64", "x86_64": "amd64"}
"""`Cpu.machine` → Debian's name."""


def under_qemu(machine: str, cache: Path) -> tuple[str, ...]:
    """The prefix for a command for ``machine``, as ``uname -m`` names it; its glibc comes from a Debian.

    Raises:
        MissingTool: qemu is not installed, or what makes a Debian is not.
        NoImage: such a Debian is not available.
    """
    name = f"qemu-{machine}-static"
    qemu = shutil.which(name)
    if qemu is None:
        raise MissingTool(
            f"Programs for {machine} do not run here.",
            f"{name} would run them, and is not on PATH.",
            "On Debian or Ubuntu: apt-get install qemu-user-static; or test on such a machine.",
        )
    # Packages are only unpacked, and none of their programs is run.
    options = ("--variant=extract", "--include=base-files,libc6", f"--architectures={DEBIAN[machine]}")
    return ("env", f"QEMU_LD_PREFIX={debian(cache, machine, *options)}", qemu)
