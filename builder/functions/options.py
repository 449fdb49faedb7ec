"""What a function's package is to be, as two command lines let one choose it."""

import argparse
from pathlib import Path

from builder.functions.package import FunctionRequest
from builder.product import Product


def add_packaging(parser: argparse.ArgumentParser) -> None:
    """Adds ``requirements``, ``no_sources`` and ``allow_broken``."""
    parser.add_argument(
        "--requirements", type=Path, metavar="FILE", help="requirements with hashes, to be added as wheels"
    )
    parser.add_argument("--no-sources", action="store_true", help="bytecode alone: smaller; tracebacks show no lines")
    parser.add_argument("--allow-broken", action="store_true", help="package what cannot be imported, too, as it is")


def read_request(options: argparse.Namespace, product: Product) -> FunctionRequest:
    """Of these, and of ``source``, ``arch`` and ``runtime``."""
    return FunctionRequest(
        source=options.source,
        product=product,
        architecture=options.arch,
        runtime=options.runtime,
        requirements=options.requirements,
        keep_sources=not options.no_sources,
        allow_broken=options.allow_broken,
    )
