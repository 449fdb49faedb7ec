"""Exclusive use of one processor, as far as permissions allow."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def one_processor() -> Iterator[None]:
    """Pins this process and its children to one processor, with real-time priority over others where permitted."""
    processors, policy, priority = os.sched_getaffinity(0), os.sched_getscheduler(0), os.sched_getparam(0)
    os.sched_setaffinity(0, {max(processors)})
    with suppress(PermissionError):
        # Round-robin: under SCHED_FIFO, processes that busy-wait for one another would wait forever.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, priority)
        os.sched_setaffinity(0, processors)
