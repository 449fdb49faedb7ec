"""PHP's files → the tree that ships: one interpreter, what configures it, the licences."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from builder.executors import Sandbox
from builder.plan.steps import Assemble

DATA = ()
TREE_FILES = ("php.ini", "openssl.cnf")

PLACES = {"php.ini": "bin/php.ini", "openssl.cnf": "ssl/openssl.cnf"}
"""File of the product → where it ships: beside the executable, and where OpenSSL looks for it."""


def assemble(
    task: Assemble, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path], data: Mapping[str, Path]
) -> None:
    """Makes ``out/`` of the results of all earlier steps."""
    out, licences = work / "out", work / "out" / "share" / "licenses"
    shutil.copytree(inputs["php"] / "bin", out / "bin")
    for result in inputs.values():
        if (result / "licenses").is_dir():
            shutil.copytree(result / "licenses", licences, dirs_exist_ok=True)
    shutil.copytree(inputs["php"] / "bundled", licences / "php", dirs_exist_ok=True)
    for name, place in PLACES.items():
        (out / place).parent.mkdir(exist_ok=True)
        (out / place).write_text(task.files[name], encoding="utf-8")
