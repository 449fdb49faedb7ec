"""The interpreter that runs the loop, and a loop to run."""

import os
from pathlib import Path

import pytest

from tools.support.fake_api import Loop


@pytest.fixture(scope="session")
def interpreter(request: pytest.FixtureRequest) -> str:
    """The layer's own interpreter, or that of an earlier one, which LAYER_PYTHON names: to work without a build."""
    return os.environ.get("LAYER_PYTHON") or str(request.getfixturevalue("layer").python)


@pytest.fixture
def loop(interpreter: str, tmp_path: Path) -> Loop:
    return Loop(interpreter, tmp_path)
