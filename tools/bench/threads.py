"""What a second thread of Python code gains: how often two threads do the same work per second, by how often one does.

With the GIL, one thread runs at a time; without it, each has a processor. There are two processors for every run.
"""

import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.bench.files import Unavailable
from tools.bench.interpreters import Interpreter

PROGRAM = Path(__file__).with_name("threads_program.py")
THREADS = (1, 2)
SECONDS = 2.0
"""Length of a run: a thousand times as long as the switch interval of threads that share a GIL."""


def threads(interpreters: Sequence[Interpreter], rounds: int, seconds: float = SECONDS) -> dict[str, Any]:
    """Runs of all interpreters in turns; the medians per second, and two threads' by one's.

    Raises:
        Unavailable: this machine has one processor.
    """
    processors = sorted(os.sched_getaffinity(0))[: max(THREADS)]
    if len(processors) < max(THREADS):
        raise Unavailable("two threads need two processors, and there is one")
    found: dict[str, dict[int, list[float]]] = {each.name: {count: [] for count in THREADS} for each in interpreters}
    for _ in range(rounds):
        for each in interpreters:
            for count in THREADS:
                found[each.name][count].append(_run(each, count, seconds, processors))
    rows = {}
    for name, runs in found.items():
        one, two = (statistics.median(runs[count]) for count in THREADS)
        rows[name] = {"one thread": one, "two threads": two, "two/one": two / one, "rounds": rounds}
    what = "the same work of Python code by each thread"
    return {"what": what, "unit": "times per second", "machine": platform.machine(), "results": rows}


def _run(interpreter: Interpreter, count: int, seconds: float, processors: Sequence[int]) -> float:
    command = interpreter.command((PROGRAM.parent,), "-I", str(PROGRAM), str(count), str(seconds))
    words = ("taskset", "--cpu-list", ",".join(map(str, processors)), *command)
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
