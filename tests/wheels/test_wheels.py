"""The list of packages, the evaluation of their imports, and the table."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

import pytest

from builder.errors import BuildError, NotLocked, NoWheel
from tools.support import wheels
from tools.wheels.__main__ import run_tasks, tasks
from tools.wheels.environments import HERE
from tools.wheels.guest import extension_modules, top_level_modules
from tools.wheels.lines import split_lines
from tools.wheels.packages import REQUIREMENTS, Excluded, Packages, load_packages
from tools.wheels.table import ImportResult, ScenarioResult, document, problems

PACKAGES = Packages({"some": 3, "other": 7}, {"some": ("before",)}, {("some", "some.gui"): "No display."}, ())
SOME = ImportResult("some", "1.0", "2.17", ("some", "some.gui"), {"some.gui": "ImportError: no | screen"})
OTHER = ImportResult("other", "2.0", "2.28", ("other",), {})


def test_the_list_has_120_packages_by_rank_and_each_is_locked() -> None:
    ranks = load_packages().ranks
    locked = set(re.findall("^(.+)==", wheels.lock_file(REQUIREMENTS).read_text(encoding="utf-8"), re.MULTILINE))
    assert len(ranks) == 120
    assert list(ranks.values()) == sorted(set(ranks.values()))
    assert set(ranks) <= locked


def test_expectations_are_about_packages_in_the_list_and_excluded_ones_are_not_in_it() -> None:
    packages = load_packages()
    excluded = {name for entry in packages.excluded for name in entry.packages}
    assert {*packages.import_first, *(package for package, _ in packages.expected_failures)} <= set(packages.ranks)
    assert not excluded & set(packages.ranks)


def test_top_level_modules_are_packages_modules_and_packages_in_a_namespace() -> None:
    files = (
        "a/__init__.py",
        "a/b/__init__.py",
        "ns/c/__init__.py",
        "ns/c/d/__init__.py",
        "x/y/z/__init__.py",
        "one.py",
    )
    assert list(top_level_modules([PurePath(path) for path in files])) == ["a", "ns.c", "one"]


def test_extension_modules_are_distinguished_from_other_libraries(tmp_path: Path) -> None:
    contents = {
        "a/m.abi3.so": "PyInit_m\0",
        "a/n.so": "PyInit_n\0",
        "a/plugin.so": "init\0",
        "liba.so.1": "PyInit_liba\0",
    }
    (tmp_path / "a").mkdir()
    for path, content in contents.items():
        (tmp_path / path).write_text(content)
    assert list(extension_modules(tmp_path, [PurePath(path) for path in contents])) == ["a.m", "a.n"]


@pytest.mark.parametrize(
    ("tags", "glibc"),
    [
        (["cp313-cp313-manylinux_2_26_x86_64", "cp313-cp313-manylinux_2_28_x86_64"], "2.26"),
        (["cp39-abi3-manylinux2014_x86_64"], "2.17"),
        (["cp313-cp313-linux_x86_64"], "?"),
    ],
)
def test_a_wheel_is_for_the_oldest_glibc_that_it_names(tags: list[str], glibc: str) -> None:
    line = {"package": "p", "version": "1", "tags": tags, "modules": [], "failures": {}}
    assert ImportResult.parse(line).glibc == glibc


def test_an_expected_failure_is_no_problem() -> None:
    assert list(problems(PACKAGES, [SOME, OTHER], [])) == []


def test_an_unexpected_failure_is_a_problem() -> None:
    broken = replace(OTHER, failures={"other": "ImportError: undefined symbol"})
    assert list(problems(PACKAGES, [broken], [])) == ["other: other: ImportError: undefined symbol"]


def test_an_expected_failure_that_does_not_occur_is_a_problem() -> None:
    (problem,) = problems(PACKAGES, [replace(SOME, failures={})], [])
    assert "some.gui" in problem


def test_a_package_without_modules_is_a_problem() -> None:
    assert not replace(OTHER, modules=()).complete
    assert list(problems(PACKAGES, [replace(OTHER, modules=())], [])) == ["other: there is nothing to import"]


def test_a_scenario_that_fails_is_a_problem() -> None:
    assert list(problems(PACKAGES, [], [ScenarioResult("with_numpy.py", "", {"": "ended by signal 11"})])) == [
        "with_numpy.py: ended by signal 11"
    ]


def test_the_table_counts_packages_and_modules_and_says_why() -> None:
    packages = replace(PACKAGES, excluded=(Excluded(("huge", "vast"), "Too big."),))
    third = ImportResult("third", "3.0", "?", ("third",), {"third": "ImportError"})
    text = document(
        replace(packages, ranks={**packages.ranks, "third": 9}),
        [SOME, OTHER, third],
        [ScenarioResult("with_numpy.py", "1 | 2\n", {})],
        "a place",
    )
    assert "**2 of 3 import, 1 of them with all" in text
    assert "Of 4 modules 2 load" in text
    assert "| third | `third` | `ImportError` | **not explained** |" in text
    assert "| huge, vast | Too big. |" in text
    assert "| some | `some.gui` | `ImportError: no \\| screen` | No display. |" in text
    assert "| 3 | some | 1.0 | 2.17 | 2 | all but 1 |" in text
    assert "| 7 | other | 2.0 | 2.28 | 1 | ✓ |" in text
    assert "| 1 \\| 2 |" in text


def test_names_select_packages_and_scenarios() -> None:
    assert tasks(load_packages(), ["psycopg"]) == ["with_psycopg2.py", "psycopg2-binary", "psycopg-binary:psycopg"]


def test_chunks_are_split_into_lines() -> None:
    lines: list[bytes] = []
    receive = split_lines(lines.append)
    for chunk in (b"a", b"b\nc\n\nd", b"e", b"\n"):
        receive(chunk)
    assert lines == [b"ab", b"c", b"", b"de"]


def test_a_run_that_does_not_finish_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    def killed(_: Sequence[str], output: Callable[[bytes], object]) -> int:
        output(b'{"name": "with_numpy.py", "output": "", "failures": {}}\nno memory\n')
        return 137

    with pytest.raises(BuildError, match="137"):
        run_tasks(killed, ["with_numpy.py", "numpy"])
    assert "no memory" in capsys.readouterr().err


def test_a_package_is_imported_in_a_process_that_may_crash(tmp_path: Path) -> None:
    install(tmp_path, "good", "print('{}')")
    install(tmp_path, "bad", "raise SystemExit('no')")
    install(tmp_path, "deadly", "import os; os.abort()")
    install(tmp_path, "late", "import first\nassert first.done")
    (tmp_path / "first.py").write_text("done = True")
    command = (sys.executable, str(HERE / "guest.py"), "good", "bad", "deadly", "late:first")
    output = subprocess.check_output(command, env={**os.environ, "PYTHONPATH": str(tmp_path)}, text=True)
    good, bad, deadly, late = (json.loads(line) for line in output.splitlines())
    assert (good["version"], good["modules"], good["failures"]) == ("1.0", ["good"], {})
    assert bad["failures"] == {"bad": "SystemExit: no"}
    assert deadly["failures"] == {"deadly": "ended by signal 6"}
    assert (late["modules"], late["failures"]) == (["first", "late"], {})


def install(site: Path, name: str, code: str) -> None:
    (site / f"{name}.py").write_text(code)
    dist_info = site / f"{name}-1.0.dist-info"
    dist_info.mkdir()
    (dist_info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (dist_info / "RECORD").write_text(f"{name}.py,,\n")


def test_unavailable_wheels_are_one_error_and_leave_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    requirements, cache = tmp_path / "some.txt", tmp_path / "cache"
    requirements.write_text(f"nothing==1.0 --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(wheels, "lock_file", lambda *_: requirements)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(NoWheel, match=r"nothing==1\.0"):
        wheels.cached_wheels("some", sys.executable, cache)
    assert list((cache / "wheels").iterdir()) == []


def test_packages_are_those_of_the_interpreters_series(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'Python 3.2.1 (main, Jul 10 2011)'\necho '[GCC 4.6.1]'\n", "ascii")
    python.chmod(0o755)
    with pytest.raises(NotLocked, match=r"No packages are locked for Python 3\.2\.\n.*pyperformance\.txt for 3\."):
        wheels.cached_wheels("pyperformance", str(python), tmp_path)
    assert [wheels.lock_file("pyperformance", series).parent.name for series in ("3.13", "3.14")] == ["3.13", "3.14"]
