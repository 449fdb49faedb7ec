"""builder.console: one plain line for all that happened in a log, what happens now on a terminal."""

import os
import pty
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from builder.console import Terminal
from builder.pins import Archive
from builder.plan.steps import Step, Unpack

from .fakes import ROOT, a_source


def a_step(name: str) -> Step:
    return Step(name, name.partition("-")[0], Unpack(a_source(Archive("f", "0" * 64, 1)), ()), (), {}, {"name": name})


STEPS = tuple(a_step(name) for name in ("toolchain", "zlib-x86_64", "layer-x86_64-lean"))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """What a log file sees, whatever the tests themselves run in."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return Terminal()


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on standard error; standard output is for results."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "\x1b" not in captured.err
    return captured.err.splitlines()


def test_a_log_has_one_plain_line_for_each_step_that_ended(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.plan(STEPS, lambda step: step is STEPS[0])
    for step in STEPS[1:]:
        terminal.started(step)
        terminal.finished(step, 1.25, 1_500_000)
    assert said(capsys) == [
        "  3 steps, 2 to run at the most",
        "✓ zlib-x86_64                  1.2 s      1.5 MB",
        "✓ layer-x86_64-lean            1.2 s      1.5 MB",
    ]


def test_nothing_to_do_is_nothing_to_say(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.plan(STEPS, lambda _: True)
    assert said(capsys) == []


def test_a_step_that_has_to_wait_says_so(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.waiting(STEPS[1])
    assert said(capsys) == ["  zlib-x86_64: another build is at it; waiting"]


def test_a_log_has_one_line_for_a_transfer(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.transfer("file.tar.gz from example.org", 2_500_000) as progress:
        for have in range(0, 2_500_000, 100_000):
            progress(have)
    assert said(capsys) == ["  file.tar.gz from example.org: 2.5 MB"]


def test_what_looks_like_markup_is_said_as_it_is(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.note("see [bold]this[/bold] and [/nothing]")
    terminal.finished(a_step("odd[red]"), 0.0, 0)
    note, finished = said(capsys)
    assert note == "  see [bold]this[/bold] and [/nothing]"
    assert finished.startswith("✓ odd[red] ")


def test_long_lines_are_not_broken(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.note("word " * 100)
    assert len(said(capsys)) == 1


def test_stopping_when_nothing_runs_says_nothing(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.stop()
    terminal.started(STEPS[1])
    terminal.stop()
    assert said(capsys) == []


WORK = """
from tests.unit.test_console import STEPS, Terminal
terminal = Terminal()
terminal.plan(STEPS, lambda step: step is STEPS[0])
terminal.started(STEPS[1])
terminal.finished(STEPS[1], 1.25, 1_500_000)
terminal.started(STEPS[2])
with terminal.transfer("file.tar.gz", 100) as progress:
    progress(50)
terminal.stop()
"""


def on_a_terminal(code: str, *awaited: tuple[str, Path]) -> str:
    """What a process writes to a real terminal; as soon as a pattern is in its text, a file is made."""
    leader, follower = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen((sys.executable, "-c", code), cwd=ROOT, env=environment, stderr=follower)
    os.close(follower)
    seen, waiting = b"", list(awaited)
    try:
        while piece := os.read(leader, 4096):
            seen += piece
            while waiting and re.search(waiting[0][0], plain(seen.decode(errors="ignore"))):
                waiting.pop(0)[1].touch()
    except OSError:  # Linux says so when nobody holds the other end any more
        pass
    os.close(leader)
    assert process.wait() == 0, seen.decode()
    return seen.decode()


def plain(seen: str) -> str:
    """Without what a terminal takes for orders."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen)


def test_a_terminal_shows_what_happens_now_and_is_left_as_it_was() -> None:
    seen = on_a_terminal(WORK)
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert hidden in seen
    assert seen.rindex(shown) > seen.rindex(hidden)
    text = plain(seen)
    assert re.search(rf"\[1/2\] zlib-x86_64 {TIME}", text)
    assert "✓ zlib-x86_64                  1.2 s      1.5 MB" in text
    assert "file.tar.gz" in text


TIME = r"\d:\d\d:\d\d"
LATER = rf"(?!0:00:00){TIME}"

SIDE_BY_SIDE = """
import sys
from pathlib import Path
from tests.unit.fakes import wait_until
from tests.unit.test_console import STEPS, Terminal
terminal = Terminal()
terminal.plan(STEPS, lambda step: False)
for step in STEPS:
    terminal.started(step)
wait_until(Path({later!r}).exists)
terminal.finished(STEPS[1], 1.25, 1_500_000)
with terminal.transfer("file.tar.gz", 100) as progress:
    progress(50)
    wait_until(Path({transfer!r}).exists)
terminal.stop()
print("after", file=sys.stderr)
"""


def test_each_step_that_runs_has_a_line_with_its_time(tmp_path: Path) -> None:
    later, transfer = tmp_path / "later", tmp_path / "transfer"
    code = SIDE_BY_SIDE.format(later=str(later), transfer=str(transfer))
    seen = plain(on_a_terminal(code, (rf"\[1/3\] toolchain +{LATER}", later), (r"file\.tar\.gz", transfer)))
    lines = [line.strip() for line in re.split(r"[\r\n]+", seen)]
    assert any(re.search(rf"\[1/3\] toolchain +{LATER}", line) for line in lines)
    assert lines.count("✓ zlib-x86_64                  1.2 s      1.5 MB") == 1
    after = " ".join(lines[lines.index("✓ zlib-x86_64                  1.2 s      1.5 MB") :])
    assert re.search(rf"\[1/3\] toolchain +{TIME} . \[3/3\] layer-x86_64-lean +{TIME} file\.tar\.gz", after), after
    assert "[2/3]" not in after
    assert lines[-2:] == ["after", ""]


def test_lines_of_several_threads_are_whole(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    def report(number: int) -> None:
        step = a_step(f"step-{number}")
        for _ in range(50):
            terminal.started(step)
            terminal.note(f"{number} " * 10)
            terminal.finished(step, number, 1_000_000)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(report, range(8)))
    lines = sorted(said(capsys))
    notes = [f"  {f'{number} ' * 10}" for number in range(8) for _ in range(50)]
    ends = [f"✓ step-{number:<19} {number:7.1f} s      1.0 MB" for number in range(8) for _ in range(50)]
    assert lines == sorted((*notes, *ends))
