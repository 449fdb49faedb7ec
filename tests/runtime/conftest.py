"""The interpreter that runs the loop, and a loop to run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .fake_api import Loop


@pytest.fixture(scope="session")
def interpreter() -> str:
    """A CPython 3.13: LAYER_PYTHON, or the one at hand."""
    candidates = [os.environ.get("LAYER_PYTHON"), sys.executable, shutil.which("python3.13")]
    if candidates[0]:
        candidates = candidates[:1]
    for candidate in candidates:
        if candidate and _is_python_3_13(candidate):
            return candidate
    pytest.fail(
        "The loop's tests need a Python 3.13: set LAYER_PYTHON to one (the layer's own is bin/python3.13), "
        "or have python3.13 on PATH."
    )


def _is_python_3_13(candidate: str) -> bool:
    code = "import sys; sys.exit(sys.version_info[:2] != (3, 13))"
    try:
        return subprocess.run([candidate, "-c", code], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def loop(interpreter: str, tmp_path: Path) -> Loop:
    return Loop(interpreter, tmp_path)
