"""How the process ends, and how a copy of it does."""

import sys
from _signal import (  # type: ignore[import-not-found]
    SIG_BLOCK,
    SIG_DFL,
    SIG_SETMASK,
    SIGTERM,
    getsignal,
    pthread_sigmask,
    signal,
)
from posix import _exit, register_at_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


class Terminated(SystemExit):
    """SIGTERM came: the execution environment ends."""


class Process:
    """``is_copy``: this is a child that the function forked, and the Runtime API is not its to talk to."""

    __slots__ = ("_mask", "is_copy")

    def __init__(self) -> None:
        self._mask: object = ()
        self.is_copy = False

    def watch(self) -> None:
        """From now on knows a fork, and turns SIGTERM into an exit. The function may put its own handler there."""
        register_at_fork(before=self._hold, after_in_parent=self._let_go, after_in_child=self._became_copy)
        signal(SIGTERM, self._terminate)

    def begin_anew(self) -> None:
        """Says that this child is no copy: the loop itself forked it."""
        self.is_copy = False
        if getsignal(SIGTERM) == SIG_DFL:
            signal(SIGTERM, self._terminate)

    def _hold(self) -> None:
        """Python forgets the signals that a child gets before it is ready for them; so they wait."""
        self._mask = pthread_sigmask(SIG_BLOCK, (SIGTERM,))

    def _let_go(self) -> None:
        pthread_sigmask(SIG_SETMASK, self._mask)

    def _became_copy(self) -> None:
        self.is_copy = True
        if getsignal(SIGTERM) == self._terminate:
            signal(SIGTERM, SIG_DFL)  # Who terminates a child expects it to die of that.
        self._let_go()

    def _terminate(self, _number: int, _frame: object) -> None:
        raise Terminated(0)


process = Process()


def leave_copy(exception: BaseException | None) -> "NoReturn":
    """Ends a forked child that came back from the handler, as a script would end, but for what the parent will do."""
    from layer_runtime.log import flush_output

    code = 0
    if isinstance(exception, SystemExit):
        code = exit_code(exception)
    elif exception is not None:
        sys.excepthook(type(exception), exception, exception.__traceback__)
        code = 1
    flush_output()
    _exit(code)


def leave_on_time(exception: Terminated) -> "NoReturn":
    """Runs what the function registered with ``atexit``, at once: its threads may never end, and the time is short."""
    import atexit

    from layer_runtime.log import flush_output

    signal(SIGTERM, lambda *_: None)  # Once is enough.
    try:
        atexit._run_exitfuncs()  # noqa: SLF001 - the only way to run them now
    finally:
        flush_output()
        _exit(exit_code(exception))


def exit_code(exception: SystemExit) -> int:
    """The code that Python ends with."""
    code = exception.code
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    print(code, file=sys.stderr)
    return 1
