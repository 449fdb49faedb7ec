"""Carries out a plan: each step once, in a sandbox of the executor, its result into the store."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from builder.artifacts.pack import pack
from builder.errors import PatchRejected, StepFailed
from builder.executors import Executor, Sandbox
from builder.fetch import fetch
from builder.fetch.report import Report
from builder.interpreters.cpython.assemble import assemble, lay_licences
from builder.interpreters.cpython.packages.bake import bake
from builder.plan import Assemble, Bake, Compile, Pack, Step, Unpack
from builder.profile import RUNTIME, read_profile
from builder.store import Store
from builder.toolchain import PROFILE
from builder.unpack import check_consumed, unpack


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
        """Where a step's inputs stand, by the first part of their names."""
        return {given.name.partition("-")[0]: self.store.result(given) for given in step.inputs}


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
    match step.work:
        case Unpack(source, archives):
            unpack(fetch(source, archives, site.cache, site.progress), work / "out")
        case Compile():
            _compile(step.work, work, log, site, site.results(step))
        case Assemble(tzdata=tzdata):
            wheel = fetch(tzdata, tzdata.archives, site.cache, site.progress)
            assemble(step.work, site.executor.sandbox(work, log), work, site.results(step), wheel)
        case Bake():
            bake(step.work, site.executor.sandbox(work, log), work, site.results(step), site.progress)
        case Pack():
            pack(step.work, site.executor.sandbox(work, log), work, site.results(step), site.cache)


def _compile(task: Compile, work: Path, log: Path, site: BuildContext, inputs: Mapping[str, Path]) -> None:
    """Carries out a recipe, and takes the source's licences along."""
    source, recipe = task.source, task.recipe
    unpack(fetch(source, source.archives, site.cache, site.progress), work / "src")
    sandbox = site.executor.sandbox(work, log)
    sandbox.send("src")
    for need in recipe.needs:
        sandbox.put(inputs[need], f"deps/{need}")
    for name, text in task.wrappers.items():
        sandbox.write(f"bin/{name}", text, executable=True)
    for patch in task.patches:
        _apply(patch, sandbox)
    for place, text in recipe.files.items():
        sandbox.write(place, text)
    profile = read_profile(task.profile) if task.profile else None
    if profile:
        profile.unpack(work / PROFILE)
        sandbox.send(PROFILE)
    if task.runtime:
        sandbox.put(task.runtime, RUNTIME)
    for command in recipe.commands:
        sandbox.run(command, recipe.environment)
    if profile:
        profile.check(source.name, task.machine, log.read_text("utf-8", "replace"))
    sandbox.bring("out")
    if source.consumed:
        sandbox.bring("src")
        check_consumed(source, work / "src")
    lay_licences(source, work / "src", work / "out")


def _apply(patch: Path, sandbox: Sandbox) -> None:
    """Applies a patch without fuzz: no line of its context may differ."""
    place = f"tmp/{patch.name}"
    sandbox.put(patch, place)
    try:
        sandbox.run(("patch", "--batch", "--forward", "--fuzz=0", "-p1", "-i", f"../{place}"), {})
    except StepFailed as error:
        raise PatchRejected(
            f"{patch.name} does not apply.", error.why, "Make it anew against the pinned version: CONTRIBUTING.md."
        ) from error


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*"))
