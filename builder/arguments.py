"""Words of a command line → values; what `argparse` wants as ``type``."""

import argparse


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
