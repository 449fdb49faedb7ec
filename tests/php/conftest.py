"""The built PHP, unzipped into a folder; skipped where the product under test is another interpreter's."""

import os
import shlex
from pathlib import Path

import pytest

from tools.support.fake_api import Loop
from tools.support.product import PRODUCT, ROOT, Layer, output, runner

BOOTSTRAP = ROOT / "runtime" / "php" / "bootstrap"
PROGRAM_VARIABLE = "LAYER_PHP"
"""Names an earlier layer's executable, to work without a build."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PRODUCT.interpreter != "php":
        skip = pytest.mark.skip(reason=f"{PRODUCT.name} is no PHP: STATIC_PYTHON_PRODUCT=php-8.4-upstream tests one")
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(skip)


class Php:
    """A PHP's executable, which runs code."""

    def __init__(self, program: Path) -> None:
        self.program = program

    def __call__(self, code: str, *options: str, **given: str) -> str:
        """What a program prints that is given as text, without its ``<?php``; ``given`` are variables."""
        return output((str(self.program), *options, "-r", code), env={"PATH": os.environ["PATH"], **given})


@pytest.fixture(scope="session")
def program(request: pytest.FixtureRequest) -> Path:
    """The executable, or a script that runs it under qemu."""
    if path := os.environ.get(PROGRAM_VARIABLE):
        return Path(path)
    layer: Layer = request.getfixturevalue("layer")
    found = layer.root / "bin" / "php"
    if not (prefix := runner()):
        return found
    script = layer.root.with_name("php")
    script.write_text(f'#!/bin/sh\nexec {shlex.join((*prefix, str(found)))} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return script


@pytest.fixture(scope="session")
def php(program: Path) -> Php:
    return Php(program)


@pytest.fixture
def loop(program: Path, tmp_path: Path) -> Loop:
    return Loop(str(program), tmp_path, BOOTSTRAP, options=(), file="function.php")
