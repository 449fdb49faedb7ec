"""Debian 13 in a folder: `mmdebstrap` makes one with the packages that are asked for, once."""

import os
import shutil
import subprocess
from pathlib import Path

from bench.files import Unavailable

SUITE = "trixie"


def debian(cache: Path, name: str, *packages: str) -> Path:
    """The root of such a system, kept in the cache folder under its name."""
    root = cache / "roots" / f"{SUITE}-{name}"
    if not root.exists():
        if shutil.which("mmdebstrap") is None:
            raise Unavailable("mmdebstrap, which makes a Debian 13, is not there: apt-get install mmdebstrap")
        root.parent.mkdir(parents=True, exist_ok=True)
        unfinished = root.with_name(f"{root.name}.{os.getpid()}")
        wanted = f"--include={','.join(packages)}"
        done = subprocess.run(("mmdebstrap", "--quiet", "--variant=apt", wanted, SUITE, unfinished), check=False)
        if done.returncode:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise Unavailable(f"mmdebstrap made no Debian 13 with {', '.join(packages)}; what it said stands above")
        unfinished.replace(root)
    return root
