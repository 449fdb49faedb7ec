"""How steps that run at once share the processes of ``--jobs``.

Each step has one job for itself; its make may use further ones that no other step needs at the moment. On this machine
GNU make's own protocol, the jobserver, sees to that to the process: a pipe with a token for each free job, which every
make of the build reads from and writes to. It takes nothing but inherited descriptors, so a make in a container cannot
have it: there each step gets its part when a command starts.
"""

import os
import re
import shutil
import subprocess
from typing import Protocol, Self

_MOST = 4096
"""Tokens that fit into a pipe, whatever its size; so many jobs nobody has."""
_OLDEST_MAKE = (4, 3)
"""Older ones wait for a token in ways of their own."""


class JobPool(Protocol):
    """The jobs of an executor; divided among steps inside of its ``with`` block, outside of it the only step's."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def claim(self) -> bool:
        """Takes a job for a step, if one is free."""

    def release(self) -> None:
        """Gives a step's job back, for the next step's use."""

    def lend(self) -> None:
        """Leaves the jobs that no step has claimed to the running ones."""

    @property
    def makeflags(self) -> str:
        """MAKEFLAGS for a command that starts now."""

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Files that a command has to inherit for that."""


class JobShares:
    """As many jobs for each step as there are for all, divided by the number of those that run."""

    def __init__(self, jobs: int) -> None:
        self._jobs, self._running = jobs, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running = 0

    def claim(self) -> bool:
        free = self._running < self._jobs
        self._running += free
        return free

    def release(self) -> None:
        self._running -= 1

    def lend(self) -> None:
        """Whoever starts a command finds them."""

    @property
    def makeflags(self) -> str:
        return f"-j{self._jobs // max(self._running, 1)}"

    @property
    def descriptors(self) -> tuple[int, ...]:
        return ()


class Jobserver:
    """GNU make's jobserver. What a step has claimed is never in the pipe, so all makes together get the rest."""

    def __init__(self, jobs: int) -> None:
        self._jobs = self._in_hand = min(jobs, _MOST)
        self._pipe: tuple[int, ...] = ()

    def __enter__(self) -> Self:
        self._in_hand, self._pipe = self._jobs, os.pipe()
        # Opened once more, because not to wait for a token is our affair: with their end, makes do as they like.
        self._ours = os.open(f"/proc/self/fd/{self._pipe[0]}", os.O_RDONLY | os.O_NONBLOCK)
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in (*self._pipe, self._ours):
            os.close(descriptor)
        self._pipe = ()

    def claim(self) -> bool:
        if not self._in_hand:
            try:
                self._in_hand += len(os.read(self._ours, 1))
            except BlockingIOError:
                return False
        self._in_hand -= 1
        return True

    def release(self) -> None:
        self._in_hand += 1

    def lend(self) -> None:
        os.write(self._pipe[1], b"+" * self._in_hand)
        self._in_hand = 0

    @property
    def makeflags(self) -> str:
        server = f" --jobserver-auth={self._pipe[0]},{self._pipe[1]}" if self._pipe else ""
        return f"-j{self._jobs}{server}"

    @property
    def descriptors(self) -> tuple[int, ...]:
        return self._pipe


def host_job_pool(jobs: int) -> JobPool:
    """The best that this machine's make knows."""
    make = shutil.which("make")
    said = subprocess.run((make, "--version"), capture_output=True, text=True, check=False).stdout if make else ""
    version = re.match(r"GNU Make (\d+)\.(\d+)", said)
    modern = version is not None and (int(version[1]), int(version[2])) >= _OLDEST_MAKE
    return Jobserver(jobs) if modern else JobShares(jobs)
