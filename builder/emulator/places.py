"""Where a function runs: with the layer at /opt, itself at /var/task, and our own files in /var/invoke."""

import os
import selectors
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder.errors import BuildError, MissingTool
from builder.executors.containers import Container, ResourceLimits, temporary_image
from builder.executors.engine import Engine
from builder.executors.tar_archive import TarArchive

Output = Callable[[bytes], object]
"""Takes what a command writes, piece by piece as it comes."""


@dataclass(frozen=True)
class Place:
    """Where a function runs."""

    run: Callable[[tuple[str, ...], Output, Output], int]
    """Runs a command, hands on its standard output and its standard error, and returns its exit code."""
    has_own_network: bool
    """So no port is in use in there."""


SCRATCH = 512 << 20
"""Bytes of /tmp: what Lambda gives."""
OVERHEAD = 128 << 20
"""Bytes for the emulator and what talks to it, which on Lambda are outside of the function's memory."""
PIECE = 1 << 16
"""Bytes that are read at once, at the most."""
PAUSE = 0.1
"""Seconds between two looks at a command that says nothing: it may have ended, and its output be held open."""

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

    def run(command: tuple[str, ...], output: Output, errors: Output) -> int:
        words = (*unshare, "sh", "-euc", SETUP, str(scratch), str(task), *command)
        return run_here(words, {"PATH": os.environ.get("PATH", os.defpath)}, output, errors)

    yield Place(run, has_own_network=False)


def run_here(
    command: Sequence[str], environment: Mapping[str, str], output: Output, errors: Output | None = None
) -> int:
    """What a `Place` does, on this machine as it is. Without ``errors``, standard error is this process's own.

    It returns when the command ends, even if something else still holds its output open: a process that a function has
    left behind. An interruption terminates the command.
    """
    stderr = subprocess.PIPE if errors else None
    with subprocess.Popen(command, bufsize=0, stdout=subprocess.PIPE, stderr=stderr, env=environment) as process:
        try:
            _forward(process, output, errors)
        except BaseException:  # Popen would wait for the command's own end
            process.terminate()
            raise
    return process.returncode


def _forward(process: "subprocess.Popen[bytes]", output: Output, errors: Output | None) -> None:
    with selectors.DefaultSelector() as selector:
        for stream, take in ((process.stdout, output), (process.stderr, errors)):
            if stream:
                selector.register(stream, selectors.EVENT_READ, take)
        while selector.get_map():
            over = process.poll() is not None
            ready = selector.select(0 if over else PAUSE)
            if over and not ready:
                return
            for key, _ in ready:
                if piece := os.read(key.fd, PIECE):
                    key.data(piece)
                else:
                    selector.unregister(key.fileobj)


@contextmanager
def in_container(engine: Engine, image: str, scratch: Path, task: Path | None, memory: int) -> Iterator[Place]:
    """In a container that is like Lambda: unprivileged, read-only but for /tmp, ``memory`` bytes, no network.

    Without a ``task``, layer and function are in the image.
    """
    with TarArchive((0, 0)) as tar:
        tar.add(scratch / "var" / "invoke", "var/invoke")
        if task:
            tar.add(scratch / "opt", "opt")
            tar.add(task, "var/task")
        with (
            temporary_image(engine, image, tar) as prepared,
            Container(engine, prepared, ResourceLimits(memory + OVERHEAD, scratch=SCRATCH)) as container,
        ):
            yield Place(
                lambda command, output, errors: container.run(command, {}, output, errors=errors), has_own_network=True
            )
