"""Finished steps on disk, by content key.

::

    store/<step>/<key>/     what a step left, and step.json: its key_inputs
    work/<key>.<random>/    steps under way
    locks/<key>.lock        held by the process that works on a step; the kernel lets go when it dies

A result appears by one rename, so it is whole or it is not there. A process that is killed leaves a work folder and
nothing else; whoever next gets its lock removes it.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from builder.disk import translate_os_errors
from builder.plan.steps import Step


class Store:
    """The store in one cache folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def result(self, step: Step) -> Path:
        """Where the step's result is, or will be."""
        return self.root / "store" / step.name / step.key

    def has(self, step: Step) -> bool:
        return self.result(step).is_dir()

    def reasons(self, step: Step) -> list[str]:
        """Why a step has to run: what changed against its last result here; empty if it does not have to."""
        if self.has(step):
            return []
        records = list((self.root / "store" / step.name).glob("*/step.json"))
        if not records:
            return ["never built here"]
        before = json.loads(max(records, key=lambda path: path.stat().st_mtime).read_text(encoding="utf-8"))
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
                lock.acquire()
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
            for work in (self.root / "work").glob("*"):
                key = work.name.partition(".")[0]
                with suppress(Timeout), self.lock(key).acquire(timeout=0):
                    self._remove_work(key)

    def _keep(self, step: Step, out: Path) -> None:
        record = json.dumps(step.key_inputs, indent=1, sort_keys=True)
        (out / "step.json").write_text(record, encoding="utf-8")
        _made(self.result(step).parent)
        out.rename(self.result(step))

    def lock(self, key: str) -> FileLock:
        """Held by one process at a time, and by no dead one."""
        return FileLock(_made(self.root / "locks") / f"{key}.lock")

    def _remove_work(self, key: str) -> None:
        for stale in (self.root / "work").glob(f"{key}.*"):
            shutil.rmtree(stale, ignore_errors=True)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
