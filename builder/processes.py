"""Other programs, which end when the work is cancelled that they are for, and take along what they started."""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from builder.cancellation import checkpoint, on_cancel


def wait_for(process: "subprocess.Popen[Any]") -> int:
    """Waits for the leader of a process group, and returns its code; if the wait ends otherwise, so does the group."""
    try:
        with on_cancel(lambda: kill_group(process)):
            code = process.wait()
        checkpoint()
    except BaseException:
        kill_group(process)
        process.wait()
        raise
    return code


def kill_group(process: "subprocess.Popen[Any]") -> None:
    """Kills a process and all that it started; it has to lead its process group."""
    if process.returncode is None:  # else its number may be somebody else's by now
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def run(command: Sequence[str], cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Runs a program that has nothing to read and nobody to ask, and gives its code and what it printed."""
    with subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        try:
            with on_cancel(lambda: kill_group(process)):
                out, err = process.communicate()
            checkpoint()
        except BaseException:
            kill_group(process)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)
