"""A cache that tests may damage: hard links to a finished build's results in the user's cache, and a short build."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from builder.plan.steps import Step
from builder.platform import Cpu
from builder.repository import load_repository
from builder.store import Store
from builder.unpack import tree_sha256
from tools.support.product import PLATFORM, PRODUCT, ROOT

PREBUILT = ("toolchain", "build_python", "tree")
"""Steps that take long, or whose results the others only read."""
SHORT = ("zlib", "bzip2", "libffi")
"""Steps that use a real compiler and take seconds."""
BUILT = (*SHORT, "layer")


@cache
def planned(machine: Cpu | None = None) -> dict[str, Step]:
    """The plan's steps by role, which nobody changes; for a build on this machine or on another kind."""
    return {step.role: step for step in load_repository().plan(PRODUCT, PLATFORM, machine=machine)}


@dataclass(frozen=True)
class BuildCache:
    """A cache with the `PREBUILT` steps, and a folder for the build's output."""

    cache: Path
    dist: Path
    sources: str
    """Folders with archives, so that no network is needed."""

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "STATIC_PYTHON_CACHE": str(self.cache), "STATIC_PYTHON_SOURCES": self.sources}

    def start(self, image: str = "") -> subprocess.Popen[str]:
        """A process that builds missing `BUILT` steps and exports the layer; in a container if ``image`` is given."""
        command = (sys.executable, "-m", "tests.builds.short_build", str(self.cache), str(self.dist), image)
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, stderr=subprocess.PIPE, text=True)

    def complete(self, image: str = "") -> None:
        """Runs such a process to its end."""
        process = self.start(image)
        _, err = process.communicate()
        assert process.returncode == 0, err

    def digests(self) -> dict[str, str]:
        """sha256 of each step's result, and of each exported file."""
        steps, store = planned(), Store(self.cache)
        return {name: _digest(store.result(steps[name])) for name in BUILT} | {
            path.name: sha256(path.read_bytes()).hexdigest() for path in self.dist.iterdir()
        }

    def wipe(self) -> None:
        """Deletes what was built, and what was fetched for it."""
        steps, store = planned(), Store(self.cache)
        for folder in (*(store.result(steps[name]) for name in BUILT), self.cache / "downloads", self.dist):
            shutil.rmtree(folder, ignore_errors=True)

    def leftovers(self) -> list[Path]:
        """Work folders, and unfinished files."""
        return [*(self.cache / "work").glob("*"), *self.cache.glob("downloads/*.part"), *self.dist.glob("*.part")]

    def end_orphans(self) -> None:
        """Kills compilers whose build was killed: they would continue in deleted folders."""
        while orphans := self._processes():
            for pid in orphans:
                with suppress(ProcessLookupError):  # it may end by itself
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def _processes(self) -> list[int]:
        """Processes whose working directory is below the cache's work folder, even if that was deleted."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "cwd").startswith(f"{self.cache}/work/"):
                    found.append(int(process.name))
            except OSError:  # it has ended, or belongs to another user
                continue
        return found


@dataclass(frozen=True)
class Reference:
    """The results of an undisturbed build, and its duration."""

    digests: dict[str, str]
    seconds: float
    """Only for choosing when to kill other builds."""


def _digest(folder: Path) -> str:
    return tree_sha256(folder, (path for path in folder.rglob("*") if path.is_file()))


def make_build_cache(folder: Path, users_cache: Path) -> BuildCache:
    """Makes a build cache below a folder; fails the test if the user's cache lacks the results of a build."""
    steps, users = planned(), Store(users_cache)
    missing = [steps[name].name for name in PREBUILT if not users.has(steps[name])]
    if missing:
        pytest.fail(f"{users_cache} has no {', '.join(missing)} of this plan: run `nox -s build_layer`", pytrace=False)
    for name in PREBUILT:
        ours = Store(folder / "cache").result(steps[name])
        shutil.copytree(users.result(steps[name]), ours, symlinks=True, copy_function=_link)
    folders = (str(users_cache / "downloads"), os.environ.get("STATIC_PYTHON_SOURCES", ""))
    return BuildCache(folder / "cache", folder / "dist", os.pathsep.join(filter(None, folders)))


def _link(source: str, target: str) -> None:
    """Makes a hard link, or a copy if the two folders are on different file systems."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
