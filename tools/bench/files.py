"""Files opened and bytes read up to the first request for an event, as strace sees them."""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tools.bench.api import SubjectProcess
from tools.bench.subjects import Workspace

CALLS = "openat,open,stat,lstat,newfstatat,access,readlink,getdents64,read,pread64,sendto,write"


class Unavailable(Exception):
    """A measurement needs something that this machine lacks; the message says what to do."""


def files(workspace: Workspace) -> dict[str, Any]:
    """Counts start-up's file system calls and bytes read; pages of mapped files are not included."""
    strace = shutil.which("strace")
    if strace is None:
        raise Unavailable("strace is not installed: apt-get install strace, dnf install strace")
    rows = {}
    for each in workspace.subjects():
        if not each.is_loop:
            continue
        with tempfile.NamedTemporaryFile(prefix="strace-") as trace:
            with SubjectProcess(
                workspace, each, (strace, "-f", "-qq", "-s", "64", "-e", f"trace={CALLS}", "-o", trace.name)
            ) as process:
                process.wait_for_request()
            rows[each.name] = count(Path(trace.name).read_text("utf-8", "replace"))
    return {"what": "file system calls before the first GET of /next", "unit": "calls; bytes", "results": rows}


def count(trace: str) -> dict[str, float]:
    """Counts the calls in a trace up to the first request."""
    counts: dict[str, float] = {"opened": 0, "not found": 0, "looked at": 0, "bytes read": 0}
    for line in trace.splitlines():
        match = re.match(r"\d+\s+(\w+)\((.*)\)\s+= (-?\d+)( E\w+)?", line)
        if not match:
            continue
        call, arguments, result, failure = match[1], match[2], int(match[3]), match[4]
        if "/invocation/next" in arguments:
            break
        if failure:
            counts["not found"] += failure == " ENOENT"
        elif call in ("openat", "open"):
            counts["opened"] += 1
        elif call in ("read", "pread64"):
            counts["bytes read"] += result
        elif call not in ("sendto", "write"):
            counts["looked at"] += 1
    return counts
