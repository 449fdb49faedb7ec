"""``python -m tools.regrtest``: runs CPython's own tests on the layer's interpreter, in a container.

What does not apply is data, ``regrtest.toml``, and checked in every run: a file that skips itself must give the reason
stated there, and an excluded test is run at the end, on its own, and must fail as stated there.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import BinaryIO

from builder.console import Terminal
from builder.context import cache_folder, report_errors
from builder.errors import BuildError
from tools.regrtest.environment import Run, container
from tools.regrtest.expectations import Expectations, load_expectations
from tools.regrtest.outcome import Outcome, exclusion_problems, skip_problems
from tools.support.product import PLATFORM, PRODUCT

IMAGE = "debian11"
"""The image that the expectations are for."""

RESOURCES = "-uall,tzdata,-gui,-audio"
"""regrtest's option for the resources that tests may use: there is neither a display nor an audio device."""

TIMEOUT = "--timeout=1200"
"""Seconds for one file; the slowest took a minute, and two on a machine with four times the load it could handle."""


Regrtest = partial[tuple[int, str]]
"""`_regrtest` bound to a container."""


def main(arguments: Sequence[str] | None = None) -> int:
    return report_errors(lambda terminal: _run(arguments, terminal))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="regrtest", description=__doc__)
    parser.add_argument("--image", default=IMAGE, metavar="NAME", help="container image (default: %(default)s)")
    parser.add_argument("--part", choices=load_expectations().parts, help="only the files of this part")
    parser.add_argument("-j", type=int, default=os.cpu_count() or 1, metavar="N", help="parallel files (all cores)")
    return parser


def _run(arguments: Sequence[str] | None, terminal: Terminal) -> None:
    expectations, cache = load_expectations(), cache_folder()
    options, further = make_parser().parse_known_args(arguments)
    files = expectations.parts[options.part] if options.part else ()
    name = f"regrtest-{PRODUCT.name}-{PLATFORM.cpu.lambda_name}-{options.image.replace('/', '_')}.log"
    path = cache / "logs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with container(options.image, cache, terminal) as run, path.open("wb") as log:
        regrtest = partial(_regrtest, run, ("-m", "test", RESOURCES, TIMEOUT, f"-j{options.j}"), log)
        problems = _test(expectations, regrtest, (*further, *files), terminal)
    print(f"Log: {path}")
    if problems:
        do = f"See what changed; if that is intended, say why in {PRODUCT.file('regrtest.toml')}."
        raise BuildError("CPython's tests do not match regrtest.toml.", "\n       ".join(problems), do)


def _test(expectations: Expectations, regrtest: Regrtest, selected: tuple[str, ...], terminal: Terminal) -> list[str]:
    """Runs the tests that apply, then those excluded; returns problems. ``selected``: files and regrtest's options."""
    ignored = [word for entry in expectations.excluded for name in entry.names for word in ("-i", name)]
    code, text = regrtest("-w", "--fail-env-changed", *ignored, *selected, show=True)
    outcome = Outcome.parse(text)
    problems = [f"regrtest ended with exit code {code}"] if code else []
    problems += skip_problems(expectations, outcome, whole=not selected)
    excluded = [entry for entry in expectations.excluded if entry.file in outcome.files]
    if excluded:
        terminal.note("running the excluded tests, which must fail")
    for entry in excluded:
        names = [word for name in entry.names for word in ("-m", name)]
        problems += exclusion_problems(entry, regrtest("-v", *names, entry.file, show=False)[1])
    tests = sum(len(entry.tests) for entry in excluded)
    print(f"\n{'; '.join(outcome.totals)}; excluded: {tests}, problems: {len(problems)}")
    return problems


def _regrtest(run: Run, command: tuple[str, ...], log: BinaryIO, *further: str, show: bool) -> tuple[int, str]:
    """Returns the exit code and the output, which is also written to the log."""
    output: list[bytes] = []

    def write(chunk: bytes) -> None:
        output.append(chunk)
        log.write(chunk)
        log.flush()
        if show:
            sys.stdout.buffer.write(chunk)
            sys.stdout.flush()

    return run((*command, *further), write), b"".join(output).decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
