"""Words of a command line → values; what `argparse` wants as ``type``."""

import argparse
import re

_TAG = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?", re.ASCII
)
"""https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests"""


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


def image_tag(text: str) -> str:
    """``NAME:TAG`` of a container image; ``:latest`` is added if there is no tag."""
    if not (found := _TAG.fullmatch(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME:TAG of a container image")
    return text if found[1] else f"{text}:latest"
