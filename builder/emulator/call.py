"""What is asked of a function → what came of it."""

import json
import shutil
import stat
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.emulator import inside
from builder.emulator.emulator import lay_emulator
from builder.emulator.places import Place, in_container, on_host
from builder.errors import BuildError, FunctionFailed, MissingTool, NoEngine, NoFunction, NoImage, PortInUse
from builder.executors.choice import Choice
from builder.executors.engine import Engine, connect
from builder.executors.images import Images
from builder.fetch.report import Report

ENVIRONMENT = {
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "AWS_REGION": "eu-west-3",
    "AWS_DEFAULT_REGION": "eu-west-3",
}
"""What every function finds, in AWS's documentation of the environment."""

MEBIBYTE = 1 << 20
PAUSE = 0.3
"""Seconds between two looks at files that are watched."""


@dataclass(frozen=True)
class Call:
    """One invocation."""

    zip: Path
    """The layer."""
    source: Path
    handler: str
    event: bytes
    environment: Mapping[str, str]
    timeout: int
    """Seconds."""
    memory: int
    """MiB"""
    port: int
    """Of the emulator; 0: any."""


@dataclass(frozen=True)
class Where:
    """What it is done with."""

    choice: Choice
    image: str
    cache: Path
    architecture: str
    """Of the machine."""


@dataclass(frozen=True)
class Outcome:
    """What came of one."""

    body: str
    failed: bool
    init: list[float]
    """Milliseconds from the start of bootstrap to its first question; none if it did not come to that."""
    invocation: list[float]
    """Milliseconds."""
    memory: int
    """Bytes that the function's processes had in memory, at the most; 0 if they are gone."""


@contextmanager
def open_place(call: Call, where: Where, scratch: Path, report: Report) -> Iterator[Place]:
    """A container if that is asked for, or can be had; else this machine."""
    with ExitStack() as stack:
        if where.choice != "host":
            try:
                engine: Engine = stack.enter_context(connect())
                root = Images(engine, where.cache, report).root(where.image)
            except (NoEngine, NoImage, MissingTool) as error:
                if where.choice == "container":
                    raise
                report.note(f"on this machine, not in a container of {where.image}: {error.what}")
            else:
                report.note(f"in a container of {where.image}")
                memory = call.memory * MEBIBYTE
                yield stack.enter_context(in_container(engine, root, scratch, call.source, memory))
                return
        yield stack.enter_context(on_host(scratch, call.source))


def invoke(call: Call, where: Where, report: Report) -> Outcome:
    """Invokes a function once; its log goes to standard error while it runs.

    Raises:
        NoFunction: there is no such source, or no such layer.
        PortInUse: something else listens where the emulator should.
        BuildError: it cannot be run here, or the emulator failed.
    """
    if not call.source.is_dir():
        raise NoFunction(f"There is no folder {call.source}.", "No such folder.", "Pass the function's as --source.")
    if not call.zip.is_file():
        raise NoFunction(f"There is no layer {call.zip}.", "No such file.", "Build it: nox -s build_layer")
    with tempfile.TemporaryDirectory(prefix="invoke-") as folder:
        scratch = Path(folder)
        scratch.chmod(0o755)
        own = scratch / "var" / "invoke"
        own.mkdir(parents=True)
        unzip(call.zip, scratch / "opt")
        lay_emulator(where.architecture, own, where.cache, report)
        shutil.copy(inside.__file__, own)
        (own / "event").write_bytes(call.event)
        with open_place(call, where, scratch, report) as place:
            return _run(call, place)


def _run(call: Call, place: Place) -> Outcome:
    settings = json.dumps({"handler": call.handler, "port": call.port, "timeout": call.timeout})
    environment = {
        **ENVIRONMENT,
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(call.timeout),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(call.memory),
        **call.environment,
    }
    found: dict[str, Any] = {}
    rest = b""

    def take(piece: bytes) -> None:
        nonlocal rest
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            told: dict[str, Any] = json.loads(line) if line.startswith(b"{") else {"log": line.decode(errors="replace")}
            if "log" in told:
                print(told["log"], file=sys.stderr, flush=True)
            found.update(told)

    code = place(("/opt/bin/python3", "-I", f"/var/invoke/{Path(inside.__file__).name}", settings), environment, take)
    if "problem" in found:
        raise PortInUse(
            f"Port {call.port} is in use.",
            "The emulator would listen there, and something else does.",
            "Pass another --port, or none: then it takes a free one.",
        )
    if "outcome" not in found:
        raise BuildError("The emulator did not answer.", f"Exit code {code}.", "Its own words stand above.")
    return Outcome(**found["outcome"])


def summary(outcome: Outcome, call: Call) -> str:
    """The line that Lambda's log has for it, with what was really measured."""
    measured = (("init", outcome.init), ("invocation", outcome.invocation))
    times = [f"{what} {number:.1f} ms" for what, numbers in measured for number in numbers]
    memory = [f"{outcome.memory / MEBIBYTE:.0f} of {call.memory} MB of memory"] if outcome.memory else []
    return ", ".join(times + memory)


def check(outcome: Outcome, call: Call) -> None:
    """`FunctionFailed` if Lambda would call it that."""
    if outcome.failed:
        raise FunctionFailed(f"{call.handler} failed.", _reason(outcome.body), "Its log stands above.")
    if outcome.memory > call.memory * MEBIBYTE:
        why = f"It had {outcome.memory / MEBIBYTE:.0f} MB; on Lambda it would have been ended at {call.memory}."
        raise FunctionFailed(f"{call.handler} takes more memory than it may.", why, "Pass a larger --memory.")


def _reason(body: str) -> str:
    try:
        error = json.loads(body)
        return f"{error['errorType']}: {error['errorMessage']}"
    except (ValueError, LookupError, TypeError):
        return body.strip() or "It gave no answer."


def changes(folder: Path) -> Iterator[None]:
    """Yields at once, and then each time that a file in the folder has changed."""
    before = None
    while True:
        while (now := _state(folder)) == before:
            time.sleep(PAUSE)
        before = now
        yield


def _state(folder: Path) -> dict[Path, tuple[int, int]]:
    found = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # an editor may replace it at this moment
            status = path.stat()
            if path.suffix != ".pyc" and stat.S_ISREG(status.st_mode):
                found[path] = (status.st_mtime_ns, status.st_size)
    return found


def unzip(archive: Path, folder: Path) -> None:
    """Unzips as Lambda does: with modes and links."""
    with zipfile.ZipFile(archive) as bundle:
        for info in bundle.infolist():
            path, mode = folder / info.filename, info.external_attr >> 16
            path.parent.mkdir(parents=True, exist_ok=True)
            if stat.S_ISLNK(mode):
                path.symlink_to(bundle.read(info).decode())
            else:
                path.write_bytes(bundle.read(info))
                path.chmod(stat.S_IMODE(mode))
