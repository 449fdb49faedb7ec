"""A pyperf benchmark of one of our programs: ``timed.py fib --output …``, run by the interpreter that is measured."""

import argparse
import os
import resource
import runpy
import sys
from pathlib import Path

import pyperf


def start(loops: int) -> float:
    """Seconds of processor time that so many bare starts take, each with its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(loops):
        process = os.posix_spawn(sys.executable, (sys.executable, "-I", "-S", "-c", "pass"), os.environ)
        assert os.waitpid(process, 0)[1] == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def for_the_worker(command: list[str], options: argparse.Namespace) -> None:
    """The same argument for the process that measures, which pyperf starts."""
    command.append(options.program)


def main() -> None:
    runner = pyperf.Runner(add_cmdline_args=for_the_worker)
    runner.argparser.add_argument("program")
    program = runner.parse_args().program
    if program == "start":
        runner.bench_time_func(f"programs/{program}", start)
    else:
        work = runpy.run_path(str(Path(__file__).parent / "programs" / f"{program}.py"))["work"]
        runner.bench_func(f"programs/{program}", work)


if __name__ == "__main__":
    main()
