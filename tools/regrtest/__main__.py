"""``python -m regrtest``: CPython's own tests, on the layer's interpreter, in a container.

What does not apply is data, ``tests.toml``. It is checked in every run: a file that skips itself has to say what
stands there, and a test that is left out is run in the end, alone, and has to fail as it is said there.
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
from tools.regrtest.outcome import Outcome, problems, unproved
from tools.support.product import PLATFORM

IMAGE = "debian11"
"""In which the list is checked."""

RESOURCES = "-uall,tzdata,-gui,-audio"
"""regrtest's word for what tests may use: here is neither a screen nor a loudspeaker."""

PATIENCE = "--timeout=1200"
"""Seconds for one file; the slowest took a minute, and two on a machine with four times as much to do as it could."""


Regrtest = partial[tuple[int, str]]
"""`_regrtest` in a container."""


def main(arguments: Sequence[str] | None = None) -> int:
    return report_errors(lambda terminal: _run(arguments, terminal))


def _run(arguments: Sequence[str] | None, terminal: Terminal) -> None:
    known, cache = load_expectations(), cache_folder()
    parser = argparse.ArgumentParser(prog="regrtest", description=__doc__)
    parser.add_argument("--image", default=IMAGE, metavar="NAME", help=f"another image (default: {IMAGE})")
    parser.add_argument("--part", choices=known.parts, help="only the files of this part of tests.toml")
    parser.add_argument("-j", type=int, default=os.cpu_count() or 1, metavar="N", help="files at once (all cores)")
    options, further = parser.parse_known_args(arguments)
    files = known.parts[options.part] if options.part else ()
    path = cache / "logs" / f"regrtest-{PLATFORM.cpu.lambda_name}-{options.image.replace('/', '_')}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with container(options.image, cache, terminal) as run, path.open("wb") as log:
        regrtest = partial(_regrtest, run, ("-m", "test", RESOURCES, PATIENCE, f"-j{options.j}"), log)
        wrong = _test(known, regrtest, (*further, *files), terminal)
    print(f"Log: {path}")
    if wrong:
        do = "See what changed; if it is to be so, say why in products/cpython-3.13/regrtest.toml."
        raise BuildError("CPython's tests are not as tests.toml has them.", "\n       ".join(wrong), do)


def _test(known: Expectations, regrtest: Regrtest, chosen: tuple[str, ...], terminal: Terminal) -> list[str]:
    """Runs what applies, then what does not, and gives what is wrong; ``chosen`` are files and regrtest's options."""
    ignored = [word for entry in known.left_out for name in entry.names for word in ("-i", name)]
    code, text = regrtest("-w", "--fail-env-changed", *ignored, *chosen, show=True)
    outcome = Outcome.read(text)
    wrong = [f"regrtest ended with exit code {code}"] if code else []
    wrong += problems(known, outcome, whole=not chosen)
    proved = [entry for entry in known.left_out if entry.file in outcome.files]
    if proved:
        terminal.note("running what was left out, which has to fail")
    for entry in proved:
        names = [word for name in entry.names for word in ("-m", name)]
        wrong += unproved(entry, regrtest("-v", *names, entry.file, show=False)[1])
    print(f"\n{'; '.join(outcome.totals)}; left out: {sum(len(entry.tests) for entry in proved)}, wrong: {len(wrong)}")
    return wrong


def _regrtest(run: Run, command: tuple[str, ...], log: BinaryIO, *further: str, show: bool) -> tuple[int, str]:
    """Exit code and all that was said, which goes into the log."""
    said: list[bytes] = []

    def take(piece: bytes) -> None:
        said.append(piece)
        log.write(piece)
        log.flush()
        if show:
            sys.stdout.buffer.write(piece)
            sys.stdout.flush()

    return run((*command, *further), take), b"".join(said).decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
