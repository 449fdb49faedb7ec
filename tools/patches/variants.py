"""The product without one of its patches, all else equal: the same profile, symbol order and flags."""

import shutil
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from builder.plan.keys import Materials
from builder.plan.steps import Step
from builder.platform import Platform
from builder.product import Product
from builder.repository import Repository
from tools.patches.header import Patch

APPLY = ("patch", "--batch", "--forward", "--fuzz=0", "-p1")
"""As `builder.steps.compile` applies them."""


def without(repository: Repository, patches: Collection[Patch]) -> Repository:
    """The repository as it would be if no series named these patches, and they were not there."""
    paths = {patch.path for patch in patches}
    contents = {path: content for path, content in repository.files.contents.items() if path not in paths}
    for folder in {path.rpartition("/")[0] for path in paths}:
        series = f"{folder}/series"
        lines = repository.files.text(series).splitlines(keepends=True)
        kept = (line for line in lines if f"{folder}/{line.partition('#')[0].strip()}" not in paths)
        contents[series] = "".join(kept).encode()
    return replace(repository, files=Materials(contents))


def tree_step(repository: Repository, product: Product, platform: Platform) -> Step:
    """The step that leaves what will be at ``/opt``: an interpreter that runs, in any folder."""
    (step,) = (step for step in repository.plan(product, platform) if step.role == "tree")
    return step


def left_out(patch: Patch, patches: Sequence[Patch], source: Path, scratch: Path) -> tuple[Patch, ...]:
    """A patch and those that cannot be there without it: they need it, or do not apply.

    ``patches`` are all of its source, in the order of applying, and ``source`` is the unpacked source.
    """
    tree = scratch / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    for file in {file for each in patches for file in each.lines if (source / file).exists()}:
        (tree / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file, tree / file)
    out = [patch]
    for each in patches:
        if each is not patch and ({other.number for other in out}.intersection(each.needs) or not _apply(each, tree)):
            out.append(each)
    return tuple(out)


def _apply(patch: Patch, tree: Path) -> bool:
    """Applies a patch whole or not at all."""
    for options in (("--dry-run",), ()):
        command = (*APPLY, *options)
        if subprocess.run(command, cwd=tree, input=patch.diff.encode(), capture_output=True, check=False).returncode:
            return False
    return True
