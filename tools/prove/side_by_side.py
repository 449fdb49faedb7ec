"""Runs several things at once, and ends them all when one of them fails or somebody asks for it."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from typing import TypeVar

from builder.cancellation import CancelScope, on_cancel
from tools.prove.interpreters import Interpreter, Pair

_INSIST = 0.5
"""Seconds after which what did not end is ended again: it may have been about to start another process."""

Returned = TypeVar("Returned")


def run_all(works: Sequence[Callable[[], Returned]], threads: int) -> list[Returned]:
    """What each returns, in their order; at most so many run at once."""
    scope, results = CancelScope(), dict[int, Returned]()

    def run(number: int) -> None:
        results[number] = works[number]()

    with ThreadPoolExecutor(threads) as pool, on_cancel(scope.cancel):
        running = {pool.submit(scope.run, partial(run, number)) for number in range(len(works))}
        try:
            for future in wait(running, return_when=FIRST_EXCEPTION).done:
                future.result()
        except BaseException:
            while running:
                scope.cancel()
                running = wait(running, _INSIST).not_done
            raise
    return [results[number] for number in range(len(works))]


def on_both(pair: Pair, run: Callable[[Interpreter], Returned], *, side_by_side: bool) -> tuple[Returned, Returned]:
    """Calls a function for both interpreters: stock's result, and the patched one's."""
    stock, patched = run_all([partial(run, each) for each in pair], 2 if side_by_side else 1)
    return stock, patched
