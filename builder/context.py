"""What every command of ours runs in: its folder of store and downloads, and how its failures are told."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

import platformdirs

from builder import CACHE_VARIABLE, DISTRIBUTION
from builder.console import Terminal
from builder.errors import BuildError, Interrupted


def cache_folder() -> Path:
    """The folder of store and downloads."""
    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir(DISTRIBUTION)).absolute()


def report_errors(work: Callable[[Terminal], None]) -> int:
    """Does some work, tells in a few lines what a user can do about its failure, and returns the exit code."""
    for request in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(request) is not signal.SIG_IGN:  # as under nohup
            signal.signal(request, _interrupt)
    terminal = Terminal()
    try:
        work(terminal)
    except KeyboardInterrupt:
        return _report(
            terminal,
            Interrupted("The build was stopped.", "Somebody asked for it.", "Run it again: it goes on where it was."),
        )
    except BuildError as error:
        return _report(terminal, error)
    return 0


def _report(terminal: Terminal, error: BuildError) -> int:
    terminal.stop()
    print(f"error: {error}", file=sys.stderr)
    return error.exit_code


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
