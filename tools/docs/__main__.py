"""Writes the pages that are made from code: the sessions' options, the manifest's fields."""

import sys

from builder import ROOT
from builder.console import Terminal
from builder.context import report_errors
from tools.docs import commands, manifest


def pages() -> dict[str, str]:
    """The text of each page by its path in the repository."""
    return {"docs/command-line.md": commands.page(ROOT / "noxfile.py"), "docs/manifest.md": manifest.page()}


def write(terminal: Terminal) -> None:
    for path, text in pages().items():
        (ROOT / path).write_text(text, encoding="utf-8")
        terminal.note(path)


if __name__ == "__main__":
    sys.exit(report_errors(write))
