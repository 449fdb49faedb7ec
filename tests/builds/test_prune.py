"""The store is pruned while a real build runs: what it needs stays, all else goes, and its bytes are the same."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from builder.store import Store
from tests.unit.fakes import wait_until
from tools.support.product import ROOT

from .build_cache import PREBUILT, BuildCache, Reference, planned


def prune(build_cache: BuildCache, *options: str) -> list[str]:
    """The lines that it prints."""
    command = (sys.executable, "-m", "builder", "store", "prune", *options)
    done = subprocess.run(command, cwd=ROOT, env=build_cache.environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def is_in_the_middle(build: "subprocess.Popen[str]", build_cache: BuildCache) -> bool:
    """Or at its end."""
    return build.poll() is not None or any((build_cache.cache / "work").glob("*/src"))


@contextmanager
def standing_still(build_cache: BuildCache) -> Iterator["subprocess.Popen[str]"]:
    """A build in the middle of its steps, which goes on after the block: it must not end before what it is to meet."""
    while True:
        build = build_cache.start()
        wait_until(partial(is_in_the_middle, build, build_cache))
        build.send_signal(signal.SIGSTOP)
        if build.poll() is None:
            break
        assert build.returncode == 0, build.communicate()
        build_cache.wipe()  # nobody looked while it ran, on a busy machine
    try:
        yield build
    finally:
        build.send_signal(signal.SIGCONT)


def test_pruning_all_while_a_build_runs_takes_nothing_that_it_needs(
    build_cache: BuildCache, reference: Reference
) -> None:
    store = Store(build_cache.cache)
    needed = {planned()[name].key for name in PREBUILT}
    for folder in (store.folder, store.root / "store"):  # of another plan, and of an older builder
        (folder / "zlib-x86_64" / "another").mkdir(parents=True)
        (folder / "zlib-x86_64" / "another" / "step.json").write_text("{}", encoding="utf-8")
    with standing_still(build_cache) as build:
        lines = prune(build_cache, "--keep=0")
    _, err = build.communicate()
    assert build.returncode == 0, err
    assert build_cache.digests() == reference.digests
    assert sorted(line.split()[2] for line in lines if line.startswith("removed zlib")) == ["another:", "another:"]
    (kept,) = (line for line in lines if line.startswith("kept "))
    assert len(needed) <= int(kept.split()[1]) <= len(planned())
    assert set(PREBUILT) <= {name for name, step in planned().items() if store.has(step)}
    assert [result.key for result in store.results() if result.key == "another"] == []


def test_pruning_again_and_again_does_not_disturb_builds_that_start_and_end(
    build_cache: BuildCache, reference: Reference
) -> None:
    """Between two builds what they have made goes; what took minutes is not old enough."""
    for _ in range(2):
        with standing_still(build_cache) as build:
            told = prune(build_cache, "--keep=1")
        while build.poll() is None:
            told += prune(build_cache, "--keep=1")
        _, err = build.communicate()
        assert build.returncode == 0, err
        assert build_cache.digests() == reference.digests
        assert any(line.startswith("kept ") for line in told)
        build_cache.wipe()
    assert build_cache.leftovers() == []
