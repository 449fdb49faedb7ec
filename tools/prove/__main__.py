"""``python -m tools.prove``: evidence that the patches of CPython change nothing but speed.

The same cases, tests and structures on an interpreter of stock sources and on one with a product's patches. What
differs is an error unless ``known.toml`` says that a patch means it.
"""

import argparse
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from builder.arguments import count, number
from builder.console import Terminal
from builder.context import cache_folder, report_errors
from builder.errors import BuildError
from builder.product import Product
from tools.prove import concurrency, layout
from tools.prove.builds import KINDS, build
from tools.prove.cpython_tests import Bench, load_files, run_tests
from tools.prove.fuzz.drive import Amount, Fuzzer, results
from tools.prove.fuzz.processes import SUBJECTS
from tools.prove.interpreters import Interpreter, Pair, patched_products, shipped
from tools.prove.known import KnownDifferences, load_known
from tools.prove.report import Part, summary
from tools.prove.sanitizers import logged, read_reports
from tools.prove.steps import Workshop, workshop

PARTS = ("fuzz", "layout", *KINDS)
CI_PARTS = ("fuzz", "layout")
"""What needs no build with instruments."""
SECONDS, CI_SECONDS = 600, 90
SHARE = 0.25
"""Of the fuzzer's time, for each build with assertions that it runs on, too."""
FUZZED = ("assertions", "address")


def main(arguments: Sequence[str] | None = None) -> int:
    options = make_parser().parse_args(arguments)
    return report_errors(lambda terminal: prove(options, terminal))


@dataclass(frozen=True)
class Proof:
    """What the parts of one product's proof work with."""

    options: argparse.Namespace
    stock: Product
    product: Product
    shop: Workshop
    scratch: Path
    known: KnownDifferences

    def part(self, name: str, title: str) -> Part:
        """Runs one part."""
        part = Part(title, self.known, partial(print, flush=True))
        part.tell(f"{title}:")
        if name == "fuzz":
            self._fuzz(part, self.shipped)
        elif name == "layout":
            layout.run(part, self.shop, self.stock, self.product, self.shipped)
        else:
            self._instrumented(part, name)
        return part

    @cached_property
    def shipped(self) -> Pair:
        """The interpreters of both layers."""
        folder = self.scratch / f"shipped-{self.product.name}"
        return shipped(self.stock, self.product, folder, self.shop.terminal, self.options.jobs)

    def _fuzz(self, part: Part, pair: Pair, share: float = 1.0) -> None:
        options = self.options
        seconds = options.seconds or (math.inf if options.cases else SECONDS)
        amount = Amount(
            subjects=tuple(options.subject) or SUBJECTS,
            seed=options.seed,
            seconds=seconds * share,
            cases=options.cases * share if options.cases else math.inf,
            jobs=options.jobs,
        )
        progress = Fuzzer(pair, amount, part, self.scratch).run()
        for line in results(progress):
            part.tell(f"    {line}")
        cases, spent = sum(each.cases for each in progress), sum(each.seconds for each in progress)
        told = f"{cases:,} cases of {len(progress)} subjects, {cases / max(spent, 1e-9):,.0f} a second"
        part.ran = ", ".join(filter(None, (part.ran, told)))
        part.subjects.update(amount.subjects)

    def _instrumented(self, part: Part, name: str) -> None:
        kind, options = KINDS[name], self.options
        pair = build(self.shop, kind, self.stock, self.product)
        logs = self.shop.cache / "logs"
        files = () if options.all_tests else load_files()
        run_tests(part, pair, files, Bench(kind, options.jobs, self.scratch, logs))
        if name in concurrency.PROGRAMS:
            concurrency.run_programs(part, pair, name, self.scratch)
        if name in FUZZED:
            folders = [self.scratch / f"fuzz-{each.name}" for each in pair]
            self._fuzz(part, Pair(*map(_logged, pair, folders)), SHARE)
            stock, patched = map(read_reports, folders)
            for signature in sorted(patched.keys() - stock.keys()):
                part.differs(name, "fuzz", signature, "no report", patched[signature])


def _logged(interpreter: Interpreter, folder: Path) -> Interpreter:
    folder.mkdir()
    return replace(interpreter, environment=logged(interpreter.environment, folder))


def prove(options: argparse.Namespace, terminal: Terminal) -> None:
    """Runs all that was asked for, prints what was found; `BuildError` if a difference is not known."""
    known = load_known()
    if options.part == "ci":
        options.seconds = options.seconds or CI_SECONDS
    wanted = options.only or (CI_PARTS if options.part == "ci" else PARTS)
    shop = workshop(cache_folder(), terminal, options.jobs)
    pairs = patched_products(shop.repository.products, tuple(options.product))
    with _scratch(shop) as folder:
        proofs = [Proof(options, *pair, shop, folder, known) for pair in pairs]
        parts = list(_parts(proofs, wanted))
    print("", *summary(parts), sep="\n")
    differences = [each for part in parts for each in part.unknown()]
    if differences:
        raise BuildError(
            f"{len(differences)} differences are not known.",
            "They stand above, each with what stock and what the patched interpreter gave.",
            "Fix the patch; if it means to, say so in tools/prove/known.toml, with the reason.",
        )


def _parts(proofs: list[Proof], wanted: Sequence[str]) -> Iterator[Part]:
    for proof in proofs:
        for name in wanted:
            yield proof.part(name, name if len(proofs) == 1 else f"{name}, {proof.product.name}")


@contextmanager
def _scratch(shop: Workshop) -> Iterator[Path]:
    """A folder among the work folders of steps, where builds find and remove it if this process is killed."""
    name, work = f"prove-{os.getpid()}", shop.cache / "work"
    work.mkdir(parents=True, exist_ok=True)
    with shop.store.lock(name), tempfile.TemporaryDirectory(prefix=f"{name}.", dir=work) as folder:
        yield Path(folder)


def _names(text: str) -> tuple[str, ...]:
    """``a,b`` as the names of parts."""
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return names


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="prove_patches", description=__doc__)
    parser.add_argument("--product", action="append", default=[], metavar="NAME", help="name or glob; repeatable")
    parser.add_argument("--only", type=_names, metavar="A,B", help=f"parts: {', '.join(PARTS)} (default: all)")
    parser.add_argument("--part", choices=["ci"], help=f"{' and '.join(CI_PARTS)}, which need no further build")
    parser.add_argument("--seconds", type=count, metavar="N", help=f"for the fuzzer in all (default: {SECONDS})")
    parser.add_argument("--cases", type=count, metavar="N", help="cases of each subject, instead of a time")
    parser.add_argument(
        "--seed", type=number, default=1, metavar="N", help="another one gives other cases (default: 1)"
    )
    parser.add_argument("--subject", action="append", default=[], choices=SUBJECTS, help="of the fuzzer; repeatable")
    parser.add_argument(
        "--all-tests", action="store_true", help="all of CPython's tests, not those of the patched code"
    )
    parser.add_argument(
        "--jobs", type=count, default=os.cpu_count() or 1, metavar="N", help="processes at once (default: all cores)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
