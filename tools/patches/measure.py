"""Measures what each patch gains: builds the product without it, and compares that with the whole product."""

import hashlib
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from builder.console import Terminal
from builder.context import cache_folder
from builder.errors import BuildError, PatchRejected, StaleProfile, StepFailed
from builder.executors.host import Host
from builder.fetch import fetch
from builder.interpreters.cpython.product import executable_of
from builder.plan.steps import Compile, Step
from builder.platform import Platform, this_machine
from builder.product import Product
from builder.repository import Repository
from builder.run import BuildContext, run_plan
from builder.store import Store
from builder.unpack import unpack
from tools.bench.interpreter import Benchmark
from tools.patches.header import Patch
from tools.patches.instructions import check_valgrind, count_programs
from tools.patches.load import PROGRAMS, load_patches, programs
from tools.patches.results import RESULTS, Comparison, Figure, Measurement, add_result, figure, load_results
from tools.patches.times import DOZEN, compare_times, find_benchmarks
from tools.patches.variants import left_out, tree_step, without
from tools.support.wheels import cached_wheels

_UNFIT = re.compile(r"(?:\(hash mismatch\)|no profile data available for function) (\S+) Hash = ")
"""What `builder.profile` counts, too."""
COUNTS = 2
"""How many times instructions are counted: to see that the counts agree."""


@dataclass(frozen=True)
class Bench:
    """How a pair of interpreters is compared."""

    site: Path
    """The folder with pyperformance."""
    scratch: Path
    rounds: int

    def key(self, steps: Sequence[Step], selected: Sequence[Benchmark]) -> str:
        """sha256 over what a result depends on, but for the machine and what else runs there."""
        sources = {name: _sha256(path) for name, path in ((path.name, path) for path in sorted(PROGRAMS.glob("*.py")))}
        given = ([step.key for step in steps], self.rounds, [each.name for each in selected], sources, self.site.name)
        return hashlib.sha256(json.dumps(given).encode()).hexdigest()

    def compare(
        self, whole: Path, other: Path, selected: Sequence[Benchmark]
    ) -> tuple[dict[str, Comparison], dict[str, dict[str, Comparison]]]:
        """Instructions of our programs, and seconds of benchmarks: those of the whole product, and of the other."""
        counted = [_counts(python) for python in (whole, other)]
        instructions = {
            name: Comparison(*(tuple(float(each[name]) for each in rounds) for rounds in counted))
            for name in programs()
        }
        return instructions, compare_times(whole, other, selected, self.site, self.scratch, self.rounds)


@cache
def _counts(python: Path) -> tuple[dict[str, int], ...]:
    """What `count_programs` gives, several times; once for the whole product, which each patch is compared with."""
    return tuple(count_programs(python, programs()) for _ in range(COUNTS))


class Builder:
    """Builds a product, and variants of it, on this machine."""

    def __init__(self, repository: Repository, product: Product, terminal: Terminal, jobs: int) -> None:
        self.repository, self.product, self.terminal = repository, product, terminal
        self.machine = this_machine()
        self.cache = cache_folder()
        store = Store(self.cache)
        toolchain = repository.plan(product, self.platform)[0]
        host = Host(self.cache, store.result(toolchain), jobs)
        self.context = BuildContext(self.cache, store, host, terminal)

    @property
    def platform(self) -> Platform:
        return Platform(self.machine)

    def step(self, out: Sequence[Patch] = ()) -> Step:
        """What is built of the product without some patches."""
        return tree_step(without(self.repository, out), self.product, self.platform)

    def build(self, step: Step) -> Path:
        """The interpreter of such a step."""
        (tree,) = run_plan((step,), self.context)
        return tree / "bin" / executable_of(self.product)

    def unprofiled(self, step: Step) -> set[str]:
        """The functions of which the compiler said that the profile does not fit them."""
        (compiled,) = (
            each for each in step.inputs if isinstance(each.work, Compile) and each.work.recipe.kind == "interpreter"
        )
        log = self.cache / "logs" / f"{compiled.name}-{compiled.key[:12]}.log"
        return set(_UNFIT.findall(log.read_text("utf-8", "replace"))) if log.exists() else set()

    def source(self, folder: Path) -> Path:
        """The product's source, unpacked."""
        source = self.repository.pins[self.product.source]
        unpack(fetch(source, source.archives, self.cache, self.terminal), folder)
        return folder


def measure(
    repository: Repository,
    product: Product,
    names: Sequence[str],
    terminal: Terminal,
    *,
    rounds: int,
    jobs: int,
    path: Path = RESULTS,
) -> None:
    """Measures the patches of a product's source whose names begin so, or all; adds each result as it is there.

    Raises:
        BuildError: no patch is called so, a benchmark is not there, or the whole product cannot be built.
    """
    check_valgrind()
    of_source = load_patches(repository).get(product.source, ())
    patches = tuple(patch for patch in of_source if patch.set in product.patches)
    chosen = choose(patches, names)
    builder = Builder(repository, product, terminal, jobs)
    whole = builder.build(builder.step())
    site = cached_wheels("pyperformance", str(whole), builder.cache)
    with tempfile.TemporaryDirectory(prefix="patches-") as folder:
        bench = Bench(site, Path(folder).resolve(), rounds)
        source = builder.source(bench.scratch / "source")
        selections = [find_benchmarks(dict.fromkeys((*patch.benchmarks, *DOZEN)), site) for patch in chosen]
        for patch, selected in zip(chosen, selections, strict=True):
            out = left_out(patch, patches, source, bench.scratch)
            key = bench.key((builder.step(), builder.step(out)), selected)
            earlier = load_results(path).get(patch.path)
            if earlier and earlier.key == key and not earlier.failure:
                terminal.note(f"{patch.name}: measured already")
                continue
            terminal.note(f"{patch.name}: building without {', '.join(each.number for each in out)}")
            measured = _measure_one(builder, bench, out, selected, key)
            add_result(patch.path, measured, path)
            print(f"{patch.name}: {summary(measured)}", flush=True)


def _measure_one(
    builder: Builder, bench: Bench, out: Sequence[Patch], selected: Sequence[Benchmark], key: str
) -> Measurement:
    """Builds without some patches, of which the first is measured, and compares; or says why it cannot be built."""
    common = (key, datetime.now(UTC).date().isoformat(), out[0].sha256, tuple(each.name for each in out))
    whole, without_it = builder.step(), builder.step(out)
    try:
        other = builder.build(without_it)
    except (StepFailed, PatchRejected, StaleProfile) as error:
        return Measurement(*common, failure=error.what)
    unprofiled = tuple(sorted(builder.unprofiled(without_it) - builder.unprofiled(whole)))
    return Measurement(*common, unprofiled, "", *bench.compare(builder.build(whole), other, selected))


def choose(patches: Sequence[Patch], names: Sequence[str]) -> tuple[Patch, ...]:
    """The patches whose names begin with one of these; all if there are none."""
    if lost := [name for name in names if not any(patch.name.startswith(name) for patch in patches)]:
        numbers = ", ".join(patch.number for patch in patches)
        raise BuildError(f"No patch is called {', '.join(lost)}.", f"There are {numbers}.", "Pass numbers of these.")
    return tuple(patch for patch in patches if not names or any(patch.name.startswith(name) for name in names))


def summary(measured: Measurement) -> str:
    """One line of a result."""
    if measured.failure:
        return f"not built: {measured.failure}"
    counted = figure(measured.instructions.values())
    timed = figure(each for name in DOZEN for each in measured.seconds.get(name, {}).values())
    return f"instructions {_written(counted)}, time {_written(timed)}"


def _written(found: Figure | None) -> str:
    return f"{found.ratio:.4f} ± {found.spread:.4f}" if found else "none"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
