"""Words of a command line → values; what `argparse` wants as ``type``, and options that two command lines have."""

import argparse
from pathlib import Path


def variable(text: str) -> tuple[str, str]:
    """``NAME=VALUE`` in two."""
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def count(text: str) -> int:
    """A number from 1 on."""
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def number(text: str) -> int:
    """A number from 0 on."""
    if (value := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return value


def add_packaging(parser: argparse.ArgumentParser) -> None:
    """What ``builder.functions`` lets one choose: ``requirements``, ``no_sources``, ``allow_broken``."""
    parser.add_argument(
        "--requirements", type=Path, metavar="FILE", help="requirements with hashes, to be added as wheels"
    )
    parser.add_argument("--no-sources", action="store_true", help="bytecode alone: smaller; tracebacks show no lines")
    parser.add_argument("--allow-broken", action="store_true", help="package what cannot be imported, too, as it is")
