"""The measurements."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from tools.bench.api import SubjectProcess, event_bytes, run_to_exit
from tools.bench.processor import one_processor
from tools.bench.report import report
from tools.bench.subjects import Workspace

BLOCK = 500
"""Invocations of one subject before it is the next one's turn: with single invocations, each would find caches filled
by the others. The first of a block does, and should be less than one in a hundred."""


def coldstart(
    workspace: Workspace,
    repetitions: int,
    prepare: Callable[[], None] = lambda: None,
    suffix: str = "",
    read_so_far: Callable[[], int] | None = None,
) -> dict[str, Any]:
    """Time from process start to the first request for an event; resident memory while waiting.

    On a machine with other load, processor time is more meaningful than elapsed time. ``prepare`` is called before each
    start; ``read_so_far`` returns the total bytes read from the layer's disk.
    """
    subjects = workspace.subjects()
    times: dict[str, list[float]] = {each.name: [] for each in subjects}
    processor: dict[str, list[float]] = {each.name: [] for each in subjects}
    memory: dict[str, list[float]] = {each.name: [] for each in subjects if each.is_loop}
    read: dict[str, list[float]] = {each.name: [] for each in subjects}
    for _ in range(repetitions):
        for each in subjects:
            prepare()
            read_before = read_so_far() if read_so_far else 0
            if each.is_loop:
                with SubjectProcess(workspace, each) as process:
                    process.wait_for_request()
                    elapsed, busy = time.perf_counter_ns() - process.started, process.processor_ns()
                    memory[each.name].append(process.resident_kib() / 1024)
            else:
                elapsed, busy = run_to_exit(each)
            times[each.name].append(elapsed / 1e6)
            processor[each.name].append(busy / 1e6)
            if read_so_far:
                read[each.name].append((read_so_far() - read_before) / 1e6)
    more = {"processor": _medians(processor), "resident": _medians(memory)}
    if read_so_far:
        more["read"] = _medians(read)
    return report(f"process start → first GET of /next{suffix}", "ms; resident: MiB; read: MB", times, more)


@one_processor()
def invoke(workspace: Workspace, repetitions: int) -> dict[str, Any]:
    """Time from an event to the request for the next one, with every subject's process alive.

    All run on one processor: waking another one takes as long as the loop. This process's own time is part of each
    elapsed time, but not of the subjects' processor time.
    """
    subjects = [each for each in workspace.subjects() if each.is_loop]
    times: dict[str, list[float]] = {each.name: [] for each in subjects}
    processor = {each.name: 0.0 for each in subjects}
    event = event_bytes()
    with ExitStack() as stack:
        processes = {each.name: stack.enter_context(SubjectProcess(workspace, each)) for each in subjects}
        for process in processes.values():
            process.wait_for_request()
            for _ in range(min(repetitions, BLOCK)):
                process.invoke(event)
        for start in range(0, repetitions, BLOCK):
            for name, process in processes.items():
                before = process.processor_ns()
                times[name] += (process.invoke(event) / 1e3 for _ in range(min(BLOCK, repetitions - start)))
                processor[name] += (process.processor_ns() - before) / 1e3 / repetitions
        resident = {name: process.resident_kib() / 1024 for name, process in processes.items()}
    more = {"processor": processor, "resident": resident}
    return report("event → next GET of /next", "µs, processor: mean; resident: MiB", times, more)


def _medians(samples: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in samples.items()}
