"""Writes docs/patches.md; with ``--measure``, first measures what patches gain."""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial

from builder import ROOT
from builder.arguments import count
from builder.console import Terminal
from builder.context import report_errors
from builder.repository import load_repository
from tools.patches.load import check_reports, load_patches
from tools.patches.measure import measure
from tools.patches.page import page
from tools.patches.results import load_results

PAGE = ROOT / "docs" / "patches.md"


def main(arguments: Sequence[str] | None = None) -> int:
    return report_errors(partial(_run, make_parser().parse_args(arguments)))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="patches", description=__doc__)
    parser.add_argument(
        "--measure",
        nargs="*",
        metavar="NAME",
        help="build the product without each patch whose name begins so (none: each patch), and compare",
    )
    parser.add_argument("--rounds", type=rounds, default=5, metavar="N", help="turns of each layer (default: 5)")
    parser.add_argument(
        "--jobs", type=count, default=os.cpu_count() or 1, help="processes at once in builds (default: all cores)"
    )
    return parser


def rounds(text: str) -> int:
    """At least two: one tells nothing of noise."""
    number = count(text)
    if number < 2:
        raise argparse.ArgumentTypeError("one round tells nothing of noise")
    return number


def _run(options: argparse.Namespace, terminal: Terminal) -> None:
    repository = load_repository()
    patches = load_patches(repository)
    check_reports(patches)
    try:
        if options.measure is not None:
            product = repository.products.choose_one(())
            measure(repository, product, options.measure, terminal, rounds=options.rounds, jobs=options.jobs)
    finally:
        PAGE.write_text(page(patches, load_results()), encoding="utf-8")
        terminal.note(f"{PAGE.relative_to(ROOT)}: {sum(map(len, patches.values()))} patches")


if __name__ == "__main__":
    sys.exit(main())
