"""A cache that a test may wreck: hard links to what a finished build left in the user's cache, and a short build."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from builder.plan.steps import Step
from builder.platform import Cpu
from builder.repository import load_repository
from builder.store import Store
from builder.unpack import tree_sha256
from tools.support.product import PLATFORM, PRODUCT, ROOT

GIVEN = ("toolchain", "build_python", "tree")
"""Steps that take long, or whose result the others only read."""
SHORT = ("zlib", "bzip2", "libffi")
"""Steps with a real compiler that take seconds."""
MADE = (*SHORT, "layer")


def planned(machine: Cpu | None = None) -> dict[str, Step]:
    """The plan's steps, by role; for a build on another machine than this one, if need be."""
    return {step.role: step for step in load_repository().plan(PRODUCT, PLATFORM, machine=machine)}


@dataclass(frozen=True)
class BuildCache:
    """A cache with what is `GIVEN`, and a folder for what is delivered."""

    cache: Path
    dist: Path
    sources: str
    """Folders in which archives are found without a network."""

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "STATIC_PYTHON_CACHE": str(self.cache), "STATIC_PYTHON_SOURCES": self.sources}

    def start(self, image: str = "") -> subprocess.Popen[str]:
        """A process that makes what is `MADE`, as far as it is missing, and delivers it; in a container of an image."""
        command = (sys.executable, "-m", "tests.builds.short_build", str(self.cache), str(self.dist), image)
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, stderr=subprocess.PIPE, text=True)

    def complete(self, image: str = "") -> None:
        """Lets such a process come to its end."""
        process = self.start(image)
        _, err = process.communicate()
        assert process.returncode == 0, err

    def digests(self) -> dict[str, str]:
        """sha256 of each result, and of all that was delivered."""
        steps, store = planned(), Store(self.cache)
        return {name: _digest(store.result(steps[name])) for name in MADE} | {
            path.name: sha256(path.read_bytes()).hexdigest() for path in self.dist.iterdir()
        }

    def wipe(self) -> None:
        """Takes away what was made, and what was fetched for it."""
        steps, store = planned(), Store(self.cache)
        for folder in (*(store.result(steps[name]) for name in MADE), self.cache / "downloads", self.dist):
            shutil.rmtree(folder, ignore_errors=True)

    def leftovers(self) -> list[Path]:
        """Work folders, and files that wait for their name."""
        return [*(self.cache / "work").glob("*"), *self.cache.glob("downloads/*.part"), *self.dist.glob("*.part")]

    def end_orphans(self) -> None:
        """Ends the compilers whose build was killed: they would go on in folders that are gone."""
        while orphans := self._processes():
            for pid in orphans:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def _processes(self) -> list[int]:
        """Whoever works below the cache's work folder, or did when it was still there."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "cwd").startswith(f"{self.cache}/work/"):
                    found.append(int(process.name))
            except OSError:  # it ended meanwhile, or is somebody else's
                continue
        return found


@dataclass(frozen=True)
class Reference:
    """What a build that nobody disturbed made, and how long it took."""

    digests: dict[str, str]
    seconds: float
    """Only to choose moments to disturb others at."""


def _digest(folder: Path) -> str:
    return tree_sha256(folder, (path for path in folder.rglob("*") if path.is_file()))


def lay_out(build_cache: Path, users_cache: Path) -> BuildCache:
    """Makes a build_cache below a folder; fails the test if the user's cache lacks the results of a build."""
    steps, users = planned(), Store(users_cache)
    missing = [steps[name].name for name in GIVEN if not users.has(steps[name])]
    if missing:
        pytest.fail(f"{users_cache} has no {', '.join(missing)} of this plan: run `nox -s build_layer`", pytrace=False)
    for name in GIVEN:
        ours = Store(build_cache / "cache").result(steps[name])
        shutil.copytree(users.result(steps[name]), ours, symlinks=True, copy_function=_link)
    folders = (str(users_cache / "downloads"), os.environ.get("STATIC_PYTHON_SOURCES", ""))
    return BuildCache(build_cache / "cache", build_cache / "dist", os.pathsep.join(filter(None, folders)))


def _link(source: str, goal: str) -> None:
    """A hard link, or a copy where the two folders are on different disks."""
    try:
        os.link(source, goal, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, goal, follow_symlinks=False)
