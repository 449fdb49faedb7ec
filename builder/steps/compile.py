"""Carries out a recipe: unpacks, patches, runs its commands, and takes the source's licences along."""

from collections.abc import Mapping
from pathlib import Path

from builder.errors import PatchRejected, StepFailed
from builder.executors import EPOCH_VARIABLE, Sandbox
from builder.plan.steps import Compile
from builder.profile import RUNTIME
from builder.steps.licences import lay_licences
from builder.toolchain import PROFILE
from builder.unpack import check_consumed, unpack


def compile_source(
    task: Compile, archive: Path, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path], log: Path
) -> None:
    """Makes ``out/`` in the work folder; ``inputs`` are the results of what the recipe needs, by role."""
    source, recipe = task.source, task.recipe
    unpack(archive, work / "src")
    sandbox.send("src")
    for need in recipe.needs:
        sandbox.put(inputs[need], f"deps/{need}")
    for name, text in task.wrappers.items():
        sandbox.write(f"bin/{name}", text, executable=True)
    for path, text in task.patches.items():
        _apply(path.rpartition("/")[2], text, sandbox)
    for place, text in recipe.files.items():
        sandbox.write(place, text)
    if profile := task.profile:
        profile.unpack(work / PROFILE)
        sandbox.send(PROFILE)
    if task.profile_runtime:
        sandbox.put(Path(task.profile_runtime), RUNTIME)
    environment = {EPOCH_VARIABLE: str(task.epoch), **recipe.environment}
    for command in recipe.commands:
        sandbox.run(command, environment)
    if profile:
        profile.check(source.name, task.machine, log.read_text("utf-8", "replace"))
    sandbox.bring("out")
    if source.consumed:
        sandbox.bring("src")
        check_consumed(source, work / "src")
    lay_licences(source, work / "src", work / "out")


def _apply(name: str, text: str, sandbox: Sandbox) -> None:
    """Applies a patch without fuzz: no line of its context may differ."""
    place = f"tmp/{name}"
    sandbox.write(place, text)
    try:
        sandbox.run(("patch", "--batch", "--forward", "--fuzz=0", "-p1", "-i", f"../{place}"), {})
    except StepFailed as error:
        do = "Port it by hand to the pinned version: CONTRIBUTING.md."
        raise PatchRejected(f"{name} does not apply.", error.why, do) from error
