"""A URL, upstream's or a mirror's: resumed where an earlier try ended, retried with growing pauses."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import requests
from urllib3.exceptions import MaxRetryError

from builder import DISTRIBUTION, __version__
from builder.cancellation import checkpoint, on_cancel, sleep
from builder.errors import FetchFailed
from builder.fetch.report import Report
from builder.pins import Archive

PAUSES = (1.0, 2.0, 4.0)
"""Seconds before each further try."""
TIMEOUT = (10.0, 30.0)
"""Seconds to connect, and between two pieces of an answer."""
_PIECE = 1 << 16
_LARGEST = 1 << 30
"""Bytes of a file whose size is not pinned."""

_unreachable: set[str] = set()
"""Servers that could not even be connected to: a machine without network should not wait for each of its files."""


class _Refused(Exception):
    """An answer that another try will not change."""


class _Unfinished(requests.RequestException):
    """An answer that another try may well change."""


def download(archive: Archive, part: Path, report: Report) -> None:
    """Brings ``archive.url`` to ``part``, which may hold the beginning already; `FetchFailed` if it cannot."""
    host = archive.url.split("/")[2]
    try:
        if host in _unreachable:
            raise _Refused(f"{host} could not be reached")
        for pause in (*PAUSES, None):
            try:
                with report.transfer(f"{archive.file} from {host}", archive.size) as progress:
                    return _resume(archive, part, progress)
            except requests.RequestException as error:
                checkpoint()
                if pause is None:
                    raise _Refused(_short(error)) from error
                if isinstance(error, requests.ConnectionError) and isinstance(error.args[0], MaxRetryError):
                    _unreachable.add(host)
                    raise _Refused(_short(error)) from error
                report.note(f"{archive.file}: {_short(error)}; trying again in {pause:.0f} s")
                sleep(pause)
    except _Refused as error:
        raise FetchFailed(f"{archive.url}:", f"{error}.", "") from error


def _resume(archive: Archive, part: Path, progress: Callable[[int], None]) -> None:
    """One request, for what is still missing."""
    have = part.stat().st_size if part.exists() else 0
    if 0 < archive.size <= have:  # as much as there should be: right or wrong, more of it will not help
        return
    headers = {"User-Agent": f"{DISTRIBUTION}/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with (
        requests.get(archive.url, headers=headers, stream=True, timeout=TIMEOUT) as answer,
        on_cancel(lambda: _hang_up(answer)),
    ):
        if answer.status_code >= 500 or answer.status_code == 429:
            raise _Unfinished(f"the server answers {answer.status_code}")
        if answer.status_code == 416:  # what is here cannot be the beginning of that file
            part.unlink()
            raise _Unfinished("the server has no such range")
        if answer.status_code not in (200, 206):
            raise _Refused(f"the server answers {answer.status_code} {answer.reason}")
        have = have if answer.status_code == 206 else 0
        with part.open("ab" if have else "wb") as file:
            for piece in answer.iter_content(_PIECE):
                have += len(piece)
                if have > (archive.size or _LARGEST):
                    file.close()
                    part.unlink()
                    raise _Refused(f"the server sends more than the pinned {archive.size or _LARGEST} bytes")
                file.write(piece)
                progress(have)
    if have < archive.size:
        raise _Unfinished(f"the answer ended after {have} of {archive.size} bytes")


def _hang_up(answer: requests.Response) -> None:
    """Ends what is read of an answer, by whatever thread; that is a shorter answer then."""
    with suppress(ValueError, RuntimeError, OSError):  # it has come to its end meanwhile
        answer.raw.shutdown()


def _short(error: Exception) -> str:
    """The innermost cause: what requests wraps around it says nothing more to a user."""
    while error.args and isinstance(error.args[0], Exception):
        error = error.args[0]
    reason = getattr(error, "reason", None)
    return str(reason or error).partition(">: ")[2] or str(reason or error)
