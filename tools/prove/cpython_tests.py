"""CPython's own tests on a build of stock sources and on one with the patches: which of them end otherwise."""

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

from builder.errors import BadPins
from builder.processes import wait_for
from tools.prove.builds import Kind, laid_out
from tools.prove.interpreters import Interpreter, Pair
from tools.prove.report import Part
from tools.prove.sanitizers import Reports, logged, read_reports
from tools.prove.side_by_side import on_both

FILE = Path(__file__).with_name("cpython_tests.toml")
SECONDS = 1200
"""For one test file on the product; the slowest took a minute."""
AGAIN = 2
"""How often a test is run again that ended otherwise: under load, some end so now and then."""

_FILE = re.compile(
    r"^\d+:\d\d:\d\d (?:load avg: \S+ )?(?:mem: \S+ \S+ )?\[ *\d+/\d+(?:/\d+)?\] (\S+) (\w+)", re.MULTILINE
)
_FAILED = re.compile(r"^(?:ERROR|FAIL): (\S+) \((\S+)\)", re.MULTILINE)
"""As unittest tells of a failure, be it of a test, of one of its subtests, or of what a class or a module needs."""
_SOUND = ("passed", "skipped")
NOT_RUN = "not run"


@dataclass(frozen=True)
class Results:
    """How tests ended on one interpreter."""

    files: Mapping[str, str]
    """Test file → passed, failed, skipped, crashed, …, as regrtest calls it."""
    tests: Mapping[str, str]
    """Test → passed, failed or skipped."""

    def merged(self, newer: "Results") -> "Results":
        """With what a later run of some files said."""
        return Results({**self.files, **newer.files}, {**self.tests, **newer.tests})


def load_files(path: Path = FILE) -> tuple[str, ...]:
    """The test files that concern the patches; `BadPins` if one is named twice or a group says nothing."""
    groups = tomllib.loads(path.read_text(encoding="utf-8"))["group"]
    files = [file for group in groups for file in group["files"]]
    twice = sorted({file for file in files if files.count(file) > 1})
    if twice or not all(group["why"] for group in groups):
        raise BadPins(f"{path} is not in order.", f"Named twice: {twice}; each group needs `why`.", "Correct it.")
    return tuple(files)


def parse_results(text: str, report: str) -> Results:
    """What regrtest printed (``-v``) and its JUnit report; a test of which only subtests fail has no name there."""
    tests = {}
    for case in ET.fromstring(report or "<testsuites/>").iter("testcase"):  # noqa: S314 - our own process wrote it
        if name := case.get("name"):
            kinds = {child.tag for child in case}
            tests[name] = "failed" if kinds & {"error", "failure"} else "skipped" if "skipped" in kinds else "passed"
    for method, name in _FAILED.findall(text):
        tests[name if name.endswith(f".{method}") else f"{method} ({name})"] = "failed"
    return Results(dict(_FILE.findall(text)), tests)


def compare(stock: Results, patched: Results) -> Iterator[tuple[str, str, str]]:
    """Each test and each file that ended otherwise: its name, and how it ended on both.

    Of a file that did not come to its end, the tests that it did not come to are not named.
    """
    told = set()
    for name in sorted(stock.tests.keys() | patched.tests):
        before, after = stock.tests.get(name, NOT_RUN), patched.tests.get(name, NOT_RUN)
        file = _file_of(name, (stock, patched))
        if before != after and (NOT_RUN not in (before, after) or stock.files.get(file) == patched.files.get(file)):
            told.add(file)
            yield name, before, after
    for file in sorted(stock.files.keys() | patched.files):
        before, after = stock.files.get(file, NOT_RUN), patched.files.get(file, NOT_RUN)
        explained = file in told and {before, after} <= {"passed", "failed"}
        if before != after and not explained:
            yield file, before, after


@dataclass(frozen=True)
class Bench:
    """What tests are run with."""

    kind: Kind
    jobs: int
    scratch: Path
    logs: Path
    """Folder for what the tests print, while they do: a file for each interpreter."""


def run_tests(part: Part, pair: Pair, files: Sequence[str], bench: Bench) -> None:
    """Runs test files on both builds in each of the kind's ways, and notes what differs and what sanitizers report.

    No ``files`` means all that there are.
    """
    counted = []
    for way, variables in bench.kind.runs.items():
        both = Pair(*(_with(laid_out(each, bench.scratch), variables) for each in pair))
        name = f"{bench.kind.name} {way}".strip()
        part.tell(f"    {name}: CPython's tests, {len(files) or 'all'} files; logs: {bench.logs}/prove-*.log")
        results, reports = _both(both, files, bench, name)
        for _ in range(AGAIN):
            odd = [each for each, *_ in compare(*results)]
            if not odd:
                break
            again, more = _both(both, sorted({_file_of(each, results) for each in odd}), bench, f"{name} again")
            results = [_steadier(one, two) for one, two in zip(results, again, strict=True)]
            reports = [one | two for one, two in zip(reports, more, strict=True)]
        for what, before, after in compare(*results):
            part.differs(bench.kind.name, f"CPython's tests {way}".strip(), what, before, after)
        _compare_reports(part, bench.kind.name, f"CPython's tests {way}".strip(), *reports)
        counted.append(
            f"{len(results[1].tests):,} tests of {len(results[1].files)} files" + (f" ({way})" if way else "")
        )
    part.subjects.add(bench.kind.name)
    part.ran = ", ".join(filter(None, (part.ran, *counted)))


def _steadier(before: Results, again: Results) -> Results:
    """Of two runs, what was sound in one of them."""

    def best(one: Mapping[str, str], two: Mapping[str, str]) -> dict[str, str]:
        return {
            name: one[name] if one.get(name) in _SOUND else two.get(name, one.get(name, "")) for name in {**one, **two}
        }

    return Results(best(before.files, again.files), best(before.tests, again.tests))


def _compare_reports(part: Part, name: str, where: str, stock: Reports, patched: Reports) -> None:
    """Reports that stock does not give, too, are differences."""
    for signature in sorted(patched.keys() - stock.keys()):
        part.differs(name, where, signature, "no report", patched[signature])


def _both(pair: Pair, files: Sequence[str], bench: Bench, name: str) -> tuple[list[Results], list[Reports]]:
    """Both interpreters' results, one after the other if there is one job, else side by side."""
    run = partial(_run, files=files, bench=replace(bench, jobs=max(1, bench.jobs // 2)), name=name)
    found = on_both(pair, run, side_by_side=bench.jobs > 1)
    return [results for results, _ in found], [reports for _, reports in found]


def _run(interpreter: Interpreter, files: Sequence[str], bench: Bench, name: str) -> tuple[Results, Reports]:
    folder = bench.scratch / f"{name} {interpreter.name}".replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    report, log = folder / "junit.xml", bench.logs / f"prove-{folder.name}.log"
    report.unlink(missing_ok=True)
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        **logged(interpreter.environment, folder),
    }
    command = (
        *(str(interpreter.python), "-m", "test", "-v", f"-j{bench.jobs}", "--junit-xml", str(report)),
        *(f"--timeout={SECONDS * bench.kind.slower:.0f}", "--tempdir", str(folder), *files),
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        wait_for(process)
    text = log.read_text(encoding="utf-8", errors="replace")
    return parse_results(text, report.read_text(encoding="utf-8") if report.exists() else ""), read_reports(folder)


def _with(interpreter: Interpreter, variables: Mapping[str, str]) -> Interpreter:
    return replace(interpreter, environment={**interpreter.environment, **variables})


def _file_of(name: str, results: Sequence[Results]) -> str:
    """The test file that a test is of, as regrtest calls it."""
    path = name.partition("(")[2].rstrip(")") or name
    files = {file for each in results for file in each.files}
    parts = path.removeprefix("test.").split(".")
    candidates = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    return next((each for each in (*candidates, *(f"test.{each}" for each in candidates)) if each in files), parts[0])
