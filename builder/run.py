"""Carries out a plan: each step once, in a sandbox of the executor, its result into the store."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from builder.artifacts.pack import pack
from builder.executors import Executor
from builder.fetch import fetch
from builder.fetch.report import Report
from builder.interpreters import load_interpreter
from builder.pins import Source
from builder.plan.steps import Assemble, Compile, InstallPackages, Pack, Step, Unpack
from builder.steps.compile import compile_source
from builder.store import Store
from builder.unpack import unpack


class Progress(Report, Protocol):
    """Whoever watches a build."""

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


def run_plan(steps: tuple[Step, ...], site: BuildContext) -> Path:
    """Runs what is not in the store yet and gives the last step's result."""
    site.store.sweep()
    site.progress.plan(steps, site.store.has)
    wanted = _needed(steps, site.store)
    if any(isinstance(step.work, Compile | Assemble) for step in wanted):
        site.executor.prepare()
    for step in wanted:
        with site.store.work_on(step, partial(site.progress.waiting, step)) as work:
            if work is not None:
                site.progress.started(step)
                start = time.monotonic()
                _run_step(step, work, site)
                site.progress.finished(step, time.monotonic() - start, _size(work / "out"))
    return site.store.result(steps[-1])


def _needed(steps: tuple[Step, ...], store: Store) -> tuple[Step, ...]:
    """The steps to run, walking back from the last: what only finished steps need is not needed."""
    wanted: set[str] = set()
    for step in reversed(steps):
        if not store.has(step) and (step is steps[-1] or step.key in wanted):
            wanted |= {step.key, *(given.key for given in step.inputs)}
    return tuple(step for step in steps if step.key in wanted and not store.has(step))


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
            interpreter = load_interpreter(task.product.interpreter)
            interpreter.install_packages(task, site.executor.sandbox(work, log), work, inputs, site.progress)
        case Pack() as task:
            pack(task, site.executor.sandbox(work, log), work, inputs, site.cache)


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*"))
