"""Results of CPython's own tests on two builds: read, compared, and the reports of sanitizers beside them."""

from pathlib import Path

import pytest

from builder.errors import BadPins
from tools.prove.cpython_tests import Results, _file_of, _steadier, compare, load_files, parse_results
from tools.prove.sanitizers import logged, parse_reports, read_reports

OUTPUT = """\
0:00:01 load avg: 5.77 [1/4] test_json passed
0:00:03 load avg: 5.63 mem: 21 MiB [2/4/1] test_gc failed (2 failures) (1.2 sec)
0:00:04 load avg: 4.00 [3/4/1] test_embed crashed (Exit code -6 (SIGABRT))
test_curses skipped -- No module named '_curses'
0:00:05 [4/4/2] test.test_asyncio.test_tasks skipped
======================================================================
FAIL: test_all (test.test_gc.GCTests.test_all)
----------------------------------------------------------------------
======================================================================
FAIL: test_some (test.test_gc.GCTests.test_some) (number=3)
----------------------------------------------------------------------
ERROR: setUpClass (test.test_gc.Other)
"""
REPORT = """\
<testsuites>
<testsuite>
<testcase name="test.test_json.A.test_one" status="run" result="completed" time="0.1" />
<testcase name="test.test_json.A.test_two" status="run" result="completed"><skipped>no</skipped></testcase>
<testcase name="test.test_gc.GCTests.test_all" status="run"><failure type="AssertionError">no</failure></testcase>
<testcase />
</testsuite>
</testsuites>
"""
ADDRESS = """\
==123==ERROR: AddressSanitizer: heap-use-after-free on address 0x60200000 at pc 0x5 bp 0x7 sp 0x7
READ of size 8 at 0x602000001234 thread T0
    #0 0x55d1 in __asan_memcpy (/b/python+0x1)
    #1 0x55d2 in long_dealloc /b/src/Objects/longobject.c:3600:5
    #2 0x55d3 in _Py_Dealloc /b/src/Objects/object.c:2939:9
freed by thread T0 here:
    #0 0x55d4 in free
    #1 0x55d5 in _PyMem_RawFree /b/src/Objects/obmalloc.c:90:5
"""
UNDEFINED = """\
Objects/longobject.c:{line}:20: runtime error: left shift of {value} by 30 places cannot be represented in type 'int'
    #0 0x5 in x_add /b/src/Objects/longobject.c:{line}:20
"""
RACE = """\
==================
WARNING: ThreadSanitizer: data race (pid={pid})
  Write of size 8 at 0x7b{pid} by thread T{pid} (mutexes: write M1):
    #0 region_give Objects/obmalloc.c:440:5 (python+0x1)
    #1 region_free Objects/obmalloc.c:510 (python+0x2)

  Previous read of size 8 at 0x7b by thread T2:
    #0 region_take Objects/obmalloc.c:450:5 (python+0x3)

SUMMARY: ThreadSanitizer: data race Objects/obmalloc.c:440:5 in region_give
==================
"""


def test_results_of_files_tests_and_subtests_are_read() -> None:
    found = parse_results(OUTPUT, REPORT)
    assert found.files == {
        "test_json": "passed",
        "test_gc": "failed",
        "test_embed": "crashed",
        "test.test_asyncio.test_tasks": "skipped",
    }
    assert found.tests == {
        "test.test_json.A.test_one": "passed",
        "test.test_json.A.test_two": "skipped",
        "test.test_gc.GCTests.test_all": "failed",
        "test.test_gc.GCTests.test_some": "failed",
        "setUpClass (test.test_gc.Other)": "failed",
    }


def test_a_test_that_ends_otherwise_is_told_and_its_file_is_not() -> None:
    stock = Results({"test_gc": "passed", "test_json": "passed"}, {"test.test_gc.A.test_all": "passed"})
    patched = Results({"test_gc": "failed", "test_json": "passed"}, {"test.test_gc.A.test_all": "failed"})
    assert list(compare(stock, patched)) == [("test.test_gc.A.test_all", "passed", "failed")]


def test_a_file_that_crashes_or_fails_for_no_test_is_told() -> None:
    stock = Results({"test_gc": "passed", "test_os": "passed"}, {"test.test_gc.A.test_all": "passed"})
    patched = Results({"test_gc": "crashed", "test_os": "failed"}, {})
    assert list(compare(stock, patched)) == [("test_gc", "passed", "crashed"), ("test_os", "passed", "failed")]


def test_a_test_that_is_no_longer_there_is_told_unless_its_file_did_not_come_to_it() -> None:
    stock = Results({"test_gc": "passed"}, {"test.test_gc.A.test_all": "passed", "test.test_gc.A.test_b": "passed"})
    missing = Results({"test_gc": "passed"}, {"test.test_gc.A.test_b": "passed"})
    assert list(compare(stock, missing)) == [("test.test_gc.A.test_all", "passed", "not run")]
    assert list(compare(stock, Results({"test_gc": "timed"}, {}))) == [("test_gc", "passed", "timed")]


def test_what_fails_on_both_is_no_difference() -> None:
    both = parse_results(OUTPUT, REPORT)
    assert list(compare(both, both)) == []


def test_what_was_sound_in_one_of_two_runs_is_sound() -> None:
    first = Results({"test_a": "failed", "test_b": "passed"}, {"t.a": "failed", "t.b": "failed", "t.c": "passed"})
    again = Results({"test_a": "passed"}, {"t.a": "passed", "t.b": "failed"})
    merged = _steadier(first, again)
    assert merged == Results(
        {"test_a": "passed", "test_b": "passed"}, {"t.a": "passed", "t.b": "failed", "t.c": "passed"}
    )


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("test.test_gc.A.test_all", "test_gc"),
        ("setUpClass (test.test_gc.A)", "test_gc"),
        ("test.test_asyncio.test_tasks.A.test_x", "test.test_asyncio.test_tasks"),
        ("test_embed", "test_embed"),
        ("test.test_new.A.test_x", "test_new"),
    ],
)
def test_the_file_of_a_test_is_found(name: str, file: str) -> None:
    files = {"test_gc": "failed", "test.test_asyncio.test_tasks": "failed", "test_embed": "crashed"}
    assert _file_of(name, [Results(files, {})]) == file


def test_our_own_list_of_files_is_in_order() -> None:
    assert {"test_gc", "test_json", "test_embed", "test_monitoring", "test_capi"} <= set(load_files())


def test_a_file_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tests.toml"
    path.write_text('[[group]]\nwhy = "a"\nfiles = ["test_a", "test_a"]\n', encoding="utf-8")
    with pytest.raises(BadPins, match="test_a"):
        load_files(path)


def test_reports_of_memory_are_known_by_their_functions() -> None:
    ((signature, text),) = parse_reports(ADDRESS)
    assert signature == "heap-use-after-free: long_dealloc < _Py_Dealloc | _PyMem_RawFree"
    assert text == ADDRESS.strip()


def test_reports_of_undefined_behavior_are_the_same_on_other_lines_with_other_numbers() -> None:
    one, other = (next(parse_reports(UNDEFINED.format(line=line, value=line * 3)))[0] for line in (10, 25))
    assert one == other
    assert one == "longobject.c: left shift of N by N places cannot be represented in type 'int': x_add"


def test_reports_of_races_have_the_functions_of_both_threads() -> None:
    signatures = [signature for signature, _ in parse_reports(RACE.format(pid=1) + RACE.format(pid=27))]
    assert signatures == ["data race N: region_give < region_free | region_take"] * 2


def test_a_race_is_the_same_whichever_thread_came_first() -> None:
    write, read = "    #0 region_give a.c:1\n", "    #0 region_take a.c:2\n"
    head = "WARNING: ThreadSanitizer: data race (pid=1)\n  Write of size 8:\n"
    one, other = (next(parse_reports(f"{head}{a}  Previous read:\n{b}"))[0] for a, b in ((write, read), (read, write)))
    assert one == other == "data race N: region_give | region_take"


def test_the_runtimes_are_told_where_to_write_and_what_they_wrote_is_read(tmp_path: Path) -> None:
    told = logged({"ASAN_OPTIONS": "a=1", "PYTHONMALLOC": "malloc"}, tmp_path)
    assert told == {"ASAN_OPTIONS": f"a=1:log_path={tmp_path}/report", "PYTHONMALLOC": "malloc"}
    (tmp_path / "report.17").write_text(ADDRESS, encoding="ascii")
    (tmp_path / "report.18").write_text(UNDEFINED.format(line=1, value=2), encoding="ascii")
    assert len(read_reports(tmp_path)) == 2
