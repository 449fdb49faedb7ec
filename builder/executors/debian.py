"""A Debian 13 in a folder, by `mmdebstrap`, for what this machine has not: made once, and kept."""

import os
import shutil
import subprocess
from pathlib import Path

from builder.errors import MissingTool, NoImage

SUITE = "trixie"


def debian(cache: Path, name: str, *options: str) -> Path:
    """The root of such a system, kept in the cache folder under its name; ``options`` are mmdebstrap's.

    Raises:
        MissingTool: mmdebstrap is not here.
        NoImage: it made none.
    """
    root = cache / "roots" / f"{SUITE}-{name}"
    if not root.exists():
        if shutil.which("mmdebstrap") is None:
            raise MissingTool(
                f"There is no Debian for {name}.",
                "mmdebstrap makes it, and is not here.",
                "On Debian or Ubuntu: apt-get install mmdebstrap.",
            )
        root.parent.mkdir(parents=True, exist_ok=True)
        unfinished = root.with_name(f"{root.name}.{os.getpid()}")
        command = ("mmdebstrap", "--quiet", *options, SUITE, str(unfinished))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise NoImage(f"mmdebstrap made no Debian for {name}.", done.stderr[-500:], "Fix that, and run it again.")
        unfinished.replace(root)
    return root
