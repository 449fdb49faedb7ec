"""What is made of regrtest's words, and the recipe of the tests' modules. `nox -s regrtest` runs all of it."""

from pathlib import Path

import pytest

from builder.errors import BadPins
from builder.interpreters.cpython import recipe as cpython
from tools.regrtest.expectations import Excluded, Expectations, Skipped, load_expectations
from tools.regrtest.modules import recipe
from tools.regrtest.outcome import Outcome, problems, unproved
from tools.support.product import TARGET

RAN = """\
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


def known(*skipped: Skipped, left_out: tuple[Excluded, ...] = ()) -> Expectations:
    return Expectations(skipped, left_out, {})


def left_out(says: str, *tests: str) -> Excluded:
    return Excluded("test_sysconfig", tuple(f"test_sysconfig.{test}" for test in tests), says, "No compiler.")


def test_what_is_known_has_no_contradictions() -> None:
    assert set(load_expectations().parts) == {"ci", "native"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("left-out = []\n[parts]", "'skipped'"),
        ("skipped = [{files = ['test_a'], says = '', why = 'b'}]\nleft-out = []\n[parts]", "test_a"),
        ("skipped = [{files = ['a', 'a'], says = 'b', why = 'c'}]\nleft-out = []\n[parts]", "a stands there twice"),
        ("skipped", "not TOML"),
    ],
)
def test_an_entry_that_is_not_complete_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "tests.toml"
    path.write_text(text)
    with pytest.raises(BadPins) as caught:
        load_expectations(path)
    assert problem in caught.value.why


def test_files_reasons_and_totals_are_read() -> None:
    outcome = Outcome.read(RAN)
    assert outcome.files == FILES
    assert outcome.skipped == {"test_readline": "No module named 'readline'", "test.test_gdb.test_misc": "no gdb"}
    assert outcome.totals == (
        "tests: run=860 (filtered) skipped=39",
        "test files: run=4/4 (filtered) failed=1 skipped=2",
    )


def test_a_skip_that_is_known_is_none_to_complain_about() -> None:
    assert list(problems(known(*SKIPPED), Outcome.read(RAN), whole=True)) == []


def test_a_skip_that_nobody_explained_is_and_so_is_one_for_another_reason() -> None:
    other = Skipped(("test_readline",), "named '_readline'", "No terminal.")
    assert list(problems(known(other), Outcome.read(RAN), whole=True)) == [
        "test.test_gdb.test_misc skipped itself: no gdb",
        "test_readline skipped itself: No module named 'readline'",
    ]


def test_a_file_that_does_not_skip_itself_any_more_is() -> None:
    (complaint,) = problems(known(*SKIPPED, Skipped(("test_socket",), "a", "b")), Outcome.read(RAN), whole=True)
    assert "test_socket" in complaint


def test_a_file_that_does_not_exist_is_but_only_a_whole_run_knows() -> None:
    knowledge = known(*SKIPPED, left_out=(Excluded("test_gone", ("test_gone.T.test",), "a", "b"),))
    (complaint,) = problems(knowledge, Outcome.read(RAN), whole=True)
    assert "test_gone" in complaint
    assert list(problems(knowledge, Outcome.read(RAN), whole=False)) == []


def test_tests_that_fail_as_it_is_said_are_proved() -> None:
    assert list(unproved(left_out("/opt/config", "TestSysConfig.test_srcdir"), FAILED)) == []


def test_one_subtest_that_fails_so_will_do() -> None:
    assert list(unproved(left_out("Europe/Dublin", "Zones.test_zones"), FAILED)) == []


def test_a_test_that_passes_or_is_not_there_any_more_is_not() -> None:
    (complaint,) = unproved(left_out("is not true", "TestSysConfig.test_gone"), FAILED)
    assert "test.test_sysconfig.TestSysConfig.test_gone" in complaint


def test_tests_of_which_one_fails_otherwise_are_not() -> None:
    (complaint,) = unproved(left_out("/opt/config", "TestSysConfig.test_srcdir", "Zones.test_zones"), FAILED)
    assert complaint.endswith("does not fail as tests.toml says: /opt/config")


def test_the_modules_of_the_tests_are_those_that_the_layer_is_without_for_being_such() -> None:
    commands = recipe(TARGET).commands
    (made,) = (command[1:] for command in commands if command[0] == "make")
    names = {Path(file).name.partition(".")[0] for file in made}
    absent = cpython.read_modules().absent
    assert {"_testcapi", "_testinternalcapi", "_ctypes_test", "xxlimited"} <= names <= absent.keys()
    assert "_tkinter" not in names
    assert not any("--disable-test-modules" in command for command in commands)
    answers = recipe(TARGET).files["config.site"].splitlines()
    assert "py_cv_module__tkinter=n/a" in answers
    assert not any(answer.startswith(f"py_cv_module_{name}=") for name in names for answer in answers)
