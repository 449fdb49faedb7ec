"""``python -m tools.docs.site``: the pages as a static site, by Sphinx. A link that leads nowhere is an error.

Sphinx is given the repository as far as pages go, so that links between them are the same there and here. The site
loads nothing from elsewhere.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from builder import ROOT

PAGES = ("*.md", "docs/**/*.md", "examples/README.md")
LINK = re.compile(r"\[[^]]*\]\((?![a-z]+:|#)([^)\s#]+)")
"""A link to a file."""
ANCHOR = re.compile(r'^<a id="([^"]+)"></a>$', re.MULTILINE)
"""An anchor as GitHub knows it; Sphinx writes ``(name)=``."""

CHAPTERS = {
    "Learn": ("docs/tutorial",),
    "How to": (
        *("docs/build", "docs/invoke", "docs/packages", "docs/publish", "docs/images", "docs/cold-start", "docs/arm64"),
        *("docs/products", "docs/prove-patches", "examples/README"),
    ),
    "Reference": (
        *("docs/command-line", "docs/exit-codes", "docs/runtime", "docs/php", "docs/differences", "docs/conformance"),
        *("docs/wheels", "docs/patches", "docs/manifest", "docs/cpython-3.15", "docs/glossary"),
    ),
    "Explanation": (
        *("docs/architecture", "docs/trust", "docs/performance", "docs/interpreter", "docs/memory"),
        "docs/decisions/README",
    ),
    "Project": ("docs/README", "CHANGELOG", "CONTRIBUTING", "SECURITY"),
}
"""What stands beside each page, in this order; without the endings."""
FOLDERS = {"docs/decisions/README.md": "0*", "docs/README.md": "upstream/*"}
"""Pages that have others below them."""

CONFIGURATION = """\
project = "static-python-layer"
author = "The static-python-layer authors"
copyright = "2026, the authors"
extensions = ["myst_parser"]
root_doc = "README"
html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sphinx = False
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # an example that leaves something out
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = make_parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="site-") as folder:
        pages = Path(folder)
        _copy(pages)
        (pages / "conf.py").write_text(CONFIGURATION, encoding="utf-8")
        for title, names in CHAPTERS.items():
            _append_contents(pages / "README.md", title, names)
        for page, below in FOLDERS.items():
            _append_contents(pages / page, "", (below,))
        command = (sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "--fresh-env")
        code = subprocess.run((*command, folder, str(options.output)), check=False).returncode
    if not code:
        print(options.output / "README.html")
    return code


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="site", description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=ROOT / "site", metavar="DIR", help="where to write it (default: site/)"
    )
    return parser


def found() -> Iterator[Path]:
    """The pages, relative to the repository."""
    for pattern in PAGES:
        yield from (path.relative_to(ROOT) for path in sorted(ROOT.glob(pattern)))


def _copy(target: Path) -> None:
    """Copies the pages, and the files that they link to, which are for download then."""
    for page in found():
        text = (ROOT / page).read_text(encoding="utf-8")
        linked = {(ROOT / page.parent / link).resolve() for link in LINK.findall(text)}
        for path in (each.relative_to(ROOT) for each in linked if each.is_file() and each.suffix != ".md"):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, target / path)
        (target / page).parent.mkdir(parents=True, exist_ok=True)
        (target / page).write_text(ANCHOR.sub(r"(\1)=", text), encoding="utf-8")


def _append_contents(page: Path, title: str, names: Sequence[str]) -> None:
    lines = ("", "```{toctree}", ":hidden:", ":glob:", f":caption: {title}" if title else "", "", *names, "```", "")
    with page.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
