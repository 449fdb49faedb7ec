"""Ends what several threads do, when one of them failed or somebody asked for it.

A thread cannot be killed from outside. So whatever takes long calls `checkpoint` now and then, and whatever waits for
a process or a server says by `on_cancel` what ends that wait. Outside of a `CancelScope` both do nothing.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Cancelled(BaseException):
    """The work goes no further; no error of its own, so what handles errors lets it pass."""


class CancelScope:
    """Some threads' work that is ended as one."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self._lock = threading.Lock()
        self._ends: dict[object, Callable[[], object]] = {}

    def run(self, work: Callable[[], None]) -> None:
        """Does some work in this scope, in the thread that calls."""
        token = _current.set(self)
        try:
            work()
        finally:
            _current.reset(token)

    def cancel(self) -> None:
        """Ends all that waits; to be called again as long as somebody works, who may have been about to wait."""
        self.cancelled.set()
        with self._lock:
            ends = tuple(self._ends.values())
        for end in ends:
            end()

    @contextmanager
    def waiting(self, end: Callable[[], object]) -> Iterator[None]:
        """What `on_cancel` does in this scope."""
        mark = object()
        with self._lock:
            self._ends[mark] = end
        try:
            checkpoint()
            yield
        finally:
            with self._lock:
                del self._ends[mark]


_current: ContextVar[CancelScope | None] = ContextVar("cancel_scope", default=None)


def is_cancelled() -> bool:
    """Whether the work of this thread is to end."""
    scope = _current.get()
    return scope is not None and scope.cancelled.is_set()


def checkpoint() -> None:
    """`Cancelled` if the work of this thread is to end."""
    if is_cancelled():
        raise Cancelled


def sleep(seconds: float) -> None:
    """As ``time.sleep``, for as long as nobody ends it: then `Cancelled`."""
    scope = _current.get()
    if scope is None:
        time.sleep(seconds)
    elif scope.cancelled.wait(seconds):
        raise Cancelled


@contextmanager
def on_cancel(end: Callable[[], object]) -> Iterator[None]:
    """Lets a cancellation call ``end``, from another thread, as long as the block lasts; `Cancelled` if it came before.

    ``end`` may be called several times, and must not raise.
    """
    scope = _current.get()
    if scope is None:
        yield
        return
    with scope.waiting(end):
        yield
