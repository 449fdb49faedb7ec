"""Programs with threads and with several interpreters, on builds that notice data races, or have no GIL."""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.processes import run
from tools.prove.interpreters import Interpreter, Pair
from tools.prove.report import Part
from tools.prove.sanitizers import Reports, logged, read_reports

FOLDER = Path(__file__).with_name("programs")
PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "thread": ("interpreters", "threads"),
    "free-threaded": ("threads",),  # another interpreter has no GIL of its own there
}
"""Name of a build → programs."""

TURNS = 3
"""Runs of each program: what threads do to each other is another thing each time."""
SECONDS = 1800


@dataclass(frozen=True)
class Turns:
    """What became of a program's runs."""

    endings: frozenset[str]
    reports: Reports


def run_programs(part: Part, pair: Pair, name: str, scratch: Path) -> None:
    """Runs a build's programs, and notes endings and reports that stock does not have, too."""
    for program in PROGRAMS[name]:
        stock, patched = (_turns(each, program, scratch) for each in pair)
        for ending in sorted(patched.endings - stock.endings):
            part.differs(name, program, "ending", " or ".join(sorted(stock.endings)), ending)
        for signature in sorted(patched.reports.keys() - stock.reports.keys()):
            part.differs(name, program, signature, "no report", patched.reports[signature])
        if stock.endings != {"done"}:
            part.problems.append(f"{program}: on stock, too: {', '.join(sorted(stock.endings))[:300]}")
        part.ran = ", ".join(
            filter(None, (part.ran, f"{program} {TURNS} times, {len(stock.reports)} reports of stock"))
        )


def _turns(interpreter: Interpreter, program: str, scratch: Path) -> Turns:
    endings: set[str] = set()
    reports: Reports = {}
    for turn in range(TURNS):
        folder = scratch / f"{program}-{interpreter.name}-{turn}"
        folder.mkdir(parents=True)
        variables = {"PATH": os.environ["PATH"], "HOME": str(folder), **logged(interpreter.environment, folder)}
        words = ("env", "-i", *(f"{name}={value}" for name, value in variables.items()))
        limit = ("timeout", "--signal=KILL", str(SECONDS))
        done = run((*words, *limit, str(interpreter.python), str(FOLDER / f"{program}.py")), cwd=folder)
        endings.add(_ending(done.returncode, done.stdout, done.stderr))
        reports |= read_reports(folder)
    return Turns(frozenset(endings), reports)


def _ending(code: int, out: str, errors: str) -> str:
    if code in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return f"no end within {SECONDS} s"
    if out.strip() == "done" and not code:
        return "done"
    lines = (out + errors).strip().splitlines() or ["nothing said"]
    return f"{code}: {lines[-1]}"
