"""pyperformance's benchmarks, each on one interpreter after the other, several times round.

pyperformance itself would install packages into each interpreter, and run all of one before all of the next: a machine
that has other things to do would tell them apart by the hour. Its benchmarks are programs with pyperf inside; they
need no more than a folder on PYTHONPATH, and can be run in turns.
"""

import json
import math
import os
import signal
import statistics
import subprocess
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.bench.interpreters import Interpreter
from tools.bench.processor import one_processor

NOT_RUN = {
    "2to3": "installs what it runs into the interpreter",
    "crypto_pyaes": "pyaes has no wheel",
    "dask": "starts a cluster that talks to itself for minutes",
    "fastapi": "its server takes a fixed time",
    "hg_startup": "mercurial has no wheel",
    "mako": "hides markupsafe, which Mako has come to need",
    "sqlalchemy_imperative": "SQLAlchemy 2 no longer has what it calls",
}
"""Name → why."""

PYPERF = ("--processes=1", "--values=3", "--warmups=1", "--quiet")
SECONDS = 300
"""After which a benchmark has failed."""

Values = dict[str, list[float]]
"""Result → seconds that one time of it takes."""


@dataclass(frozen=True)
class Benchmark:
    """A program of pyperformance; it may have several results."""

    name: str
    script: Path
    options: tuple[str, ...]


def benchmarks(site: Path) -> Iterator[Benchmark]:
    """What the pyperformance in a folder of packages has."""
    for path in sorted((site / "pyperformance" / "data-files" / "benchmarks").glob("bm_*/*.toml")):
        about = tomllib.loads(path.read_text(encoding="utf-8"))["tool"]["pyperformance"]
        if about["name"] not in NOT_RUN:
            yield Benchmark(about["name"], path.parent / "run_benchmark.py", tuple(about.get("extra_opts", ())))


@one_processor()
def compare(
    interpreters: Sequence[Interpreter], chosen: Sequence[Benchmark], site: Path, scratch: Path, rounds: int
) -> dict[str, Values]:
    """Interpreter → results. A benchmark that fails on one of them counts for none."""
    results: dict[str, Values] = {each.name: {} for each in interpreters}
    for benchmark in chosen:
        try:
            turns = [(each.name, run(each, benchmark, site, scratch)) for _ in range(rounds) for each in interpreters]
        except (subprocess.SubprocessError, OSError) as error:
            print(f"{benchmark.name}: not run: {error}", flush=True)
            continue
        for interpreter, values in turns:
            for name, seconds in values.items():
                results[interpreter].setdefault(name, []).extend(seconds)
        for name in turns[0][1]:
            print(f"{name:32}" + "".join(f"{each:10.3f}" for each in ratios(results, name)), flush=True)
    return results


def run(interpreter: Interpreter, benchmark: Benchmark, site: Path, scratch: Path) -> Values:
    """One turn: a process that finds out how often to repeat, and one that measures."""
    result = scratch / "result.json"
    result.unlink(missing_ok=True)
    command = interpreter.command(
        (site, scratch),
        str(benchmark.script),
        *benchmark.options,
        *PYPERF,
        f"--output={result}",
        "--inherit-environ=PYTHONPATH,PYTHONHASHSEED",
    )
    variables = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(scratch),
        "PYTHONPATH": str(site),
        "PYTHONHASHSEED": "0",
    }
    with subprocess.Popen(
        command, env=variables, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0
    ) as started:
        try:
            _, said = started.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)  # those that it started, too: they hold the pipe
            raise subprocess.SubprocessError(f"{interpreter.name}: longer than {SECONDS} s") from None
    if started.returncode:
        raise subprocess.SubprocessError(f"{interpreter.name}: {(said.splitlines() or ['no word'])[-1]}")
    return read_values(json.loads(result.read_text(encoding="utf-8")))


def read_values(suite: Mapping[str, Any]) -> Values:
    """What a file of pyperf's says; the name of its only benchmark stands among what all have in common."""
    return {
        (benchmark.get("metadata", {}) | suite["metadata"])["name"]: [
            value for run in benchmark["runs"] for value in run.get("values", ())
        ]
        for benchmark in suite["benchmarks"]
    }


def ratios(results: Mapping[str, Values], name: str) -> list[float]:
    """Least time of the first interpreter, by that of each other one: a machine's other guests only ever add to it."""
    ours, *others = (min(values[name]) for values in results.values())
    return [ours / other for other in others]


def geometric_mean(numbers: Sequence[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, numbers)))
