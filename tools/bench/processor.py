"""A processor of one's own, as far as that can be had."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def one_processor() -> Iterator[None]:
    """One processor for this process and those that it starts; others wait for them, where we may make them."""
    processors, policy, priority = os.sched_getaffinity(0), os.sched_getscheduler(0), os.sched_getparam(0)
    os.sched_setaffinity(0, {max(processors)})
    with suppress(PermissionError):
        # In turns among themselves: processes that wait for one another by asking again and again would wait forever.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, priority)
        os.sched_setaffinity(0, processors)
