"""The measurements."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from tools.bench.api import Caller, event_bytes, start_to_end
from tools.bench.processor import one_processor
from tools.bench.report import report
from tools.bench.subjects import Workspace

BLOCK = 500
"""Invocations of one subject before it is the next one's turn: alone, each would find the others' caches. The first
of a block does, and should be less than one in a hundred."""


def coldstart(
    workspace: Workspace,
    repetitions: int,
    before: Callable[[], None] = lambda: None,
    what: str = "",
    read_so_far: Callable[[], int] | None = None,
) -> dict[str, Any]:
    """From the start of the process to its first request for an event; resident memory while it waits.

    Processor time says more than the clock on a machine that has other things to do. ``before`` is called before each
    start; ``read_so_far`` counts the bytes that were ever read from the disk that the layer is on.
    """
    subjects = workspace.subjects()
    times: dict[str, list[float]] = {each.name: [] for each in subjects}
    processor: dict[str, list[float]] = {each.name: [] for each in subjects}
    memory: dict[str, list[float]] = {each.name: [] for each in subjects if each.talks}
    read: dict[str, list[float]] = {each.name: [] for each in subjects}
    for _ in range(repetitions):
        for each in subjects:
            before()
            at_first = read_so_far() if read_so_far else 0
            if each.talks:
                with Caller(workspace, each) as caller:
                    caller.wait_for_request()
                    taken, busy = time.perf_counter_ns() - caller.started, caller.processor_ns()
                    memory[each.name].append(caller.resident_kib() / 1024)
            else:
                taken, busy = start_to_end(each)
            times[each.name].append(taken / 1e6)
            processor[each.name].append(busy / 1e6)
            if read_so_far:
                read[each.name].append((read_so_far() - at_first) / 1e6)
    more = {"processor": _medians(processor), "resident": _medians(memory)}
    if read_so_far:
        more["read"] = _medians(read)
    return report(f"process start → first GET of /next{what}", "ms; resident: MiB; read: MB", times, more)


@one_processor()
def invoke(workspace: Workspace, repetitions: int) -> dict[str, Any]:
    """From an event to the request for the next one, with every subject's process alive.

    All on one processor: to wake another one takes as long as the loop. What this process takes itself is in each time,
    and not in the subjects' processor time.
    """
    subjects = [each for each in workspace.subjects() if each.talks]
    times: dict[str, list[float]] = {each.name: [] for each in subjects}
    processor = {each.name: 0.0 for each in subjects}
    event = event_bytes()
    with ExitStack() as stack:
        callers = {each.name: stack.enter_context(Caller(workspace, each)) for each in subjects}
        for caller in callers.values():
            caller.wait_for_request()
            for _ in range(min(repetitions, BLOCK)):
                caller.invoke(event)
        for start in range(0, repetitions, BLOCK):
            for name, caller in callers.items():
                before = caller.processor_ns()
                times[name] += (caller.invoke(event) / 1e3 for _ in range(min(BLOCK, repetitions - start)))
                processor[name] += (caller.processor_ns() - before) / 1e3 / repetitions
        resident = {name: caller.resident_kib() / 1024 for name, caller in callers.items()}
    more = {"processor": processor, "resident": resident}
    return report("event → next GET of /next", "µs, processor: mean; resident: MiB", times, more)


def _medians(samples: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in samples.items()}
