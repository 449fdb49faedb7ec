"""Is what git tracks in ``dist/`` what this checkout gives? By key where nothing changed, else by building it.

Every provenance has the keys of the steps that made its layer. Where the plan of this checkout has the same key for the
layer, nothing that its bytes depend on has changed since, and they are what they were when it was built and compared.
Whoever checks a change by somebody else compares with a revision before it (``since``): the change may say anything.

A product that has not been trained yet, or whose version is not final, is no product to take: nothing of it is tracked.
"""

import json
import subprocess
from pathlib import Path

from builder import DIST, ROOT
from builder.artifacts.export import SUMS, read_sums
from builder.console import Terminal
from builder.errors import ManifestMismatch
from builder.executors.choice import Choice
from builder.fetch import file_sha256
from builder.layers import Request, build_layers
from builder.platform import CPUS, make_platform
from builder.product import Product
from builder.repository import Repository, load_repository

ARCHS = tuple(cpu.lambda_name for cpu in CPUS)


def check_dist(
    terminal: Terminal,
    *,
    jobs: int,
    everything: bool,
    choice: Choice,
    image: str,
    since: str = "",
    folder: Path = DIST,
) -> None:
    """Builds the layers whose keys changed, or ``everything``, and compares all files; the new ones stay in the folder.

    ``since`` is a revision in whose ``dist/`` the keys are looked up; by default it is the folder's own.

    Raises:
        ManifestMismatch: the folder has files that are not as its checksums say, or this checkout gives others.
    """
    repository = load_repository()
    _check_sums(folder)
    products = [product for product in repository.products.by_name.values() if product.tracked]
    tracked = [(product, arch) for product in products for arch in ARCHS]
    stale = [each for each in tracked if everything or not _is_recorded(*each, repository, folder, since)]
    for product, arch in tracked:
        if (product, arch) not in stale:
            terminal.note(f"{product.stem(arch)}: its key has not changed")
    claimed = read_sums(folder / SUMS)
    for product, arch in stale:
        for path in folder.glob(f"{product.stem(arch)}.*"):
            path.unlink()
    for arch in ARCHS:
        if names := tuple(product.name for product, of in stale if of == arch):
            build_layers(Request(names, (arch,)), terminal, jobs=jobs, output=folder, choice=choice, image=image)
    kept = {name for product, arch in tracked for name in _names(product, arch)}
    orphans = sorted(claimed.keys() - kept)
    made = read_sums(folder / SUMS)
    differing = sorted(name for name in kept if claimed.get(name) != made.get(name))
    if orphans or differing:
        raise ManifestMismatch(
            f"This checkout gives another {folder.name}/ than is tracked.",
            "; ".join(
                (*(f"{name} is another file" for name in differing), *(f"nothing gives {name}" for name in orphans))
            ),
            "What it gives is there now: look at it, and commit it. To make all of it: nox -s build_layer --\n"
            "       --product '*' --arch x86_64 --arch arm64",
        )


def _is_recorded(product: Product, arch: str, repository: Repository, folder: Path, since: str) -> bool:
    """Whether the provenance, in the folder or in a revision, has the key that the layer's plan has now."""
    layer = repository.plan(product, make_platform(arch), machine=CPUS[0])[-1]
    try:
        name = f"{product.stem(arch)}.provenance.json"
        text = _of_revision(since, name) if since else (folder / name).read_text(encoding="utf-8")
        definition = json.loads(text)["predicate"]["buildDefinition"]
        return bool(definition["internalParameters"]["steps"][layer.name] == layer.key)
    except (OSError, ValueError, KeyError):
        return False


def _of_revision(revision: str, name: str) -> str:
    """A file of ``dist/`` as a revision has it; empty if it has none."""
    command = ("git", "-C", str(ROOT), "show", f"{revision}:dist/{name}")
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _names(product: Product, arch: str) -> tuple[str, ...]:
    stem = product.stem(arch)
    return tuple(f"{stem}.{ending}" for ending in ("cdx.json", "manifest.json", "provenance.json", "zip"))


def _check_sums(folder: Path) -> None:
    there = ((folder / name, sha256) for name, sha256 in read_sums(folder / SUMS).items())
    if wrong := [path.name for path, sha256 in there if path.exists() and file_sha256(path) != sha256]:
        raise ManifestMismatch(
            f"{folder} is not what its {SUMS} says.",
            f"Other bytes: {', '.join(wrong)}.",
            "Restore them from git, or delete zips that were built of other sources.",
        )
