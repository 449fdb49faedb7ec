"""Programs for another processor than this machine's, under qemu.

qemu is called by name, so that nothing needs to be registered with the kernel; what such a program starts in turn does
need that.
"""

import os
import shutil
import subprocess
from pathlib import Path

from builder.errors import MissingTool, NoImage

SUITE = "trixie"


def under_qemu(machine: str, cache: Path) -> tuple[str, ...]:
    """What to put before a command for ``machine``, as ``uname -m`` names it; its glibc is that of `debian`.

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
    return ("env", f"QEMU_LD_PREFIX={debian(machine, cache)}", qemu)


def debian(machine: str, cache: Path) -> Path:
    """The root of a Debian for a machine, kept in the cache folder; its packages are unpacked, and nothing was run."""
    root = cache / "roots" / f"{SUITE}-{machine}"
    if not root.exists():
        if shutil.which("mmdebstrap") is None:
            raise MissingTool(
                f"There is no Debian for {machine}.",
                "mmdebstrap makes it, and is not here.",
                "On Debian or Ubuntu: apt-get install mmdebstrap.",
            )
        root.parent.mkdir(parents=True, exist_ok=True)
        unfinished = root.with_name(f"{root.name}.{os.getpid()}")
        architecture = {"aarch64": "arm64", "x86_64": "amd64"}[machine]
        options = ("--quiet", "--variant=extract", "--include=base-files,libc6", f"--architectures={architecture}")
        done = subprocess.run(("mmdebstrap", *options, SUITE, unfinished), capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise NoImage(
                f"mmdebstrap made no Debian for {machine}.", done.stderr[-500:], "Mend that, and run it again."
            )
        unfinished.replace(root)
    return root
