"""Where a function runs: with the layer at /opt, itself at /var/task, and our own files in /var/invoke."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from builder.errors import BuildError, MissingTool
from builder.executors.containers import Container, ResourceLimits, temporary_image
from builder.executors.engine import Engine
from builder.executors.tar_archive import TarArchive

Place = Callable[[tuple[str, ...], Mapping[str, str], Callable[[bytes], object]], int]
"""Runs a command with an environment, hands on what it writes as it comes, and returns its exit code."""

SCRATCH = 512 << 20
"""Bytes of /tmp: what Lambda gives."""
OVERHEAD = 128 << 20
"""Bytes for the emulator and what talks to it, which on Lambda are outside of the function's memory."""

# A /var of its own, because the machine's may have no task/; read-only where that can be had, as on Lambda.
SETUP = """
mkdir -p "$0/var/task"
mount --bind "$1" "$0/var/task"
mount -o remount,bind,ro "$0/var/task" 2> /dev/null || :
mount --bind "$0/opt" /opt
mount --rbind "$0/var" /var
shift
cd /
exec "$@"
"""


@contextmanager
def on_host(scratch: Path, task: Path) -> Iterator[Place]:
    """On this machine, in a mount namespace of our own; ``scratch`` has ``opt`` and ``var/invoke``."""
    if shutil.which("unshare") is None:
        raise MissingTool("The layer cannot be laid at /opt.", "unshare is missing.", "Install util-linux, or Docker.")
    rootless = () if os.geteuid() == 0 else ("--map-root-user",)
    unshare = ("unshare", "--mount", *rootless)
    if subprocess.run((*unshare, "true"), capture_output=True, check=False).returncode:
        raise BuildError(
            "The layer cannot be laid at /opt.",
            "This machine lets its users have no mounts of their own.",
            "Start Docker or Podman, or run it as root.",
        )

    def run(command: tuple[str, ...], environment: Mapping[str, str], output: Callable[[bytes], object]) -> int:
        variables = (f"{name}={value}" for name, value in environment.items())
        words = (*unshare, "sh", "-euc", SETUP, str(scratch), str(task), "env", "-i", *variables, *command)
        return run_here(words, os.environ, output)

    yield run


def run_here(command: Sequence[str], environment: Mapping[str, str], output: Callable[[bytes], object]) -> int:
    """What a `Place` does, on this machine as it is."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout
        for line in process.stdout:
            output(line)
    return process.returncode


@contextmanager
def in_container(engine: Engine, image: str, scratch: Path, task: Path, memory: int) -> Iterator[Place]:
    """In a container that is like Lambda: unprivileged, read-only but for /tmp, ``memory`` bytes, no network."""
    with TarArchive((0, 0)) as tar:
        tar.add(scratch / "opt", "opt")
        tar.add(scratch / "var" / "invoke", "var/invoke")
        tar.add(task, "var/task")
        with (
            temporary_image(engine, image, tar) as prepared,
            Container(engine, prepared, ResourceLimits(memory + OVERHEAD, scratch=SCRATCH)) as container,
        ):
            yield container.run
