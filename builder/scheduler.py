"""Which step runs when: each once its inputs are there, side by side what does not need each other."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from graphlib import TopologicalSorter

from builder.cancellation import CancelScope
from builder.executors.job_pool import JobPool
from builder.plan.steps import Step

_RETRY = 0.2
"""Seconds after which the caller looks again: makes give jobs back without a word, and a signal that comes just before
a wait does not end it (https://docs.python.org/3/library/signal.html#execution-of-python-signal-handlers)."""
_INSIST = 0.5
"""Seconds after which what did not end is ended again: it may have been about to start another command."""

Identity = tuple[str, str]
"""A step's name and key: two plans that share a step have it as two objects."""


def closure(wanted: Iterable[Step]) -> tuple[Step, ...]:
    """Some steps and all that they need, each once, and each after its inputs."""
    found: dict[Identity, Step] = {}

    def visit(step: Step) -> None:
        if _identity(step) not in found:
            for given in step.inputs:
                visit(given)
            found[_identity(step)] = step

    for step in wanted:
        visit(step)
    return tuple(found.values())


def run_steps(steps: Sequence[Step], work: Callable[[Step], None], pool: JobPool) -> None:
    """Calls ``work`` for each step, in threads, as soon as those of its inputs that are among the steps are done.

    Of those that could start, the one goes first that most others wait for; that is as well as one can do without
    knowing how long each takes. Every step has a job of the pool. What a step fails with is raised once all the others
    have been ended, and so is an interruption of the caller.
    """
    named = {_identity(step): step for step in steps}
    needs = {
        name: [_identity(given) for given in step.inputs if _identity(given) in named] for name, step in named.items()
    }
    order, rank = TopologicalSorter(needs), _ranks(needs)
    order.prepare()
    scope, ready, running = CancelScope(), list[Identity](), dict[Future[None], Identity]()
    with pool, ThreadPoolExecutor(max_workers=max(len(named), 1)) as threads:
        try:
            while order.is_active():
                ready = sorted((*ready, *order.get_ready()), key=rank.__getitem__)
                while ready and pool.claim():
                    name = ready.pop(0)
                    running[threads.submit(scope.run, partial(work, named[name]))] = name
                pool.lend()
                for future in wait(running, _RETRY, FIRST_COMPLETED).done:
                    pool.release()
                    future.result()
                    order.done(running.pop(future))
        except BaseException:
            _end(scope, running)
            raise


def _end(scope: CancelScope, running: Iterable[Future[None]]) -> None:
    pending = set(running)
    while pending:
        scope.cancel()
        pending = wait(pending, _INSIST).not_done


def _ranks(needs: dict[Identity, list[Identity]]) -> dict[Identity, tuple[int, int]]:
    """What goes first: by the number of steps that wait for it, near or far, then in the order of the plan."""
    waiting: dict[Identity, set[Identity]] = {name: set() for name in needs}
    for name in reversed(needs):
        for given in needs[name]:
            waiting[given] |= {name, *waiting[name]}
    return {name: (-len(waiting[name]), position) for position, name in enumerate(needs)}


def _identity(step: Step) -> Identity:
    return step.name, step.key
