"""Parsing regrtest's output, and the recipe of the tests' modules. `nox -s regrtest` runs the tests themselves."""

from pathlib import Path

import pytest

from builder.errors import BadPins
from builder.interpreters.cpython.product import read_modules
from builder.plan.keys import read_materials
from builder.repository import load_repository
from tools.regrtest.expectations import Excluded, Expectations, Skipped, load_expectations
from tools.regrtest.modules import recipe
from tools.regrtest.outcome import Outcome, exclusion_problems, skip_problems
from tools.support.product import PRODUCT

OUTPUT = """\
0:00:00 load avg: 5.77 Run 4 tests in parallel using 2 worker processes (timeout: 20 min, worker timeout: 25 min)
0:00:01 load avg: 5.77 [ 1/4] test_sysconfig passed
0:00:03 load avg: 5.63 [ 2/4] test_readline skipped
test_readline skipped -- No module named 'readline'
0:01:02 load avg: 4.00 [ 3/4/1] test_socket failed (2 errors) (41.8 sec)
0:01:03 load avg: 4.00 [ 4/4/1] test.test_gdb.test_misc skipped -- running (1): test_socket (12.0 sec)
test.test_gdb.test_misc skipped -- no gdb

Total duration: 1 min 3 sec
Total tests: run=860 (filtered) skipped=39
Total test files: run=4/4 (filtered) failed=1 skipped=2
"""
FILES = {"test_sysconfig", "test_readline", "test_socket", "test.test_gdb.test_misc"}
SKIPPED = (
    Skipped(("test_readline",), "named 'readline'", "No terminal."),
    Skipped(("test.test_gdb.test_misc",), "gdb", "No debugger."),
)

FAILED = f"""\
test_srcdir (test.test_sysconfig.TestSysConfig.test_srcdir) ... FAIL

{"=" * 70}
FAIL: test_srcdir (test.test_sysconfig.TestSysConfig.test_srcdir)
{"-" * 70}
Traceback (most recent call last):
AssertionError: False is not true : /opt/config

{"=" * 70}
FAIL: test_zones (test.test_sysconfig.Zones.test_zones) (key='Europe/Paris')
What it tests.
{"-" * 70}
AssertionError: 1 != 2

{"=" * 70}
FAIL: test_zones (test.test_sysconfig.Zones.test_zones) (key='Europe/Dublin')
{"-" * 70}
AssertionError: 3 != 4
"""


def expectations(*skipped: Skipped, excluded: tuple[Excluded, ...] = ()) -> Expectations:
    return Expectations(skipped, excluded, {})


def excluded(match: str, *tests: str) -> Excluded:
    return Excluded("test_sysconfig", tuple(f"test_sysconfig.{test}" for test in tests), match, "No compiler.")


def test_the_expectations_file_is_valid() -> None:
    assert set(load_expectations().parts) == {"ci", "native"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("excluded = []\n[parts]", "'skipped'"),
        ("skipped = [{files = ['test_a'], match = '', why = 'b'}]\nexcluded = []\n[parts]", "test_a"),
        ("skipped = [{files = ['a', 'a'], match = 'b', why = 'c'}]\nexcluded = []\n[parts]", "a is listed twice"),
        ("skipped", "invalid TOML"),
    ],
)
def test_an_incomplete_entry_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "regrtest.toml"
    path.write_text(text)
    with pytest.raises(BadPins) as caught:
        load_expectations(path)
    assert problem in caught.value.why


def test_files_reasons_and_totals_are_parsed() -> None:
    outcome = Outcome.parse(OUTPUT)
    assert outcome.files == FILES
    assert outcome.skipped == {"test_readline": "No module named 'readline'", "test.test_gdb.test_misc": "no gdb"}
    assert outcome.totals == (
        "tests: run=860 (filtered) skipped=39",
        "test files: run=4/4 (filtered) failed=1 skipped=2",
    )


def test_an_expected_skip_is_no_problem() -> None:
    assert list(skip_problems(expectations(*SKIPPED), Outcome.parse(OUTPUT), whole=True)) == []


def test_an_unexpected_skip_is_a_problem_and_so_is_one_for_another_reason() -> None:
    other = Skipped(("test_readline",), "named '_readline'", "No terminal.")
    assert list(skip_problems(expectations(other), Outcome.parse(OUTPUT), whole=True)) == [
        "test.test_gdb.test_misc skipped itself: no gdb",
        "test_readline skipped itself: No module named 'readline'",
    ]


def test_a_file_that_no_longer_skips_itself_is_a_problem() -> None:
    stale = expectations(*SKIPPED, Skipped(("test_socket",), "a", "b"))
    (problem,) = skip_problems(stale, Outcome.parse(OUTPUT), whole=True)
    assert "test_socket" in problem


def test_a_file_that_does_not_exist_is_a_problem_in_a_whole_run_only() -> None:
    stale = expectations(*SKIPPED, excluded=(Excluded("test_gone", ("test_gone.T.test",), "a", "b"),))
    (problem,) = skip_problems(stale, Outcome.parse(OUTPUT), whole=True)
    assert "test_gone" in problem
    assert list(skip_problems(stale, Outcome.parse(OUTPUT), whole=False)) == []


def test_an_excluded_test_that_fails_as_expected_is_no_problem() -> None:
    assert list(exclusion_problems(excluded("/opt/config", "TestSysConfig.test_srcdir"), FAILED)) == []


def test_one_subtest_that_fails_as_expected_is_enough() -> None:
    assert list(exclusion_problems(excluded("Europe/Dublin", "Zones.test_zones"), FAILED)) == []


def test_an_excluded_test_that_passes_or_no_longer_exists_is_a_problem() -> None:
    (problem,) = exclusion_problems(excluded("is not true", "TestSysConfig.test_gone"), FAILED)
    assert "test.test_sysconfig.TestSysConfig.test_gone" in problem


def test_an_excluded_test_that_fails_with_another_message_is_a_problem() -> None:
    entry = excluded("/opt/config", "TestSysConfig.test_srcdir", "Zones.test_zones")
    (problem,) = exclusion_problems(entry, FAILED)
    assert problem.endswith("does not fail as regrtest.toml says: /opt/config")


def test_the_recipe_compiles_the_modules_that_the_layer_leaves_out_as_tests() -> None:
    commands = recipe(load_repository()).commands
    (files,) = (command[1:] for command in commands if command[0] == "make")
    names = {Path(file).name.partition(".")[0] for file in files}
    absent = read_modules(PRODUCT, read_materials()).absent
    assert {"_testcapi", "_testinternalcapi", "_ctypes_test", "xxlimited"} <= names <= absent.keys()
    assert "_tkinter" not in names
    assert not any("--disable-test-modules" in command for command in commands)
    answers = recipe(load_repository()).files["config.site"].splitlines()
    assert "py_cv_module__tkinter=n/a" in answers
    assert not any(answer.startswith(f"py_cv_module_{name}=") for name in names for answer in answers)
