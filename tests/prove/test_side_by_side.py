"""Several things at once: their results, and that none outlives the others' failure."""

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.processes import wait_for
from tests.unit.fakes import PATIENCE
from tools.prove.interpreters import Interpreter, Pair
from tools.prove.side_by_side import on_both, run_all

PAIR = Pair(Interpreter("stock", Path("/stock")), Interpreter("patched", Path("/patched")))


asleep = threading.Semaphore(0)
"""How many have begun to sleep whom no failure has waited for yet."""


def sleep() -> None:
    process = subprocess.Popen(("sleep", "600"), process_group=0)
    asleep.release()
    wait_for(process)


def fail() -> None:
    for _ in range(2):
        assert asleep.acquire(timeout=PATIENCE)
    raise KeyError("no such luck")


def interrupt() -> None:
    for _ in range(2):
        assert asleep.acquire(timeout=PATIENCE)
    raise KeyboardInterrupt


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_the_works(threads: int) -> None:
    others = threading.Semaphore(2 if threads == 1 else 0)

    def last() -> int:
        for _ in range(2):
            assert others.acquire(timeout=PATIENCE)
        return 1

    def first(number: int) -> int:
        others.release()
        return number

    assert run_all([last, lambda: first(2), lambda: first(3)], threads) == [1, 2, 3]


@pytest.mark.parametrize("side_by_side", [True, False])
def test_stock_comes_first(side_by_side: bool) -> None:
    assert on_both(PAIR, lambda each: each.name, side_by_side=side_by_side) == ("stock", "patched")


@pytest.mark.parametrize(("work", "error"), [(fail, KeyError), (interrupt, KeyboardInterrupt)])
def test_a_failure_ends_what_runs_beside_it(work: Callable[[], None], error: type[BaseException]) -> None:
    start = time.monotonic()
    with pytest.raises(error):
        run_all([sleep, work, sleep], 3)
    assert time.monotonic() - start < 600


def test_a_failure_ends_what_others_started_in_turn() -> None:
    def nested() -> None:
        run_all([sleep, sleep], 2)

    start = time.monotonic()
    with pytest.raises(KeyError):
        run_all([nested, fail], 2)
    assert time.monotonic() - start < 600
