"""The patches of the repository, each with a header that is in order."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from builder import ROOT
from builder.errors import BadProduct
from builder.plan.make import SHARED_PATCHES, patch_paths
from builder.repository import Repository
from tools.patches.header import Patch, parse_patch

PROGRAMS = Path(__file__).parent / "programs"
START = "start"
"""A program without a file: a bare start."""
REPORTS = "docs/upstream"

Patches = Mapping[str, tuple[Patch, ...]]
"""Key of a source in ``pins.toml`` → its patches, in the order of applying."""


def load_patches(repository: Repository, root: Path = ROOT) -> Patches:
    """All of them, of all sets that a product or a library gets.

    Raises:
        BadProduct: with everything that is wrong with any header, or with what the headers refer to.
    """
    found: dict[str, tuple[Patch, ...]] = {}
    problems: list[str] = []
    for source in repository.pins.sources.values():
        products = [each for each in repository.products.by_name.values() if each.source == source.key]
        sets = dict.fromkeys(name for product in products for name in product.patches) or SHARED_PATCHES
        paths = patch_paths(source, sets, repository.files, optional=not products)
        parsed = [parse_patch(path, repository.files.text(path)) for path in paths]
        problems += [f"{patch.path}: {problem}" for patch, wrong in parsed for problem in wrong]
        if parsed:
            found[source.key] = tuple(patch for patch, _ in parsed)
    if problems := problems or list(_dangling(found, root)):
        do = "CONTRIBUTING.md says what stands in a header."
        raise BadProduct("The headers of patches are not in order.", "\n       ".join(problems), do)
    return found


def check_reports(patches: Patches, root: Path = ROOT) -> None:
    """`BadProduct` if there are reports to upstream that no header names."""
    named = {patch.report for each in patches.values() for patch in each}
    there = {f"{REPORTS}/{path.name}" for path in (root / REPORTS).glob("*.md")}
    if lost := ", ".join(sorted(there - named)):
        raise BadProduct(f"{lost}: no patch names it.", "A report goes with its patch.", "Name it, or remove it.")


def programs() -> tuple[str, ...]:
    """The names of our own small programs."""
    return tuple(sorted({START, *(path.stem for path in PROGRAMS.glob("*.py") if path.stem != "__init__")}))


def _dangling(patches: Patches, root: Path) -> Iterator[str]:
    """What headers refer to and is not there."""
    ours = programs()
    for each in patches.values():
        for place, patch in enumerate(each):
            files = (*patch.own_tests, patch.report) if patch.report else patch.own_tests
            yield from (f"{patch.path}: there is no {file}" for file in files if not (root / file).is_file())
            for name in patch.benchmarks:
                if name.startswith("programs/") and name.removeprefix("programs/") not in ours:
                    yield f"{patch.path}: there is no {name}; there are {', '.join(ours)}"
            earlier = {other.number for other in each[:place]}
            if patch.number in earlier:
                yield f"{patch.path}: an earlier patch is {patch.number}, too"
            yield from (f"{patch.path}: no earlier patch is {need}" for need in patch.needs if need not in earlier)
