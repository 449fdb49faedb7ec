"""Finished steps on disk, by content key.

::

    store/v2/<step>/<key>/  what a step left, and step.json: its key_inputs; changed when a build last used it
    work/<key>.<random>/    steps under way
    trash/                  what is on its way out
    locks/<key>.lock        held by the process that works on a step; the kernel lets go when it dies
    locks/*.use             the keys that a build needs, one file for each build: `builder.uses`
    locks/store.lock        held for the moment in which keys are noted or results go away

A result appears by one rename, and goes by one, so it is whole or it is not there. A process that is killed leaves a
work folder and nothing else; whoever next gets its lock removes it. Another layout gets another folder than ``v2``, so
that no builder takes for a result what means something else.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from builder.cancellation import checkpoint, is_cancelled
from builder.disk import make_folder, translate_os_errors
from builder.plan.steps import Step
from builder.uses import Use, keys_in_use

LAYOUT = "v2"
RECORD = "step.json"


@dataclass(frozen=True)
class Result:
    """What a step left, whichever builder it was."""

    path: Path
    used: float
    """When a build last used it, in seconds since the epoch; of the older layout, when it was made."""
    current: bool
    """Whether it is of the layout that this builder reads; the one before had no folder of its own."""

    @property
    def name(self) -> str:
        """The step's."""
        return self.path.parent.name

    @property
    def key(self) -> str:
        return self.path.name


class Store:
    """The store in one cache folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._use: Use | None = None

    def result(self, step: Step) -> Path:
        """Where the step's result is, or will be."""
        return self.folder / step.name / step.key

    @property
    def folder(self) -> Path:
        """Where the results are that this builder reads."""
        return self.root / "store" / LAYOUT

    def has(self, step: Step) -> bool:
        return self.result(step).is_dir()

    def hold(self, steps: Iterable[Step]) -> None:
        """Keeps results from being pruned, those to come as well, until this object goes; notes that they are used."""
        steps = tuple(steps)
        with translate_os_errors(self.root):
            with self.lock("store"):
                self._use = self._use or Use(self.root / "locks")
                self._use.add(step.key for step in steps)
            for step in steps:
                with suppress(FileNotFoundError):
                    os.utime(self.result(step) / RECORD)

    def results(self) -> Iterator[Result]:
        """All that there are, of this layout and of the one before."""
        for path in self.folder.glob("*/*"):
            yield Result(path, _used(path), current=True)
        for record in (self.root / "store").glob(f"*/*/{RECORD}"):
            yield Result(record.parent, _used(record.parent), current=False)

    def has_older_layout(self) -> bool:
        return any((self.root / "store").glob(f"*/*/{RECORD}"))

    def reasons(self, step: Step) -> list[str]:
        """Why a step has to run: what changed against the result that was used last; empty if it does not have to."""
        if self.has(step):
            return []
        earlier = sorted(self.result(step).parent.glob("*"), key=_used, reverse=True)
        if not earlier:
            return ["never built here"]
        before = next(filter(None, (_read_record(path / RECORD) for path in earlier)), None)
        if before is None:
            return ["what was built here has no record that can be read"]
        now = step.key_inputs
        return (
            [
                f"{name}: {before[name][:12]} → {now[name][:12]}"
                for name in sorted(before.keys() & now)
                if before[name] != now[name]
            ]
            + [f"{name}: new" for name in sorted(now.keys() - before)]
            + [f"{name}: gone" for name in sorted(before.keys() - now)]
        )

    @contextmanager
    def work_on(self, step: Step, waiting: Callable[[], None]) -> Iterator[Path | None]:
        """Gives a fresh work folder for a step; what its ``out/`` holds at the end becomes the result.

        Gives None if another process finished the step while this one waited for it; ``waiting`` is called once
        before such a wait. If the body raises, nothing is kept.
        """
        with translate_os_errors(self.root):
            lock = self.lock(step.key)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                waiting()
                _acquire(lock)
            try:
                if self.has(step):
                    yield None
                    return
                self._remove_work(step.key)
                work = Path(tempfile.mkdtemp(prefix=f"{step.key}.", dir=_made(self.root / "work")))
                try:
                    yield work
                    self._keep(step, work / "out")
                finally:
                    shutil.rmtree(work, ignore_errors=True)
            finally:
                lock.release()

    def sweep(self) -> None:
        """Removes what killed processes left."""
        with translate_os_errors(self.root):
            for work in self.abandoned():
                shutil.rmtree(work, ignore_errors=True)
            if any((self.root / "locks").glob("*.use")):
                with self.lock("store"):
                    keys_in_use(self.root / "locks")
            self.empty_trash()

    def abandoned(self) -> Iterator[Path]:
        """The work folders that nobody works in; nobody begins to as long as one is looked at."""
        for work in (self.root / "work").glob("*"):
            with suppress(Timeout), self.lock(work.name.partition(".")[0]).acquire(timeout=0):
                yield work

    def discard(self, result: Result) -> Path:
        """Takes a result away, to where `empty_trash` finds it; to be called under ``lock("store")``."""
        trash = _made(self.root / "trash") / f"{result.key}.{uuid4().hex}"  # by one rename: others empty the trash
        result.path.rename(trash)
        if not result.current:  # nobody else makes folders there
            with suppress(OSError):
                result.path.parent.rmdir()
        return trash

    def empty_trash(self) -> None:
        for discarded in (self.root / "trash").glob("*"):
            shutil.rmtree(discarded, ignore_errors=True)

    def _keep(self, step: Step, out: Path) -> None:
        record = json.dumps(step.key_inputs, indent=1, sort_keys=True)
        (out / RECORD).write_text(record, encoding="utf-8")
        _made(self.result(step).parent)
        out.rename(self.result(step))

    def lock(self, key: str) -> FileLock:
        """Held by one process at a time, and by no dead one."""
        return FileLock(_made(self.root / "locks") / f"{key}.lock")

    def _remove_work(self, key: str) -> None:
        for stale in (self.root / "work").glob(f"{key}.*"):
            shutil.rmtree(stale, ignore_errors=True)


def _used(result: Path) -> float:
    """When a result was last used, by its record; by itself if that is gone."""
    for path in (result / RECORD, result):
        with suppress(OSError):
            return path.stat().st_mtime
    return 0.0


def _acquire(lock: FileLock) -> None:
    """Waits for a lock, unless what it is for is cancelled."""
    try:
        lock.acquire(cancel_check=is_cancelled)
    except Timeout:
        checkpoint()
        raise


def _read_record(path: Path) -> dict[str, str] | None:
    """A result's key_inputs; None if the file is not what we wrote."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if isinstance(record, dict) and all(isinstance(value, str) for value in record.values()):
        return record
    return None


def _made(folder: Path) -> Path:
    make_folder(folder)
    return folder
