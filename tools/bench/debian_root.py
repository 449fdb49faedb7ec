"""Commands in the root folder of a Debian, each in a mount namespace of its own."""

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

DEVICES = (Path("/dev"), Path("/proc"))
"""What programs need of a running system."""


def in_root(root: Path, folders: Iterable[Path], *command: str, network: bool = True) -> tuple[str, ...]:
    """The command that runs another one in ``root``, with folders of this machine at the same paths there."""
    pairs = ((shlex.quote(f"{root}{folder}"), shlex.quote(str(folder))) for folder in folders)
    mounts = (f"mkdir -p {place}; mount --rbind {folder} {place}" for place, folder in pairs)
    options = (*(() if os.geteuid() == 0 else ("--map-root-user",)), *(() if network else ("--net",)))
    script = "; ".join((*mounts, 'exec chroot "$0" "$@"'))
    return ("unshare", "--mount", *options, "sh", "-euc", script, str(root), *command)
