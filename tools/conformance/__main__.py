"""The command line: runs the cases on both runtimes, prints the differences, and writes the table."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

from builder import ROOT
from builder.context import cache_folder
from tools.conformance.cases import GROUPS
from tools.conformance.compare import Comparison
from tools.conformance.run import ours, reference, run
from tools.conformance.table import diff, document
from tools.support.product import PRODUCT, interpreter
from tools.support.wheels import cached_wheels

DOCUMENT = ROOT / "docs" / "conformance.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs every case, or those selected by name; only a complete run writes the table."""
    name = make_parser().parse_args(arguments).name
    with tempfile.TemporaryDirectory(prefix="layer-") as folder:
        return _compare(interpreter(Path(folder)), name)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("name", nargs="?", default="", help="only cases whose name or chapter contains this")
    return parser


def _compare(python: str, name: str) -> int:
    site = cached_wheels("conformance", python, cache_folder())
    chapters: list[tuple[str, list[Comparison]]] = []
    for group in GROUPS:
        cases = [case for case in group.cases if name in case.name or name in group.title]
        chapters.append(
            (
                group.title,
                [
                    _print(Comparison(case, run(case, reference(python), site), run(case, ours(python), site)))
                    for case in cases
                ],
            )
        )
    everything = [comparison for _, comparisons in chapters for comparison in comparisons]
    wrong = [comparison for comparison in everything if comparison.problems]
    different = sum(1 for comparison in everything if comparison.different)
    print(f"{len(everything)} cases, {different} differ, {len(wrong)} not as declared")
    for comparison in wrong:
        print(f"- {comparison.case.name}: {'; '.join(comparison.problems)}")
    if not name and PRODUCT.default:  # the page is about the default product
        (version,) = (found.version for found in distributions(name="awslambdaric", path=[str(site)]))
        unfinished = DOCUMENT.with_name(f"{DOCUMENT.name}.part")
        unfinished.write_text(document(chapters, version), encoding="utf-8")
        os.replace(unfinished, DOCUMENT)
    return 1 if wrong else 0


def _print(comparison: Comparison) -> Comparison:
    print(f"{'≠' if comparison.different else '='} {comparison.case.name}")
    for line in diff(comparison):
        print(line)
    return comparison


if __name__ == "__main__":
    sys.exit(main())
