"""bench -- threads: that two threads do what one does, and that the figures are what the program counted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.bench.files import Unavailable
from tools.bench.interpreters import Interpreter
from tools.bench.threads import PROGRAM, threads

two_processors = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor")


def speaking(folder: Path, script: str) -> Interpreter:
    """An interpreter that is a shell script."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    python.chmod(0o755)
    return Interpreter("scripted", python)


@pytest.mark.parametrize("count", [1, 2])
def test_the_program_says_how_often_the_work_was_done_per_second(count: int) -> None:
    done = subprocess.run((sys.executable, str(PROGRAM), str(count), "0.1"), check=True, capture_output=True, text=True)
    assert float(done.stdout) > 0


@two_processors
def test_two_threads_are_compared_with_one_by_medians(tmp_path: Path) -> None:
    """The interpreter is called as ``python -I PROGRAM THREADS SECONDS``; the first round is a fast one."""
    log = tmp_path / "log"
    script = f'echo "$3" >> {log}; [ "$(wc -l < {log})" -lt 3 ] || slow=0; echo "$(($3 * 7 ${{slow:+- 6}}))"'
    found = threads((speaking(tmp_path, script),), 3, 0.1)
    assert log.read_text(encoding="ascii").split() == ["1", "2"] * 3
    assert found["results"] == {"scripted": {"one thread": 1, "two threads": 8, "two/one": 8, "rounds": 3}}


@two_processors
def test_a_program_that_fails_is_no_figure(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        threads((speaking(tmp_path, "exit 1"),), 1)


def test_two_threads_need_two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    with pytest.raises(Unavailable, match="two processors"):
        threads((), 1)
