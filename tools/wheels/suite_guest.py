"""Runs in the guest: a library's own tests on the interpreter that runs this; a line of JSON for what each one did.

``suite_guest.py <folder> <tests> <pytest's argument>...`` copies the folder with the tests, because only /tmp may be
written, and runs pytest in the copy; ``tests`` is a JSON list of those to run, empty for all. A line is
``[test, event, message]``, written as soon as it is known: when a test kills the interpreter, all that went before is
there, and which test had begun. The lines are on standard output; what the tests print goes to standard error.
"""

import faulthandler
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

TIMEOUT = 1500
"""Seconds for one library: the slowest takes about four minutes on a busy machine."""

OPTIONS = (
    *("-q", "-rN", f"--config-file={os.devnull}", "--rootdir=.", "-pno:cacheprovider", "--color=no"),
    *("--continue-on-collection-errors", "--tb=short", "--disable-warnings"),
)
"""pytest's, for every library: a test's name is its path from the folder, and no settings but these are read."""

_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")

BEGUN, PASSED, FAILED, SKIPPED = "begun", "passed", "failed", "skipped"


class Plugin:
    """Tells of each test as pytest comes to know of it."""

    def __init__(self, descriptor: int, wanted: set[str]) -> None:
        self._wanted = wanted
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", buffering=1)
        self._process = os.getpid()

    def pytest_collectreport(self, report: Any) -> None:
        """A module that cannot be imported fails as one test."""
        if report.failed:
            self._tell(report.nodeid, FAILED, report.longreprtext)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """A test that is wanted and does not exist is no error, as it would be among pytest's arguments."""
        if self._wanted:
            items[:] = [item for item in items if item.nodeid in self._wanted]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._tell(nodeid, BEGUN)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """A test has a report for each of setup, call, teardown, and for each of its subtests."""
        if report.failed:
            self._tell(report.nodeid, FAILED, report.longreprtext)
        elif report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
            self._tell(report.nodeid, SKIPPED, reason)
        elif report.when == "call":
            self._tell(report.nodeid, PASSED)

    def _tell(self, test: str, event: str, text: str = "") -> None:
        if os.getpid() == self._process:  # a test may fork, and the child go on as if it were pytest
            print(json.dumps((test, event, last_line(text))), file=self._file)


def last_line(text: str) -> str:
    """What says most of a failure: the last line that pytest marks with E and that names an exception, or the last.

    Addresses in it are left out: they are others in each run.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marked = [line.removeprefix("E").strip() for line in lines if line.startswith("E  ")]
    errors = [line for line in marked if line.partition(":")[0].endswith(("Error", "Exception", "Failed"))]
    return _ADDRESS.sub("0x…", (errors or marked or lines or [""])[-1])[:300]


def main(folder: str, tests: str, *arguments: str) -> int:
    """Returns pytest's exit code: 0 or 1 if all tests were run, 5 if there were none."""
    lines = os.dup(1)
    os.dup2(2, 1)
    faulthandler.dump_traceback_later(TIMEOUT, exit=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what runs in its background ignore it
    with tempfile.TemporaryDirectory(prefix="suite-") as work:
        os.chdir(shutil.copytree(folder, Path(work, "tests")))
        return int(pytest.main([*OPTIONS, *arguments], plugins=[Plugin(lines, set(json.loads(tests)))]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
