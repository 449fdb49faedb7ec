"""Runs many invocations of every kind in one process and compares its memory."""

import json
from pathlib import Path
from typing import Any

from tools.bench.api import ACCEPTED, SubjectProcess, event_bytes
from tools.bench.subjects import Workspace

SETTLED = 1000
"""Invocations before memory is first measured: every kind has run, every cache is filled."""
LIMIT = 2.0
"""Percent by which resident memory may differ at the end."""

FUNCTION = """
import decimal, logging

class Mine(Exception): pass

def fail(depth):
    return fail(depth - 1) if depth else 1 / 0

def chain():
    try:
        fail(5)
    except ArithmeticError as error:
        raise Mine("é" * 100) from error

KINDS = {
    "object": lambda event: {"statusCode": 200, "body": event},
    "text": lambda event: "é" * 1000,
    "bytes": lambda event: bytes(1000),
    "large": lambda event: ["x" * 100] * 1000,
    "decimal": lambda event: {"price": decimal.Decimal("1.10")},
    "none": lambda event: None,
    "error": lambda event: fail(10),
    "chain": lambda event: chain(),
    "unencodable": lambda event: {"items": [object()]},
    "log": lambda event: logging.getLogger("soak").warning("%s", event),
    "print": lambda event: print(event),
}

def handler(event, context):
    context.get_remaining_time_in_millis()
    return KINDS[event["kind"]](event)
"""
KINDS = ("object", "text", "bytes", "large", "decimal", "none", "error", "chain", "unencodable", "log", "print")


def soak(workspace: Workspace, count: int) -> dict[str, Any]:
    """Runs ``count`` invocations of mixed kinds, some not JSON; returns memory in KiB after SETTLED and at the end."""
    if count <= SETTLED:
        raise SystemExit(f"soak: {count} invocations are too few: memory is first measured after {SETTLED}")
    (workspace.root / "task" / "function.py").write_text(FUNCTION, encoding="utf-8")
    events = [event_bytes(json.dumps({"kind": kind, "n": 1.5}).encode()) for kind in KINDS]
    events.append(event_bytes(b"{"))
    first = 0
    with SubjectProcess(workspace, workspace.subjects()[0], _discard_log()) as process:
        process.wait_for_request()
        for number in range(count):
            if number == SETTLED:
                first = process.resident_kib()
            process.respond(events[number % len(events)])
            if not process.wait_for_request().startswith(b"POST "):
                raise SystemExit(f"soak: invocation {number} got no response")
            process.respond(ACCEPTED)
            if not process.wait_for_request().startswith(b"GET "):
                raise SystemExit(f"soak: invocation {number} got two responses")
        last = process.resident_kib()
    return {
        "what": f"resident memory over {count} invocations",
        "unit": "KiB",
        "results": {
            "this layer": {f"after {SETTLED}": first, "at the end": last, "growth, %": 100 * (last - first) / first}
        },
    }


def _discard_log() -> tuple[str, ...]:
    """A command prefix that discards the loop's log; it execs, so the process stays the same."""
    return (str(Path("/bin/sh")), "-c", 'exec "$@" >/dev/null 2>&1', "sh")
