"""tests.in_container as a process: what it refuses before it builds anything. CI runs the rest."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.fakes import ROOT


def run(*arguments: str) -> tuple[int, str]:
    command = (sys.executable, "-m", "tests.in_container", *arguments)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("name", ["al2", "al2023"])
def test_another_file_is_never_used_as_amazon_linux(small_root: Path, name: str) -> None:
    code, err = run(f"--image={name}", f"--rootfs={small_root}")
    assert code == 11
    assert f"not the pinned root file system of {name}" in err


def test_an_unknown_image_is_named() -> None:
    code, err = run("--image=localhost:9/nowhere")
    assert code == 22
    assert "There is no image 'localhost:9/nowhere'" in err


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    code, err = run("--image=mine", f"--rootfs={tmp_path / 'nothing'}")
    assert code == 2
    assert "there is no file" in err
