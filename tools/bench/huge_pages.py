"""Transparent huge pages: whether this machine has any, and programs that may use none."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
PR_SET_THP_DISABLE, PR_GET_THP_DISABLE = 41, 42
"""Of linux/prctl.h."""


def setting() -> str:
    """The system's, with the chosen word in brackets: ``always [madvise] never``."""
    return SETTING.read_text(encoding="ascii").strip() if SETTING.exists() else "absent"


@contextmanager
def huge_pages(allowed: bool) -> Iterator[None]:
    """Programs that are started in it may have huge pages where the system has them, or may have none.

    It is this process's own state for a moment: a child inherits it, also through exec, and nothing runs between fork
    and exec.
    """
    before = _prctl(PR_GET_THP_DISABLE)
    _prctl(PR_SET_THP_DISABLE, int(not allowed))
    try:
        yield
    finally:
        _prctl(PR_SET_THP_DISABLE, before)


def _prctl(option: int, value: int = 0) -> int:
    result: int = ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}): {os.strerror(ctypes.get_errno())}")
    return result
