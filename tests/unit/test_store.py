"""builder.store: results are whole or not there, whoever is killed, whoever else is at work."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from builder.errors import NotWritable, StepFailed
from builder.pins import Archive
from builder.plan.steps import Step, Unpack
from builder.store import Store
from builder.uses import keys_in_use

from .fakes import ROOT, PrivateMount, a_source, wait_until

SPAWN = multiprocessing.get_context("spawn")


def step(key_inputs: Mapping[str, str] | None = None, name: str = "zlib-x86_64") -> Step:
    work = Unpack(a_source(Archive("f", "0" * 64, 1)), ())
    return Step(name, "zlib", work, (), {}, key_inputs or {"source zlib": "1" * 64})


def never() -> None:
    pytest.fail("nobody else is at work")


def build(store: Store, one: Step, content: str = "made") -> None:
    with store.work_on(one, never) as work:
        assert work is not None
        (work / "out").mkdir()
        (work / "out" / "file").write_text(content, encoding="utf-8")


def leftovers(store: Store) -> list[Path]:
    return list((store.root / "work").glob("*"))


def test_a_step_that_was_never_built_is_not_there(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert not store.has(step())
    assert store.reasons(step()) == ["never built here"]


def test_what_a_step_leaves_in_out_becomes_its_result(tmp_path: Path) -> None:
    store = Store(tmp_path)
    build(store, step())
    assert store.has(step())
    assert sorted(path.name for path in store.result(step()).iterdir()) == ["file", "step.json"]
    assert (store.result(step()) / "file").read_text(encoding="utf-8") == "made"
    assert leftovers(store) == []


def test_a_result_says_what_it_was_made_of(tmp_path: Path) -> None:
    store = Store(tmp_path)
    build(store, step())
    assert json.loads((store.result(step()) / "step.json").read_text(encoding="utf-8")) == {"source zlib": "1" * 64}


def test_a_result_does_not_appear_before_it_is_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.work_on(step(), never) as work:
        assert work is not None
        (work / "out").mkdir()
        assert not store.has(step())
    assert store.has(step())


def test_a_result_appears_by_one_rename(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.work_on(step(), never) as work:
        assert work is not None
        (work / "out").mkdir()
        made = (work / "out").stat().st_ino
    assert store.result(step()).stat().st_ino == made


def test_a_step_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fail() -> None:
        with store.work_on(step(), never) as work:
            assert work is not None
            (work / "out").mkdir()
            (work / "out" / "half").touch()
            raise StepFailed("what", "why", "do")

    with pytest.raises(StepFailed):
        fail()
    assert not store.has(step())
    assert leftovers(store) == []
    build(store, step())  # and the lock is free again


def test_an_interrupted_step_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(KeyboardInterrupt), store.work_on(step(), never):
        raise KeyboardInterrupt
    assert not store.has(step())
    assert leftovers(store) == []


def test_a_finished_step_has_no_reason_to_run(tmp_path: Path) -> None:
    store = Store(tmp_path)
    build(store, step())
    assert store.reasons(step()) == []


def test_every_reason_to_run_again_is_given(tmp_path: Path) -> None:
    store = Store(tmp_path)
    build(store, step({"same": "s" * 64, "changed": "a" * 64, "patch": "p" * 64}))
    now = step({"same": "s" * 64, "changed": "b" * 64, "flag": "f" * 64})
    assert store.reasons(now) == [f"changed: {'a' * 12} → {'b' * 12}", "flag: new", "patch: gone"]


def test_reasons_compare_with_the_last_result(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for age, version in enumerate("cab"):
        one = step({"version": version})
        build(store, one)
        os.utime(store.result(one) / "step.json", (age, age))
    assert store.reasons(step({"version": "d"})) == ["version: b → d"]


def test_reasons_compare_with_the_result_that_a_build_used_last(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for age, version in enumerate("ab"):
        build(store, step({"version": version}))
        os.utime(store.result(step({"version": version})) / "step.json", (age, age))
    store.hold((step({"version": "a"}),))
    assert store.reasons(step({"version": "c"})) == ["version: a → c"]


@pytest.mark.parametrize("damaged", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"version": 1}', None], ids=str)
def test_a_damaged_record_is_passed_over(tmp_path: Path, damaged: bytes | None) -> None:
    store = Store(tmp_path)
    for age, version in enumerate("ab"):
        build(store, step({"version": version}))
        os.utime(store.result(step({"version": version})) / "step.json", (age, age))
    record = store.result(step({"version": "b"})) / "step.json"
    if damaged is None:
        record.unlink()
    else:
        record.write_bytes(damaged)
    assert store.reasons(step({"version": "c"})) == ["version: a → c"]
    assert store.reasons(step({"version": "b"})) == []
    build(store, step({"version": "c"}))
    (store.result(step({"version": "c"})) / "step.json").unlink()
    (store.result(step({"version": "a"})) / "step.json").unlink()
    assert store.reasons(step({"version": "d"})) == ["what was built here has no record that can be read"]


def test_another_steps_results_are_no_reason(tmp_path: Path) -> None:
    store = Store(tmp_path)
    build(store, step(name="bzip2-x86_64"))
    assert store.reasons(step({"source zlib": "2" * 64})) == ["never built here"]


def test_a_finished_step_gives_nothing_to_work_on(tmp_path: Path) -> None:
    store = Store(tmp_path)
    build(store, step())
    with store.work_on(step(), never) as work:
        assert work is None


def build_slowly(root: Path, others: int) -> None:
    """Works until so many others wait for the same step."""
    store = Store(root)
    with store.work_on(step(), never) as work:
        assert work is not None
        (root / "started").touch()
        wait_until(lambda: len(list(root.glob("waiting-*"))) == others)
        (work / "out").mkdir()
        (work / "out" / "file").write_text("made once", encoding="utf-8")


def wait_for_it(root: Path, number: int) -> None:
    """Comes second, says that it waits, and finds the step done."""
    with Store(root).work_on(step(), (root / f"waiting-{number}").touch) as work:
        assert work is None


def test_builds_at_once_make_a_step_once(tmp_path: Path) -> None:
    first = SPAWN.Process(target=build_slowly, args=(tmp_path, 2))
    others = [SPAWN.Process(target=wait_for_it, args=(tmp_path, number)) for number in range(2)]
    first.start()
    wait_until((tmp_path / "started").exists)
    for other in others:
        other.start()
    for process in (first, *others):
        process.join()
        assert process.exitcode == 0
    assert (Store(tmp_path).result(step()) / "file").read_text(encoding="utf-8") == "made once"
    assert leftovers(Store(tmp_path)) == []


KILLED = """
import sys, time
from pathlib import Path
from builder.store import Store
from tests.unit.test_store import never, step
with Store(Path(sys.argv[1])).work_on(step(), never) as work:
    (work / "out").mkdir()
    (work / "out" / "half").touch()
    print("at work", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process in the middle of the step."""
    process = subprocess.Popen((sys.executable, "-c", KILLED, tmp_path), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "at work\n"
    yield process
    process.kill()
    process.wait()


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    assert process.wait() == -signal.SIGKILL


def test_what_a_killed_process_left_is_swept(tmp_path: Path, worker: subprocess.Popen[str]) -> None:
    store = Store(tmp_path)
    kill(worker)
    assert len(leftovers(store)) == 1
    assert not store.has(step())
    store.sweep()
    assert leftovers(store) == []


def test_the_next_process_works_on_after_a_killed_one(tmp_path: Path, worker: subprocess.Popen[str]) -> None:
    store = Store(tmp_path)
    kill(worker)
    build(store, step())
    assert sorted(path.name for path in store.result(step()).iterdir()) == ["file", "step.json"]
    assert leftovers(store) == []


def test_a_process_at_work_is_not_swept(tmp_path: Path, worker: subprocess.Popen[str]) -> None:
    store = Store(tmp_path)
    (at_work,) = leftovers(store)
    store.sweep()
    assert (at_work / "out" / "half").exists()
    assert worker.poll() is None


def test_sweeping_an_empty_store_makes_nothing(tmp_path: Path) -> None:
    Store(tmp_path / "store").sweep()
    assert list(tmp_path.iterdir()) == []


def test_what_is_on_its_way_out_is_swept(tmp_path: Path) -> None:
    (tmp_path / "trash" / "key.abc").mkdir(parents=True)
    (tmp_path / "trash" / "key.abc" / "file").touch()
    Store(tmp_path).sweep()
    assert list((tmp_path / "trash").iterdir()) == []


# Who needs what.


def uses(store: Store) -> list[Path]:
    return list((store.root / "locks").glob("*.use"))


def test_what_is_held_is_in_use_for_as_long_as_the_store_lives(tmp_path: Path) -> None:
    one, two = step(), step({"source zlib": "2" * 64})
    store = Store(tmp_path)
    store.hold((one,))
    store.hold((two,))
    assert keys_in_use(tmp_path / "locks") == {one.key, two.key}
    del store
    assert keys_in_use(tmp_path / "locks") == set()
    assert uses(Store(tmp_path)) == []


HOLDING = """
import sys, time
from pathlib import Path
from builder.store import Store
from tests.unit.test_store import step
store = Store(Path(sys.argv[1]))
store.hold((step(),))
print("at work", flush=True)
if sys.argv[2] == "wait":
    time.sleep(600)
"""


def holding(root: Path, how: str) -> "subprocess.Popen[str]":
    command = (sys.executable, "-c", HOLDING, str(root), how)
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_killed_build_holds_nothing_and_what_it_left_is_swept(tmp_path: Path) -> None:
    with holding(tmp_path, "wait") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        assert keys_in_use(tmp_path / "locks") == {step().key}
        Store(tmp_path).sweep()
        assert len(uses(Store(tmp_path))) == 1
        kill(process)
    assert len(uses(Store(tmp_path))) == 1
    Store(tmp_path).sweep()
    assert uses(Store(tmp_path)) == []


def test_a_build_that_ends_leaves_nothing(tmp_path: Path) -> None:
    with holding(tmp_path, "go") as process:
        process.communicate()
    assert process.returncode == 0
    assert uses(Store(tmp_path)) == []


def test_what_a_build_starts_does_not_hold_in_its_stead(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.hold((step(),))
    with subprocess.Popen(("sleep", "600")) as child:
        del store
        assert keys_in_use(tmp_path / "locks") == set()
        child.kill()


def test_holding_marks_results_as_used_and_no_others(tmp_path: Path) -> None:
    store, other = Store(tmp_path), step({"source zlib": "2" * 64})
    for one in (step(), other):
        build(store, one)
        os.utime(store.result(one) / "step.json", (1, 1))
    store.hold((step(), step({"source zlib": "3" * 64})))
    used = {result.key: result.used for result in store.results()}
    assert used[step().key] > 1
    assert used[other.key] == 1


# The layout before had no folder of its own.


def lay_older(root: Path, one: Step) -> Path:
    folder = root / "store" / one.name / one.key
    folder.mkdir(parents=True)
    (folder / "step.json").write_text("{}", encoding="utf-8")
    return folder


def test_results_of_the_older_layout_are_never_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert not store.has_older_layout()
    lay_older(tmp_path, step())
    assert store.has_older_layout()
    assert not store.has(step())
    assert store.reasons(step()) == ["never built here"]
    build(store, step())
    assert [result.current for result in store.results()] == [True, False]


def test_results_of_a_newer_layout_are_none_of_ours(tmp_path: Path) -> None:
    store = Store(tmp_path)
    newer = store.root / "store" / "v3" / step().name / step().key
    newer.mkdir(parents=True)
    (newer / "step.json").touch()
    assert list(store.results()) == []
    assert not store.has_older_layout()


def test_a_store_that_nobody_may_write_to_is_not_writable() -> None:
    with pytest.raises(NotWritable, match="STATIC_PYTHON_CACHE"):
        build(Store(Path("/sys/static-python-layer")), step())


def test_a_store_below_a_file_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotWritable):
        build(Store(tmp_path / "file"), step())


USE = """
import sys
from pathlib import Path
from builder.errors import BuildError
from builder.store import Store
from tests.unit.test_store import leftovers, never, step
store = Store(Path(sys.argv[1]))
try:
    store.sweep()
    with store.work_on(step(), never) as work:
        (work / "out").mkdir()
        (work / "out" / "big").write_bytes(bytes(1_000_000))
except BuildError as error:
    print(type(error).__name__, store.has(step()), len(leftovers(store)))
"""


def test_a_full_disk_is_no_space_and_leaves_nothing(tmp_path: Path, private_mount: PrivateMount) -> None:
    assert private_mount.run(tmp_path, "128k", USE) == "NoSpace False 0\n"


def test_a_read_only_store_is_not_writable(tmp_path: Path, private_mount: PrivateMount) -> None:
    assert private_mount.run(tmp_path, "1m", USE, then='mount -o remount,ro "$0"') == "NotWritable False 0\n"


def test_a_read_only_store_with_leftovers_is_not_writable(tmp_path: Path, private_mount: PrivateMount) -> None:
    leave = f'mkdir -p "$0/work/{step().key}.abc" && mount -o remount,ro "$0"'
    assert private_mount.run(tmp_path, "1m", USE, then=leave) == "NotWritable False 1\n"
