"""Takes the build out of what CPython wrote down about it.

The interpreter finds itself: nothing to do there. But ``sysconfig``'s data quotes the Makefile, with folders that are
gone and words that only our compiler understands; installers that compile an extension would pass them on.
"""

import ast
import pprint
import re
from pathlib import Path
from typing import Any

from builder.errors import StepFailed

# Words of the build's own: other folders of the sandbox, its link script, and what only clang and LLD understand.
_OWN_WORDS = re.compile(r"\s*('[^']*\.\./deps/[^']*'|\S*\.\./\S+|-Xclang \S+|-flto=thin|-Wl,-(?:-lto|mllvm)\S+)")

# The one script of `toolchain.wrappers` that no other system has.
_PROGRAMS = {"cc-link": "cc"}


def relocate(library: Path) -> None:
    """Rewrites ``_sysconfigdata_*.py`` in ``lib/python3.X``; `StepFailed` if it is not what CPython writes."""
    found = list(library.glob("_sysconfigdata_*.py"))
    if len(found) != 1:
        raise StepFailed(
            f"{library} has {len(found)} files of sysconfig's data.",
            f"Found: {[path.name for path in found]}.",
            "Look at the `cpython` recipe's last command.",
        )
    path = found[0]
    head, name, data = path.read_text(encoding="utf-8").partition("build_time_vars = ")
    variables = clean(ast.literal_eval(data))
    path.write_text(f"{head}{name}{pprint.pformat(variables, width=120)}\n", encoding="utf-8")


def clean(variables: dict[str, Any]) -> dict[str, Any]:
    """What is true of the installed interpreter: without the variables that name the folder of the build, and without
    the build's own words in the others."""
    folder = str(Path(variables["abs_builddir"]).parent)
    kept = {name: value for name, value in variables.items() if folder not in str(value)}
    words = {name: _OWN_WORDS.sub("", value) if isinstance(value, str) else value for name, value in kept.items()}
    return {name: _PROGRAMS.get(value, value) for name, value in words.items()}
