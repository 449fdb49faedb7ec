"""Libraries' own tests on two interpreters: the data, the guest, the comparison, and what the page says of it."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from builder.emulator.places import Output, run_here
from builder.errors import BadPins, FetchFailed
from builder.plan.steps import LockedPackage
from tests.unit.fake_pypi import Index, open_index
from tools.support.sdists import BACKENDS, locked_packages, unpacked_sdist
from tools.wheels.__main__ import DOCUMENT, main
from tools.wheels.suite_guest import last_line
from tools.wheels.suite_places import ENVIRONMENT, Place, in_namespaces
from tools.wheels.suite_run import GUEST, HERE, lay_out, run_once, run_suites
from tools.wheels.suite_table import Run, read_runs, with_section, write_run
from tools.wheels.suites import (
    FILE,
    REQUIREMENTS,
    Compared,
    Explained,
    Outcome,
    Suite,
    compare,
    differing,
    expecting,
    explain,
    load_suites,
    parse_outcomes,
    problems,
)

PASSED, FAILED = Outcome("passed"), Outcome("failed", "ValueError: no")
SUITE = Suite(
    "planted", "Everything.", {"tests": "tests"}, ("tests",), (Explained(("*::test_b[*]",), "no", "layer", "So."),)
)
PACKAGE = LockedPackage("planted", "1.0", ("0" * 64,))
COMPARED = Compared("1.0", 3, 2, 3, {"t.py::test_b[1]": "failed: ValueError: no"}, (), ())

TESTS = """\
import os
import signal
import subprocess
import sys
import unittest

import pytest

HERE = os.environ["SIDE"] == "here"


def test_passes():
    print("chatter")


def test_differs():
    assert not HERE, "planted"


@pytest.mark.skipif(HERE, reason="not here")
def test_is_skipped_here():
    pass


def test_is_skipped():
    pytest.skip("never")


@pytest.mark.xfail
def test_is_expected_to_fail():
    assert False


@pytest.fixture
def broken():
    yield
    raise OSError("teardown")


def test_breaks_at_its_end(broken):
    pass


class TestParts(unittest.TestCase):
    def test_parts(self):
        for part in range(2):
            with self.subTest(part=part):
                self.assertEqual(part, 0)


@pytest.mark.parametrize("name", ["a[b]", "c*d"])
def test_names(name):
    pass


def test_forks():
    if not os.fork():
        raise SystemExit("the child goes on as if it were pytest")
    os.wait()
"""


def plant(folder: Path, text: str = TESTS) -> Path:
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "test_it.py").write_text(text, encoding="utf-8")
    return folder


def place_in(suites: Path, commands: list[Sequence[str]] | None = None) -> Place:
    """Both interpreters are that of this process, and the variable SIDE tells the tests which one it is to be."""

    def run(command: Sequence[str], output: Output, errors: Output) -> int:
        if commands is not None:
            commands.append(command)
        python, *arguments = command
        moved = [word.replace("/suites/", f"{suites}/").replace("/wheels", str(GUEST.parent)) for word in arguments]
        environment = {**os.environ, "SIDE": "here" if python == HERE else "there"}
        return run_here((sys.executable, *moved), environment, output, errors)

    return run


def run_planted(place: Place) -> Compared:
    """The planted tests, on both sides."""
    suite, packages = replace(SUITE, explained=()), {"planted": PACKAGE}
    return run_suites(place, (suite,), packages, "there", lambda *_: None)["planted"]


def test_the_list_is_in_order_and_each_library_is_locked() -> None:
    suites = load_suites()
    assert len(suites) >= 5
    assert {suite.library for suite in suites} <= locked_packages(REQUIREMENTS).keys()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('library = "cffi"', 'library = "greenlet"', "greenlet is listed twice"),
        ("library", "name", "library"),
        ("[[suite]]", "[suite]", "invalid"),
        ("why", 'why = ""\n#', "greenlet needs why"),
    ],
)
def test_what_is_wrong_with_the_list_is_named(old: str, new: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "suites.toml"
    path.write_text(FILE.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadPins, match=says):
        load_suites(path)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("tests = ['*'], match = 'x', cause = 'layer', why = 'y'", ""),
        ("tests = ['*'], match = 'x', cause = 'layer', why = ''", "needs tests, match and why"),
        ("tests = ['*'], match = '', cause = 'layer', why = 'y'", "needs tests, match and why"),
        ("tests = [], match = 'x', cause = 'layer', why = 'y'", "needs tests, match and why"),
        ("tests = [''], match = 'x', cause = 'layer', why = 'y'", "needs tests, match and why"),
        ("tests = ['*'], match = 'x', cause = 'us', why = 'y'", "us is no cause"),
        ("tests = ['*'], match = 'x', why = 'y'", "something is missing"),
    ],
)
def test_what_is_wrong_with_an_explanation_is_named(entry: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "suites.toml"
    suite = f"library = 'a'\nwhy = 'b'\nfiles = {{}}\narguments = []\nfails-only-here = [{{ {entry} }}]\n"
    path.write_text(f"[[suite]]\n{suite}", encoding="utf-8")
    if not says:
        assert load_suites(path) == (Suite("a", "b", {}, (), (Explained(("*",), "x", "layer", "y"),)),)
        return
    with pytest.raises(BadPins, match=says):
        load_suites(path)


def test_the_guest_tells_what_became_of_each_test(tmp_path: Path) -> None:
    outcomes, unfinished = run_once(place_in(plant(tmp_path / "planted").parent), "there", SUITE)
    assert unfinished == ""
    results = {test.partition("::")[2]: outcome.result for test, outcome in outcomes.items()}
    assert results == {
        "test_passes": "passed",
        "test_differs": "passed",
        "test_is_skipped_here": "passed",
        "test_is_skipped": "skipped",
        "test_is_expected_to_fail": "skipped",
        "test_breaks_at_its_end": "failed",
        "TestParts::test_parts": "failed",
        "test_names[a[b]]": "passed",
        "test_names[c*d]": "passed",
        "test_forks": "passed",
    }
    assert outcomes["tests/test_it.py::test_breaks_at_its_end"].message == "OSError: teardown"
    assert outcomes["tests/test_it.py::test_is_skipped"].message == "Skipped: never"


def test_an_interrupt_can_be_sent_to_what_tests_start_even_if_the_guest_was_to_ignore_it(tmp_path: Path) -> None:
    text = """
import signal, subprocess, sys
def test_interrupt():
    process = subprocess.Popen((sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"), stdout=-1)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == -signal.SIGINT
"""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        outcomes, _ = run_once(place_in(plant(tmp_path / "planted", text).parent), "there", SUITE)
    finally:
        signal.signal(signal.SIGINT, before)
    assert outcomes == {"tests/test_it.py::test_interrupt": Outcome("passed")}


def test_a_module_that_cannot_be_imported_fails_as_one_test(tmp_path: Path) -> None:
    folder = plant(tmp_path / "planted", "import nothing_of_that_name")
    outcomes, unfinished = run_once(place_in(folder.parent), "there", SUITE)
    assert unfinished == ""
    (outcome,) = outcomes.values()
    assert outcome == Outcome("failed", "ModuleNotFoundError: No module named 'nothing_of_that_name'")


def test_a_test_that_kills_the_interpreter_is_named_and_what_went_before_is_kept(tmp_path: Path) -> None:
    text = "import os\ndef test_a(): pass\ndef test_b(): os.kill(os.getpid(), 9)\ndef test_c(): pass\n"
    outcomes, unfinished = run_once(place_in(plant(tmp_path / "planted", text).parent), "there", SUITE)
    assert {test[-6:]: outcome.result for test, outcome in outcomes.items()} == {"test_a": "passed", "test_b": "begun"}
    assert "exit code -9, in tests/test_it.py::test_b" in unfinished
    compared = compare("1.0", outcomes, outcomes, (), (unfinished,))
    assert any("exit code -9" in problem for problem in problems(replace(SUITE, explained=()), compared))


def test_what_passes_only_there_is_found_tried_again_and_has_to_be_explained(tmp_path: Path) -> None:
    asked: list[Sequence[str]] = []
    compared = run_planted(place_in(plant(tmp_path / "planted").parent, asked))
    assert compared.worse == {
        "tests/test_it.py::test_differs": "failed: AssertionError: planted",
        "tests/test_it.py::test_is_skipped_here": "skipped: Skipped: not here",
    }
    assert (compared.version, compared.tests, compared.passed_there, compared.passed_here) == ("1.0", 10, 6, 4)
    assert (compared.better, compared.unsteady, compared.unfinished) == ((), (), ())
    assert [(command[0], len(json.loads(command[4]))) for command in asked] == [
        *((HERE, 0), ("there", 0)),
        *((HERE, 2), ("there", 2), (HERE, 2), ("there", 2)),
    ]
    unexplained = list(problems(replace(SUITE, explained=()), compared))
    assert len(unexplained) == 2
    assert "planted: tests/test_it.py::test_differs passes only on the other" in unexplained[0]
    entries = (
        Explained(("*::test_differs",), "planted", "layer", "So."),
        Explained(("*_skipped_here",), "not here", "layer", "Too."),
    )
    assert list(problems(replace(SUITE, explained=entries), compared)) == []


def test_a_test_that_ends_otherwise_only_once_does_not_count(tmp_path: Path) -> None:
    counter = tmp_path / "runs"
    text = f"""
import os
def test_once():
    with open({str(counter)!r}, "a+") as file:
        file.write("x")
        file.seek(0)
        assert len(file.read()) > 1
"""
    compared = run_planted(place_in(plant(tmp_path / "planted", text).parent))
    assert compared.unsteady == ("tests/test_it.py::test_once",)
    assert (compared.worse, compared.better) == ({}, ())
    assert list(problems(replace(SUITE, explained=()), compared)) == []


def test_a_test_that_passes_only_here_is_listed_and_no_problem() -> None:
    compared = compare("1.0", {"a": PASSED}, {"a": FAILED}, [({"a": PASSED}, {"a": FAILED})])
    assert compared.better == ("a",)
    assert list(problems(replace(SUITE, explained=()), compared)) == []


def test_tests_that_pass_on_neither_do_not_differ_and_one_that_is_missing_does() -> None:
    assert differing({"a": FAILED, "b": PASSED}, {"a": Outcome("skipped"), "b": PASSED, "c": PASSED}) == ["c"]
    assert compare("1.0", {}, {"c": PASSED}, [({}, {"c": PASSED})]).worse == {"c": "not run"}


def test_one_failed_report_of_a_test_is_enough_and_other_lines_are_not_looked_at() -> None:
    lines = [b'["a", "begun", ""]', b"chatter", b'["a", "failed", "E"]', b'["a", "passed", ""]', b'["b", "begun", ""]']
    assert parse_outcomes(lines) == {"a": Outcome("failed", "E"), "b": Outcome("begun")}


def test_an_explanation_is_of_names_and_of_what_the_test_says() -> None:
    assert [why for *_, why in explain(SUITE, COMPARED)] == ["So."]
    assert list(problems(SUITE, COMPARED)) == []
    says_otherwise = replace(COMPARED, worse={"t.py::test_b[1]": "failed: KeyError"})
    assert len(list(problems(SUITE, says_otherwise))) == 1
    other_name = replace(COMPARED, worse={"t.py::test_b1": "failed: ValueError: no"})
    assert len(list(problems(SUITE, other_name))) == 2


def test_explanations_are_of_causes_that_a_comparison_has() -> None:
    both = replace(SUITE, explained=(*SUITE.explained, Explained(("c",), "x", "patches", "Why.")))
    assert expecting((both,), {"layer"}) == (SUITE,)
    assert expecting((both,), set()) == (replace(SUITE, explained=()),)
    assert expecting((both,), {"layer", "patches"}) == (both,)


def test_an_explanation_that_nothing_needs_is_a_problem() -> None:
    assert list(problems(SUITE, replace(COMPARED, worse={}))) == [
        "planted: suites.toml says why *::test_b[*] fails only here, and it does not"
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a.py:3: in test\n    f()\nE   ValueError: no\nE   and more\n", "ValueError: no"),
        ("E   assert 1 == 2\nE    +  where 1 = f()\n", "+  where 1 = f()"),
        ("one\n\ntwo\n", "two"),
        ("", ""),
        ("E   TypeError: <object object at 0x7f5c3a1b> is 0x10\n", "TypeError: <object object at 0x…> is 0x10"),
    ],
)
def test_the_line_of_a_failure_that_says_most(text: str, line: str) -> None:
    assert last_line(text) == line


def test_the_page_has_the_section_at_its_end_and_gets_it_anew(tmp_path: Path) -> None:
    results = tmp_path / "suites.json"
    assert with_section("# Page\n", (SUITE,), read_runs(results)) == "# Page\n"
    run = Run("Python 3.13.15", "Debian 13", "Python 3.13.5", {"planted": replace(COMPARED, unsteady=("x|y",))})
    write_run("some", run, results)
    write_run("other", replace(run, suites={"planted": replace(COMPARED, worse={"t": "failed: E"})}), results)
    write_run("some", run, results)
    runs = read_runs(results)
    assert list(runs) == ["other", "some"]
    assert runs["some"] == run
    page = with_section("# Page\n", (SUITE,), runs)
    assert with_section(page, (SUITE,), runs) == page
    assert page.startswith("# Page\n\n## Test suites\n")
    assert "| planted | Everything. |" in page
    assert "\n### some and Debian 13\n\nHere: Python 3.13.15. There: Python 3.13.5.\n" in page
    assert "| planted | 1.0 | 3 | 3 | 2 | 1 | 0 |" in page
    assert "| planted | `t.py::test_b[1]` | `failed: ValueError: no` | So. |" in page
    assert "| planted | `t` | `failed: E` | **not explained** |" in page
    assert "Differed once, but not when tried again: planted: `x\\|y`." in page


def test_the_page_of_the_repository_is_what_its_data_give() -> None:
    page = DOCUMENT.read_text(encoding="utf-8")
    assert with_section(page, load_suites(), read_runs()) == page
    for run in read_runs().values():
        assert run.suites.keys() == {suite.library for suite in load_suites()}


def test_results_of_one_library_leave_the_others_unless_an_interpreter_is_another_one(tmp_path: Path) -> None:
    results, run = tmp_path / "suites.json", Run("3.13.15", "Debian 13", "3.13.5", {"a": COMPARED, "b": COMPARED})
    write_run("some", run, results)
    newer = {"b": replace(COMPARED, version="2.0")}
    write_run("some", replace(run, suites=newer), results)
    assert read_runs(results)["some"].suites == {"a": COMPARED, **newer}
    write_run("some", replace(run, there="3.13.6", suites=newer), results)
    assert read_runs(results)["some"].suites == newer


def add_sdist(index: Index, backend: str, name: str = "planted") -> LockedPackage:
    """One whose own code would raise an exception."""
    tree = index.folder.with_name(f"{name}-1.0")
    plant(tree)
    (tree / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (tree / "setup.py").write_text("raise SystemExit('its code was run')", encoding="utf-8")
    if backend:
        text = f'[build-system]\nrequires = ["{backend.partition(".")[0]}"]\nbuild-backend = "{backend}"\n'
        (tree / "pyproject.toml").write_text(text, encoding="utf-8")
    path = index.folder / f"{name}-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(tree, tree.name)
    return LockedPackage(name, "1.0", (hashlib.sha256(path.read_bytes()).hexdigest(),))


@pytest.mark.parametrize("backend", ["", *BACKENDS])
def test_an_sdist_is_unpacked_and_none_of_its_code_is_run(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = add_sdist(open_index(tmp_path / "index", monkeypatch), backend)
    folder = unpacked_sdist(package, tmp_path / "cache")
    assert (folder / "tests" / "test_it.py").read_text(encoding="utf-8") == TESTS
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))
    assert unpacked_sdist(package, tmp_path / "cache") == folder


def test_an_sdist_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = add_sdist(open_index(tmp_path / "index", monkeypatch), "maturin")
    with pytest.raises(FetchFailed, match=r"planted 1\.0"):
        unpacked_sdist(replace(package, sha256=("0" * 64,)), tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("test_it.py"))


def test_files_of_an_sdist_are_laid_out_and_one_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = add_sdist(open_index(tmp_path / "index", monkeypatch), "maturin")
    suite = replace(SUITE, files={"tests": "a/b", "setup.py": "setup.py"})
    laid = lay_out((suite,), {"planted": package}, tmp_path / "cache", tmp_path / "out")
    assert (laid / "planted" / "a" / "b" / "test_it.py").exists()
    assert (laid / "planted" / "setup.py").exists()
    missing = replace(SUITE, files={"test": "tests"})
    with pytest.raises(BadPins, match=r"planted 1\.0 has no test\."):
        lay_out((missing,), {"planted": package}, tmp_path / "cache", tmp_path / "other")


def isolated(tmp_path: Path, given: str) -> tuple[str, ...]:
    """The command prefix that has this machine's programs in a root of its own, and a planted file in ``/given``."""
    root = tmp_path / "root"
    for folder in ("proc", "tmp"):
        (root / folder).mkdir(parents=True)
    root.chmod(0o777)
    names = ("usr", "etc", "bin", "sbin", "lib", "lib64")
    system = {name: Path("/", name) for name in names if Path("/", name).exists()}
    return in_namespaces(root, {**system, "given": plant(tmp_path / "planted", given) / "tests"})


@pytest.mark.mounts
def test_on_this_machine_only_tmp_can_be_written_and_there_is_loopback_alone(tmp_path: Path) -> None:
    script = """
        touch /tmp/file && echo tmp
        touch /file 2> /dev/null || echo read-only
        [ $$ != 1 ] && ls /tmp
        cat /given/test_it.py
        ip -brief address show up | cut -d " " -f 1
    """
    said: list[bytes] = []
    command = (*isolated(tmp_path, "planted\n"), "sh", "-c", script)
    assert run_here(command, ENVIRONMENT, said.append, said.append) == 0, said
    assert b"".join(said).split() == [b"tmp", b"read-only", b"file", b"planted", b"lo"]
    assert list((tmp_path / "root" / "tmp").iterdir()) == []


@pytest.mark.mounts
def test_what_runs_on_this_machine_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = '"$@" & read line'
    command = ("sh", "-c", script, "sh", *isolated(tmp_path, ""), "sh", "-c", "echo begun; exec sleep 120")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"begun\n"
        process.kill()
        assert process.communicate(timeout=30)[0] == b""  # the end of the pipe, which sleep holds open, too


def test_an_image_cannot_be_chosen_for_suites(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--test-suites", "--image=al2"])
    assert "a system of its own" in capsys.readouterr().err
