"""What is asked for → layers in ``dist/``, with their attestations."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from builder import DIST
from builder.artifacts.export import SUMS, export
from builder.artifacts.provenance import attest
from builder.console import Terminal
from builder.context import cache_folder
from builder.executors.choice import Choice, open_executor
from builder.executors.host import Host
from builder.executors.images import DEFAULT_IMAGE
from builder.package_manager import load_package_manager
from builder.plan.steps import InstallPackages, Stdlib, Step
from builder.platform import CPUS, RUNTIMES, Platform, default_arch, make_platform
from builder.product import Product
from builder.repository import Repository, load_repository
from builder.run import BuildContext, run_plan
from builder.store import Store


@dataclass(frozen=True)
class Request:
    """What somebody wants built."""

    products: tuple[str, ...] = ()
    """Names or globs; none: the default product."""
    archs: tuple[str, ...] = ()
    """Lambda's names; none: the default architecture."""
    stdlib: Stdlib = "lean"
    packages: Path | None = None
    """A requirements file with hashes."""
    runtime: str = "provided.al2"
    """Lambda's name of the oldest runtime that the packages are for."""

    @property
    def released(self) -> bool:
        """Whether git tracks what describes such layers."""
        return self.stdlib == "lean" and not self.packages


@dataclass(frozen=True)
class Wanted:
    """One layer that is wanted."""

    product: Product
    platform: Platform
    packages: InstallPackages | None
    steps: tuple[Step, ...]
    """Its plan, for this machine."""


def plan_layers(request: Request, repository: Repository) -> tuple[Wanted, ...]:
    """The layers that a request means, each once, products first."""
    return tuple(_wanted(request, repository))


def _wanted(request: Request, repository: Repository) -> Iterator[Wanted]:
    for product in repository.products.choose(request.products):
        for arch in dict.fromkeys(request.archs or (default_arch(),)):
            platform = make_platform(arch)
            packages = _packages(request, product, platform) if request.packages else None
            steps = repository.plan(product, platform, request.stdlib, packages)
            yield Wanted(product, platform, packages, steps)


def _packages(request: Request, product: Product, platform: Platform) -> InstallPackages:
    """What a lock file asks for, for the oldest runtime that the layer is to be for."""
    assert request.packages
    lock = load_package_manager(product.interpreter).lock_packages
    return lock(request.packages, product, replace(platform, glibc=RUNTIMES[request.runtime]))


def build_layers(
    request: Request,
    terminal: Terminal,
    *,
    jobs: int,
    output: Path = DIST,
    choice: Choice = "auto",
    image: str = DEFAULT_IMAGE,
) -> tuple[Path, ...]:
    """Builds what is not in the store yet, and gives the paths of all files that describe or are the layers."""
    repository = load_repository()
    wanted = plan_layers(request, repository)
    for note in dict.fromkeys(note for each in wanted if each.packages for note in each.packages.notes):
        terminal.note(note)
    cache = cache_folder()
    store = Store(cache)
    host = Host(cache, store.result(wanted[0].steps[0]), jobs)
    if all(store.has(each.steps[-1]) for each in wanted):
        choice = "host"  # nothing has to run
    with open_executor(choice, image, host, terminal) as executor:
        context = BuildContext(cache, store, executor, terminal)
        results = run_plan([each.steps[-1] for each in wanted], context)
    return tuple(
        path
        for each, result in zip(wanted, results, strict=True)
        for path in _export(each, result, request, repository, store, output)
    )


def _export(
    each: Wanted, result: Path, request: Request, repository: Repository, store: Store, output: Path
) -> tuple[Path, ...]:
    # The keys that are written down are those of one kind of machine, whichever this is.
    steps = repository.plan(each.product, each.platform, request.stdlib, each.packages, machine=CPUS[0])
    source = repository.pins[each.product.source]
    assert source.date, "a plan has been made with it"
    tracked = request.released and each.product.tracked
    sums = SUMS if tracked else f"{next(result.glob('*.zip')).stem}.sha256"
    return export(result, output, store.lock("export"), attest(result, steps, source.date), sums)
