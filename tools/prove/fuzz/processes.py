"""Runs cases in a process of an interpreter: `runner.py`, a limit on its time, and what became of it."""

import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.cancellation import checkpoint, on_cancel
from builder.processes import kill_group
from tools.prove.interpreters import Interpreter

RUNNER = Path(__file__).with_name("runner.py")
SUBJECTS = tuple(
    sorted(
        path.stem
        for path in (RUNNER.parent / "subjects").glob("*.py")
        if "\ndef case(" in path.read_text(encoding="utf-8")
    )
)

VARIABLES = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONHASHSEED": "0",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUNBUFFERED": "1",
}
"""All that a runner sees of the environment, besides an interpreter's own and where it keeps bytecode."""

_LAST_LINES = 12


@dataclass(frozen=True)
class Cases:
    """Some cases of a subject, one after the other in one process."""

    subject: str
    seed: int
    first: int
    count: int

    @property
    def end(self) -> int:
        return self.first + self.count


@dataclass(frozen=True)
class Answers:
    """What a runner said, by the number of the case that a line begins with, and how it ended."""

    lines: Mapping[int, str]
    ending: str = ""
    """Empty if it did all it was asked for: else "ended by signal 11", "no answer for 120 s"."""
    errors: str = ""
    """The last lines that it wrote to standard error."""


def digests(interpreter: Interpreter, cases: Cases, chunk: int, scratch: Path) -> Answers:
    """A digest for each chunk of cases."""
    numbers = (cases.first, cases.count, chunk)
    return _run(interpreter, "digests", cases, numbers, scratch)


def values(interpreter: Interpreter, cases: Cases, wanted: list[int], scratch: Path) -> Answers:
    """What some of the cases saw, as a literal: a list of names and texts."""
    return _run(interpreter, "values", cases, (cases.first, *wanted), scratch)


def _run(interpreter: Interpreter, what: str, cases: Cases, numbers: tuple[int, ...], scratch: Path) -> Answers:
    command = (str(interpreter.python), str(RUNNER), what, cases.subject, str(cases.seed), *map(str, numbers))
    variables = {
        **VARIABLES,
        "PYTHONPYCACHEPREFIX": str(scratch / f"bytecode-{interpreter.name}"),
        "TMPDIR": str(scratch),
        **interpreter.environment,
    }
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command,
            env=variables,
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            process_group=0,
        ) as process,
    ):
        try:
            with on_cancel(lambda: kill_group(process)):
                text, hung = _read(process, interpreter.limit)
            checkpoint()
        except BaseException:
            kill_group(process)
            raise
        code = process.wait()
        errors.seek(0)
        tail = errors.read().decode(errors="replace").splitlines()[-_LAST_LINES:]
    found = (line.partition(" ") for line in text.splitlines(keepends=True) if line.endswith("\n"))
    lines = {int(number): rest.rstrip("\n") for number, _, rest in found}
    return Answers(lines, f"no answer for {interpreter.limit:.0f} s" if hung else _ending(code), "\n".join(tail))


def _read(process: "subprocess.Popen[bytes]", limit: float) -> tuple[str, bool]:
    """What a process writes to its end; True if it was killed because it wrote nothing for so many seconds."""
    assert process.stdout
    descriptor, data = process.stdout.fileno(), bytearray()
    last = time.monotonic()
    while True:
        left = last + limit - time.monotonic()
        if left < 0 or not select.select([descriptor], [], [], left)[0]:
            kill_group(process)
            return data.decode("ascii"), True
        more = os.read(descriptor, 1 << 16)
        if not more:
            return data.decode("ascii"), False
        data += more
        if b"\n" in more:
            last = time.monotonic()


def _ending(code: int) -> str:
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}" if code else ""
