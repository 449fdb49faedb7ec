"""builder.prune and builder.cache_size: what is old goes, what is needed stays, whoever does what at the same time."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.cache_size import table
from builder.errors import NotWritable
from builder.plan.steps import Step
from builder.prune import DAY, Policy, prune
from builder.store import Result, Store

from .fakes import ROOT, PrivateMount, wait_until
from .test_store import build, holding, kill, lay_older, leftovers, step


def version(number: int, name: str = "zlib-x86_64") -> Step:
    return step({"version": str(number)}, name)


def age(path: Path, days: float) -> None:
    used = time.time() - days * DAY
    os.utime(path, (used, used))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def fill(store: Store, *ages: float, name: str = "zlib-x86_64") -> list[Step]:
    """Results of one step, used so many days ago."""
    steps = [version(number, name) for number in range(len(ages))]
    for one, days in zip(steps, ages, strict=True):
        build(store, one)
        age(store.result(one) / "step.json", days)
    return steps


def kept(store: Store, steps: list[Step]) -> list[int]:
    return [number for number, one in enumerate(steps) if store.has(one)]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(), [0, 1, 2]),  # the two that were used last, and what was used within a day
        (Policy(newest=1, days=0), [0]),
        (Policy(newest=4, days=0), [0, 1, 2, 3]),
        (Policy(newest=0, days=0), []),
        (Policy(newest=0, days=1), [0, 1, 2]),
        (Policy(newest=0, days=4), [0, 1, 2, 3]),
        (Policy(newest=9, days=0), [0, 1, 2, 3, 4]),
    ],
    ids=str,
)
def test_what_a_policy_keeps(store: Store, policy: Policy, expected: list[int]) -> None:
    steps = fill(store, 0, 0.1, 0.9, 3, 10)
    prune(store, policy, dry_run=False)
    assert kept(store, steps) == expected


def test_the_newest_are_counted_for_each_step(store: Store) -> None:
    zlib, xz = fill(store, 20, 30, 40), fill(store, 50, 60, 70, name="xz-x86_64")
    prune(store, Policy(), dry_run=False)
    assert (kept(store, zlib), kept(store, xz)) == ([0, 1], [0, 1])


def test_a_result_that_a_build_used_again_is_new(store: Store) -> None:
    steps = fill(store, 20, 30, 40)
    Store(store.root).hold(steps[2:])
    prune(store, Policy(newest=1, days=0), dry_run=False)
    assert kept(store, steps) == [2]


def test_each_result_that_goes_is_told_with_what_it_took(store: Store) -> None:
    steps = fill(store, 0, 20, 30)
    (store.result(steps[2]) / "big").write_bytes(bytes(3_000_000))
    first, last = prune(store, Policy(), dry_run=False)
    assert first.startswith(f"removed zlib-x86_64 {steps[2].key[:12]}: 3.0 MB, last used 20")
    assert last == "3.0 MB were freed"
    assert list((store.root / "trash").iterdir()) == []
    assert prune(store, Policy(), dry_run=False) == ["0.0 MB were freed"]


def snapshot(root: Path) -> dict[str, float]:
    return {str(path): path.lstat().st_mtime for path in root.rglob("*") if "locks" not in path.parts}


def test_a_dry_run_says_the_same_and_changes_nothing(store: Store) -> None:
    fill(store, 0, 20, 30)
    lay_older(store.root, version(7))
    (store.root / "logs").mkdir()
    (store.root / "logs" / "old.log").write_text("said", encoding="utf-8")
    age(store.root / "logs" / "old.log", 2)
    (store.root / "work" / f"{'a' * 64}.abc").mkdir(parents=True)
    before = snapshot(store.root)
    said = prune(store, Policy(newest=0, days=0), dry_run=True)
    assert snapshot(store.root) == before
    done = prune(store, Policy(newest=0, days=0), dry_run=False)
    assert [line.replace("would remove", "removed").replace("would be", "were") for line in said] == done
    assert len(done) == 7


def test_logs_of_yesterday_and_what_killed_builds_left_go(store: Store) -> None:
    logs = store.root / "logs"
    logs.mkdir(parents=True)
    for name, days in (("new", 0.5), ("old", 1.5), ("older", 8.0)):
        (logs / name).write_text("said", encoding="utf-8")
        age(logs / name, days)
    (store.root / "work" / f"{'a' * 64}.abc").mkdir(parents=True)
    assert [line.partition(":")[0] for line in prune(store, Policy(newest=0, days=7), dry_run=False)] == [
        "removed 1 logs",
        "removed 1 work folders of killed builds",
        "0.0 MB were freed",
    ]
    assert sorted(path.name for path in logs.iterdir()) == ["new", "old"]
    prune(store, Policy(newest=0, days=0), dry_run=False)
    assert [path.name for path in logs.iterdir()] == ["new"]
    assert leftovers(store) == []


def test_the_older_layout_goes_by_age_and_a_newer_one_stays(store: Store) -> None:
    new, old = lay_older(store.root, version(1)), lay_older(store.root, version(2, "xz-x86_64"))
    age(old / "step.json", 2)
    newer = store.root / "store" / "v3" / "zlib-x86_64" / "key"
    newer.mkdir(parents=True)
    (newer / "step.json").touch()
    age(newer / "step.json", 20)
    (line, _) = prune(store, Policy(), dry_run=False)
    assert line.startswith("removed xz-x86_64")
    assert line.endswith("of an older builder")
    assert new.is_dir()
    assert not old.parent.exists()
    prune(store, Policy(newest=2, days=0), dry_run=False)
    assert not new.exists()
    assert (newer / "step.json").exists()


def test_downloads_stay(store: Store) -> None:
    (store.root / "downloads").mkdir(parents=True)
    (store.root / "downloads" / "archive").touch()
    age(store.root / "downloads" / "archive", 1000)
    prune(store, Policy(newest=0, days=0), dry_run=False)
    assert (store.root / "downloads" / "archive").exists()


def test_pruning_nothing_makes_nothing(tmp_path: Path) -> None:
    assert prune(Store(tmp_path / "cache"), Policy(), dry_run=False) == [f"There is nothing in {tmp_path / 'cache'}."]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def another_build(store: Store) -> Iterator["subprocess.Popen[str]"]:
    """It needs the step ``step()``."""
    with holding(store.root, "wait") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        yield process
        process.kill()


def test_what_a_running_build_needs_stays_and_is_told_in_one_line(
    store: Store, another_build: "subprocess.Popen[str]"
) -> None:
    steps = fill(store, 20, 30)
    build(store, step())
    age(store.result(step()) / "step.json", 50)
    *_, line, _ = prune(store, Policy(newest=0, days=0), dry_run=False)
    assert line == "kept 1 results that running builds need"
    assert store.has(step())
    assert kept(store, steps) == []
    kill(another_build)
    prune(store, Policy(newest=0, days=0), dry_run=False)
    assert not store.has(step())


USING = """
import sys
from pathlib import Path
from builder.store import Store
from tests.unit.test_prune import version
from tests.unit.test_store import build
cache, enough = map(Path, sys.argv[1:])
rounds = 0
while rounds < 100 or not enough.exists():
    rounds += 1
    store = Store(cache)
    store.hold((version(1),))
    if not store.has(version(1)):
        build(store, version(1), "x" * 100_000)
    for _ in range(20):
        assert (store.result(version(1)) / "file").read_text(encoding="utf-8") == "x" * 100_000
    del store
"""
PRUNING = """
import sys
from pathlib import Path
from builder.prune import Policy, prune
from builder.store import Store
cache, end, removed = map(Path, sys.argv[1:])
while not end.exists():
    if len(prune(Store(cache), Policy(newest=0, days=0), dry_run=False)) > 1:
        with removed.open("a", encoding="ascii") as file:
            file.write("!")
"""


def test_builds_that_start_and_end_while_others_prune_find_results_whole_or_make_them(tmp_path: Path) -> None:
    cache, enough, end, removed = (tmp_path / name for name in ("cache", "enough", "end", "removed"))
    cache.mkdir()
    programs = [(PRUNING, cache, end, removed), (PRUNING, cache, end, removed), (USING, cache, enough)]
    *pruners, user = (subprocess.Popen((sys.executable, "-c", *words), cwd=ROOT) for words in programs)
    try:
        wait_until(lambda: removed.exists() and removed.stat().st_size > 1)  # so it does happen meanwhile
    finally:
        enough.touch()
        user.wait()
        end.touch()
        endings = [process.wait() for process in (user, *pruners)]
    assert endings == [0, 0, 0]


def test_a_killed_prune_leaves_whole_results_and_what_the_next_one_removes(store: Store) -> None:
    (one,) = fill(store, 20)
    with store.lock("store"):
        store.discard(Result(store.result(one), 0.0, current=True))
    assert not store.has(one)
    assert len(list((store.root / "trash").iterdir())) == 1
    prune(store, Policy(), dry_run=False)
    assert list((store.root / "trash").iterdir()) == []


READ_ONLY = """
import sys
from pathlib import Path
from builder.errors import NotWritable
from builder.prune import Policy, prune
from builder.store import Store
try:
    prune(Store(Path(sys.argv[1])), Policy(0, 0), dry_run=False)
except NotWritable as error:
    print(error.why)
"""


def test_a_read_only_store_is_not_writable(tmp_path: Path, private_mount: PrivateMount) -> None:
    then = 'mkdir "$0/store" && mount -o remount,ro "$0"'
    assert private_mount.run(tmp_path, "1m", READ_ONLY, then=then) == "Read-only file system.\n"
    assert issubclass(NotWritable, Exception)


# The table.


def rows(store: Store) -> dict[str, tuple[str, float]]:
    """Kind → number of entries and megabytes."""
    found = {}
    for line in table(store).splitlines():
        kind, entries, size = line[:12].strip(), line[12:21].strip(), line[21:31]
        found[kind] = (entries, float(size))
    return found


def test_the_table_has_what_each_kind_takes(store: Store) -> None:
    steps = fill(store, 0, 1)
    (store.result(steps[0]) / "big").write_bytes(bytes(2_000_000))
    os.link(store.result(steps[0]) / "big", store.result(steps[1]) / "big")
    for folder in ("downloads", "roots", "wheels", "zig"):
        (store.root / folder).mkdir()
        (store.root / folder / "big").write_bytes(bytes(1_000_000))
    older = lay_older(store.root, version(3))
    (older / "big").write_bytes(bytes(4_000_000))
    found = rows(store)
    assert found["steps"] == ("2", 2.0)
    assert found["older steps"] == ("1", 4.0)
    assert {name: found[name] for name in ("downloads", "roots", "wheels", "zig")} == dict.fromkeys(
        ("downloads", "roots", "wheels", "zig"), ("1", 1.0)
    )
    assert found["total"][1] == pytest.approx(10.0, abs=0.2)
    assert str(store.root) in table(store).splitlines()[-1]


def test_the_table_of_a_cache_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    assert rows(Store(tmp_path / "cache")) == {"steps": ("", 0.0), "total": ("", 0.0)}
    assert list(tmp_path.iterdir()) == []
