"""Carries out plans: each step once, in a sandbox of the executor, its result into the store."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from builder.artifacts.pack import pack
from builder.executors import Executor
from builder.fetch import fetch
from builder.fetch.report import Report
from builder.interpreters import load_interpreter
from builder.package_manager import load_package_manager
from builder.pins import Source
from builder.plan.steps import Assemble, Compile, InstallPackages, Pack, Step, Unpack
from builder.scheduler import closure, run_steps
from builder.steps.compile import compile_source
from builder.store import Store
from builder.unpack import unpack


class Progress(Report, Protocol):
    """Whoever watches a build; called by the threads of several steps."""

    def plan(self, steps: tuple[Step, ...], done: Callable[[Step], bool]) -> None: ...

    def started(self, step: Step) -> None: ...

    def waiting(self, step: Step) -> None:
        """Another build works on this very step."""

    def finished(self, step: Step, seconds: float, size: int) -> None:
        """The step took so long and left so many bytes."""


@dataclass(frozen=True)
class BuildContext:
    """What a build works with: none of it may change what comes out."""

    cache: Path
    store: Store
    executor: Executor
    progress: Progress

    def results(self, step: Step) -> Mapping[str, Path]:
        """Where a step's inputs stand, by their roles."""
        return {given.role: self.store.result(given) for given in step.inputs}


def run_plan(wanted: Sequence[Step], site: BuildContext) -> tuple[Path, ...]:
    """Runs what the store lacks of some steps, and of all that they need, as one graph; gives their results in order.

    Nobody prunes these, nor what they were made of, for as long as ``site.store`` lives.
    """
    steps = closure(wanted)
    site.store.sweep()
    if any(isinstance(step.work, Compile | Assemble) for step in _missing(steps, wanted, site.store)):
        site.executor.prepare()  # before anything is written: what the machine lacks is told at once
    site.store.hold(steps)
    site.progress.plan(steps, site.store.has)
    missing = _missing(steps, wanted, site.store)
    if missing and site.store.has_older_layout():
        site.progress.note(
            f"{site.store.root} also has results of an older builder: `nox -s store -- prune` removes them"
        )
    run_steps(missing, partial(_make, site=site), site.executor.job_pool)
    return tuple(site.store.result(step) for step in wanted)


def _missing(steps: Sequence[Step], wanted: Iterable[Step], store: Store) -> tuple[Step, ...]:
    """The steps to run, walking back from what is wanted: what only finished steps need is not needed."""
    needed = {step.key for step in wanted}
    for step in reversed(steps):
        if step.key in needed and not store.has(step):
            needed |= {given.key for given in step.inputs}
    return tuple(step for step in steps if step.key in needed and not store.has(step))


def _make(step: Step, site: BuildContext) -> None:
    """Runs one step, unless another build has done so by the time that it gives way."""
    with site.store.work_on(step, partial(site.progress.waiting, step)) as work:
        if work is not None:
            site.progress.started(step)
            start = time.monotonic()
            _run_step(step, work, site)
            site.progress.finished(step, time.monotonic() - start, _size(work / "out"))


def _run_step(step: Step, work: Path, site: BuildContext) -> None:
    log = site.cache / "logs" / f"{step.name}-{step.key[:12]}.log"
    log.unlink(missing_ok=True)
    inputs = site.results(step)

    def fetched(source: Source) -> Path:
        return fetch(source, source.archives, site.cache, site.progress)

    match step.work:
        case Unpack(source, archives):
            unpack(fetch(source, archives, site.cache, site.progress), work / "out")
        case Compile() as task:
            archive = fetched(task.source)
            compile_source(task, archive, site.executor.sandbox(work, log), work, inputs, log)
        case Assemble() as task:
            data = {source.key: fetched(source) for source in task.data}
            interpreter = load_interpreter(task.product.interpreter)
            interpreter.assemble(task, site.executor.sandbox(work, log), work, inputs, data)
        case InstallPackages() as task:
            manager = load_package_manager(task.product.interpreter)
            manager.install_packages(task, site.executor.sandbox(work, log), work, inputs, site.progress)
        case Pack() as task:
            pack(task, site.executor.sandbox(work, log), work, inputs, site.cache)


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*"))
