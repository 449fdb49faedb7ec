"""Programs for another processor than this machine's, under qemu.

qemu is called by name, so that nothing needs to be registered with the kernel; what such a program starts in turn does
need that.
"""

import shutil
from pathlib import Path

from builder.errors import MissingTool
from builder.executors.debian import debian

DEBIAN = {"aarch64": "arm64", "x86_64": "amd64"}
"""`Cpu.machine` → Debian's name."""


def under_qemu(machine: str, cache: Path) -> tuple[str, ...]:
    """What to put before a command for ``machine``, as ``uname -m`` names it; its glibc is a Debian's.

    Raises:
        MissingTool: qemu is not here, or not what makes a Debian for it.
        NoImage: there is no such Debian to be had.
    """
    name = f"qemu-{machine}-static"
    qemu = shutil.which(name)
    if qemu is None:
        raise MissingTool(
            f"Programs for {machine} do not run here.",
            f"{name} would run them, and is not on PATH.",
            "On Debian or Ubuntu: apt-get install qemu-user-static; or test on such a machine.",
        )
    # Packages are unpacked, and nothing is run.
    options = ("--variant=extract", "--include=base-files,libc6", f"--architectures={DEBIAN[machine]}")
    return ("env", f"QEMU_LD_PREFIX={debian(cache, machine, *options)}", qemu)
