"""Benchmarks that fail. The programs here are not benchmarks, so that they do not need pyperf."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.fakes import PATIENCE, wait_until
from tests.unit.test_host import is_running
from tools.bench import interpreter
from tools.bench.interpreter import Benchmark, compare, run
from tools.bench.interpreter_report import write_report
from tools.bench.interpreters import Interpreter
from tools.bench.processor import one_processor

THIS = Interpreter("this", Path(sys.executable))


def program(folder: Path, text: str) -> Benchmark:
    script = folder / "run_benchmark.py"
    script.write_text(text, encoding="utf-8")
    return Benchmark("mine", script, ())


def test_a_benchmark_that_takes_too_long_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = tmp_path / "child"
    child = f"open('part', 'w').write(str(os.getpid())); os.rename('part', {str(number)!r}); time.sleep(3600)"
    child = f"import os, time; os.chdir({str(tmp_path)!r}); {child}"
    benchmark = program(tmp_path, f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])")
    seconds = 0.5
    while not number.exists():  # a busy machine may not have started it by then
        assert seconds < PATIENCE
        monkeypatch.setattr(interpreter, "TIMEOUT", seconds)
        with pytest.raises(subprocess.SubprocessError, match=f"this: longer than {re.escape(str(seconds))} s"):
            run(THIS, benchmark, tmp_path, tmp_path)
        seconds *= 2
    wait_until(lambda: not is_running(int(number.read_text(encoding="ascii"))))


def test_a_benchmark_that_fails_is_reported_with_its_last_line_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark = program(tmp_path, "import sys; sys.exit('no such luck')")
    assert compare([THIS], [benchmark], tmp_path, tmp_path, 1) == {"this": {}}
    assert capsys.readouterr().out == "mine: not run: this: no such luck\n"


def test_one_processor_is_used_and_the_previous_settings_are_restored() -> None:
    before = os.sched_getaffinity(0), os.sched_getscheduler(0)
    with one_processor():
        assert len(os.sched_getaffinity(0)) == 1
    assert (os.sched_getaffinity(0), os.sched_getscheduler(0)) == before


def test_the_report_compares_both_variants_with_each_other_interpreter(tmp_path: Path) -> None:
    results = {
        "this layer": {"slow": [3.0, 2.0], "fast": [1.0]},
        "upstream": {"slow": [2.5], "fast": [4.0]},
        "debian13": {"slow": [4.0, 5.0], "fast": [4.0]},
    }
    page, first = write_report(results, 2, tmp_path)
    assert first == {"fast": 0.25, "slow": 0.5}
    assert "| this layer / debian13 | upstream / debian13 | this layer / upstream |" in page
    assert "| fast | 0.250 | 1.000 | 0.250 |\n| slow | 0.500 | 0.625 | 0.800 |" in page
    assert "| **geometric mean** | **0.354** | **0.791** | **0.447** |" in page
