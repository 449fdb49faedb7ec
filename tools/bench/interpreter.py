"""Runs each of pyperformance's benchmarks on one interpreter after the other, in several rounds.

pyperformance itself would install packages into each interpreter, and finish one interpreter before the next, so that
a change of load on the machine would look like a difference between them. Its benchmarks are scripts that use pyperf;
all they need is a folder on PYTHONPATH, so they can be run in turns.
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
    "mako": "hides markupsafe, which Mako now needs",
    "sqlalchemy_imperative": "SQLAlchemy 2 no longer has what it calls",
}
"""Name → why."""

PYPERF = ("--processes=1", "--values=3", "--warmups=1", "--quiet")
TIMEOUT = 300
"""Seconds after which a benchmark has failed."""

Values = dict[str, list[float]]
"""Result → seconds per iteration."""


@dataclass(frozen=True)
class Benchmark:
    """One of pyperformance's scripts; it may have several results."""

    name: str
    script: Path
    """Relative to an interpreter's packages, of which each has its own; or absolute."""
    options: tuple[str, ...]


def benchmarks(site: Path) -> Iterator[Benchmark]:
    """The benchmarks of the pyperformance installed in a folder of packages."""
    for path in sorted((site / "pyperformance" / "data-files" / "benchmarks").glob("bm_*/*.toml")):
        about = tomllib.loads(path.read_text(encoding="utf-8"))["tool"]["pyperformance"]
        if about["name"] not in NOT_RUN:
            script = path.with_name("run_benchmark.py").relative_to(site)
            yield Benchmark(about["name"], script, tuple(about.get("extra_opts", ())))


def common_benchmarks(interpreters: Sequence[Interpreter]) -> Iterator[Benchmark]:
    """The benchmarks that each interpreter's pyperformance has; one that some lack, or have otherwise, is named."""
    found = {each.name: tuple(benchmarks(each.site)) for each in interpreters if each.site}
    for benchmark in dict.fromkeys(benchmark for each in found.values() for benchmark in each):
        if lacking := [name for name, each in found.items() if benchmark not in each]:
            print(f"{benchmark.name}: not run: {', '.join(lacking)}: there is none like it", flush=True)
        else:
            yield benchmark


@one_processor()
def compare(
    interpreters: Sequence[Interpreter],
    selected: Sequence[Benchmark],
    scratch: Path,
    rounds: int,
    before: Sequence[Path] = (),
) -> dict[str, Values]:
    """Interpreter → results. A benchmark that fails on one interpreter is left out for all, as a result that one lacks.

    ``before`` are folders of modules that come before those of an interpreter's ``site``.
    """
    results: dict[str, Values] = {each.name: {} for each in interpreters}
    for benchmark in selected:
        try:
            turns = [(each.name, run(each, benchmark, scratch, before)) for _ in range(rounds) for each in interpreters]
        except (subprocess.SubprocessError, OSError) as error:
            print(f"{benchmark.name}: not run: {error}", flush=True)
            continue
        for name in dict.fromkeys(name for _, values in turns for name in values):
            if lacking := sorted({interpreter for interpreter, values in turns if name not in values}):
                print(f"{name}: left out: {', '.join(lacking)}: no such result", flush=True)
                continue
            for interpreter, values in turns:
                results[interpreter].setdefault(name, []).extend(values[name])
            print(f"{name:32}" + "".join(f"{each:10.3f}" for each in ratios(results, name)), flush=True)
    return results


def run(interpreter: Interpreter, benchmark: Benchmark, scratch: Path, before: Sequence[Path] = ()) -> Values:
    """One turn: a process that calibrates the number of loops, and one that measures."""
    result = scratch / "result.json"
    result.unlink(missing_ok=True)
    site = interpreter.site
    assert site, "each interpreter has packages of its own"
    command = interpreter.command(
        (*before, site, scratch),
        str(site / benchmark.script),
        *benchmark.options,
        *PYPERF,
        f"--output={result}",
        "--inherit-environ=PYTHONPATH,PYTHONHASHSEED",
    )
    variables = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(scratch),
        "PYTHONPATH": os.pathsep.join(map(str, (*before, site))),
        "PYTHONHASHSEED": "0",
    }
    with subprocess.Popen(
        command, env=variables, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0
    ) as process:
        try:
            _, errors = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # including its children: they hold the pipe open
            raise subprocess.SubprocessError(f"{interpreter.name}: longer than {TIMEOUT} s") from None
    if process.returncode:
        raise subprocess.SubprocessError(f"{interpreter.name}: {(errors.splitlines() or ['no message'])[-1]}")
    return parse_values(json.loads(result.read_text(encoding="utf-8")))


def parse_values(suite: Mapping[str, Any]) -> Values:
    """The values in a pyperf file; the name of an only benchmark is in the suite's common metadata."""
    return {
        (benchmark.get("metadata", {}) | suite["metadata"])["name"]: [
            value for run in benchmark["runs"] for value in run.get("values", ())
        ]
        for benchmark in suite["benchmarks"]
    }


def ratios(results: Mapping[str, Values], name: str) -> list[float]:
    """The first interpreter's minimum time divided by each other's; minimum, because other load can only add time."""
    ours, *others = (least(results, each, name) for each in results)
    return [ours / other for other in others]


def least(results: Mapping[str, Values], interpreter: str, name: str) -> float:
    """The minimum time of a benchmark on an interpreter, in seconds."""
    return min(results[interpreter][name])


def geometric_mean(numbers: Sequence[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, numbers)))
