"""The command: what it runs, what it prints at the end, and how it exits. And programs with threads on two of them."""

import shlex
import sys
from pathlib import Path

import pytest

from builder.console import Terminal
from builder.store import Store
from tests.prove.planted import ANOTHER_VALUE, planted
from tools.prove import __main__ as command
from tools.prove import concurrency, known
from tools.prove.concurrency import FOLDER, PROGRAMS, TURNS, run_programs
from tools.prove.interpreters import Interpreter, Pair
from tools.prove.report import Part
from tools.prove.steps import workshop
from tools.support.product import Layer

FUZZ = ("--only=fuzz", "--subject=json", "--cases=200", "--jobs=1", "--product=cpython-3.13")
REPORT = """\
WARNING: ThreadSanitizer: data race (pid=1)
  Write of size 8 at 0x7b by thread T1:
    #0 {function} Objects/obmalloc.c:440:5
"""


@pytest.fixture
def compared(this: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ships is this Python, and one that is wrong in a case."""
    monkeypatch.setenv("STATIC_PYTHON_CACHE", str(tmp_path / "cache"))
    pair = Pair(this, planted(tmp_path / "bin", ANOTHER_VALUE, 144))
    monkeypatch.setattr(command, "shipped", lambda *_: pair)


@pytest.mark.usefixtures("compared")
def test_an_unknown_difference_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(FUZZ) == 1
    out, err = capsys.readouterr()
    assert "json, seed 1, case 144: loads differs" in out
    assert out.splitlines()[-1].startswith("fuzz                       1       0  200 cases of 1 subjects")
    assert "error: 1 differences are not known." in err


@pytest.mark.usefixtures("compared")
def test_a_known_one_is_exit_code_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = 'subject = "json"\npattern = "-> str .planted.$"\npatch = "fast/0029"\nwhy = "It is meant."\n'
    (tmp_path / "known.toml").write_text(f"[[difference]]\n{entry}", encoding="utf-8")
    monkeypatch.setattr(command, "load_known", lambda: known.load_known(tmp_path / "known.toml"))
    assert command.main(FUZZ) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "known: json, 1 times: It is meant. (fast/0029)"


@pytest.mark.usefixtures("compared")
def test_nothing_is_left_behind(tmp_path: Path) -> None:
    command.main(FUZZ)
    assert list((tmp_path / "cache" / "work").iterdir()) == []


def test_what_a_killed_run_left_is_swept_by_the_next_build_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    shop = workshop(tmp_path, Terminal(), 1)
    left = tmp_path / "work" / "prove-1.left"
    left.mkdir(parents=True)
    with command._scratch(shop) as folder:
        Store(tmp_path).sweep()
        assert folder.is_dir()
    assert not left.exists()


@pytest.mark.parametrize("arguments", [("--only=fuzz,speed",), ("--subject=perl",), ("--seconds=0",)])
def test_what_there_is_not_is_refused(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert "usage: prove_patches" in capsys.readouterr().err


def test_stock_is_not_compared_with_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(("--product=cpython-3.13-upstream",)) == 3
    assert "Without its patches there is nothing to compare" in capsys.readouterr().err


@pytest.mark.parametrize("program", sorted({name for names in PROGRAMS.values() for name in names}))
def test_a_program_with_threads_comes_to_its_end(either: Layer, program: str) -> None:
    assert either.run(str(FOLDER / f"{program}.py"), env={"SIZE": "300", "TIMES": "6"}, timeout=300) == "done\n"


def interpreter(folder: Path, name: str, script: str) -> Interpreter:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return Interpreter(name, program, {"TSAN_OPTIONS": "exitcode=0"})


def reporting(function: str) -> str:
    """A script that writes a report to where it is told, as the sanitizer's runtime does."""
    return f'printf %s {shlex.quote(REPORT.format(function=function))} > "${{TSAN_OPTIONS##*log_path=}}.$$"; echo done'


def test_a_race_that_stock_does_not_have_is_a_difference(part: Part, tmp_path: Path) -> None:
    stock, patched = (interpreter(tmp_path, name, reporting(name)) for name in ("stock", "patched"))
    run_programs(part, Pair(stock, patched), "free-threaded", tmp_path)
    (found,) = part.differences
    assert (found.what, found.stock) == ("data race N: patched", "no report")


def test_a_race_that_stock_has_too_is_none(part: Part, tmp_path: Path) -> None:
    both = [interpreter(tmp_path, name, reporting("both")) for name in ("stock", "patched")]
    run_programs(part, Pair(*both), "free-threaded", tmp_path)
    assert part.differences == []
    assert part.ran == f"threads {TURNS} times, 1 reports of stock"


def test_a_program_that_ends_otherwise_is_a_difference(part: Part, tmp_path: Path) -> None:
    stock = interpreter(tmp_path, "stock", "echo done")
    patched = interpreter(tmp_path, "patched", "echo AssertionError >&2; exit 1")
    run_programs(part, Pair(stock, patched), "free-threaded", tmp_path)
    (found,) = part.differences
    assert (found.where, found.what, found.stock, found.patched) == ("threads", "ending", "done", "1: AssertionError")
    assert part.ran == f"threads {TURNS} times, 0 reports of stock"


def test_a_program_that_hangs_is_killed(part: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "SECONDS", 1)
    monkeypatch.setattr(concurrency, "TURNS", 1)
    sleeps = f"exec {sys.executable} -c 'import time; time.sleep(600)'"
    both = [interpreter(tmp_path, name, sleeps) for name in ("stock", "patched")]
    run_programs(part, Pair(*both), "free-threaded", tmp_path)
    assert part.problems == ["threads: on stock, too: no end within 1 s"]
