"""What is asked of a function → what came of it."""

import errno
import json
import secrets
import shutil
import socket
import stat
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from builder.emulator import guest
from builder.emulator.emulator import lay_emulator
from builder.emulator.guest import Outcome
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
LOG_TAIL = 15
"""Lines of the emulator's log that are shown if it fails: a panic in Go has about as many."""


@dataclass(frozen=True)
class Invocation:
    """One invocation, of whatever function."""

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
class Call(Invocation):
    """One of a function's folder on a layer."""

    zip: Path
    """The layer."""
    source: Path


@dataclass(frozen=True)
class Where:
    """What it is done with."""

    choice: Choice
    image: str
    cache: Path
    architecture: str
    """Of the machine."""


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
        unzip(call.zip, scratch / "opt")
        lay_agent(call.event, where.architecture, scratch, where.cache, report)
        with open_place(call, where, scratch, report) as place:
            return _run(call, place)


def lay_agent(event: bytes, architecture: str, scratch: Path, cache: Path, report: Report) -> None:
    """Puts what invokes into a folder that is to be the root of where a function runs."""
    own = scratch / guest.FOLDER.lstrip("/")
    own.mkdir(parents=True)
    lay_emulator(architecture, own, cache, report)
    shutil.copy(guest.SCRIPT, own)
    (own / guest.REQUEST).write_bytes(guest.request(event))


def _run(call: Call, place: Place) -> Outcome:
    return run_agent(call, place, ("/opt/bootstrap", call.handler), ENVIRONMENT)


def run_agent(call: Invocation, place: Place, program: Sequence[str], found: Mapping[str, str]) -> Outcome:
    """Invokes what ``program`` starts; ``found`` are the variables that it finds besides the call's own."""
    environment = {
        **found,
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(call.timeout),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(call.memory),
        **call.environment,
    }
    free = free_ports(2)
    ports = guest.Ports(call.port or free[0], free[1])
    if not place.has_own_network and is_taken(ports.events):
        raise _port_in_use(ports.events)
    log, errors = guest.FunctionLog(partial(print, file=sys.stderr, flush=True)), bytearray()
    boundary = secrets.token_hex(16)
    code = place.run(guest.command(boundary, ports, call.timeout, program, environment), log.feed, errors.extend)
    log.end()
    if outcome := guest.read_outcome(bytes(errors), boundary):
        return replace(outcome, broken=log.error) if outcome.streamed else outcome
    raise _no_answer(code, errors.decode(errors="replace"), ports.events)


def _no_answer(code: int, log: str, port: int) -> BuildError:
    """Why the guest agent reports no response, by its exit code and the emulator's log."""
    if code in guest.MISSING:
        return MissingTool(
            "The function cannot be invoked in this system.",
            "It lacks bash, or one of base64, cat, env, sleep and timeout: they start the emulator and send the event.",
            "Install bash and coreutils there, or pass another --image.",
        )
    if f":{port}: bind: address already in use" in log:  # since we looked
        return _port_in_use(port)
    tail = "\n".join(log.strip().splitlines()[-LOG_TAIL:])
    return BuildError(
        "The emulator did not answer.",
        f"The guest agent ended with exit code {code}; the end of the emulator's log:\n{tail}",
        "If that does not explain it, try the other of --in host and --in container.",
    )


def _port_in_use(port: int) -> PortInUse:
    return PortInUse(
        f"Port {port} is in use.",
        "The emulator would listen there, and something else does.",
        "Pass another --port, or none: then it takes a free one.",
    )


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the emulator does: no trace of a last run
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def summary(outcome: Outcome, call: Invocation) -> str:
    """The line that Lambda's log has for it, with what was really measured."""
    measured = (("init", outcome.init), ("invocation", outcome.invocation))
    times = [f"{what} {number:.1f} ms" for what, numbers in measured for number in numbers]
    memory = [f"{outcome.memory / MEBIBYTE:.0f} of {call.memory} MB of memory"] if outcome.memory else []
    return ", ".join(times + memory)


def check(outcome: Outcome, call: Invocation) -> None:
    """`FunctionFailed` if Lambda would call it that."""
    if outcome.failed:
        raise FunctionFailed(f"{call.handler} failed.", _reason(outcome.body), "Its log stands above.")
    if outcome.broken:
        why = f"{outcome.broken} (a caller gets what stands above, and then an error)"
        raise FunctionFailed(f"The stream of {call.handler} broke.", why, "Its log stands above.")
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
