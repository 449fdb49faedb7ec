"""Runs one case on one runtime: a process, a fake Runtime API, and the outcome."""

import json
import os
import re
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.conformance.api import RecordingApi, Request
from tools.conformance.case import Aspect, Case
from tools.support.fake_api import BOOTSTRAP
from tools.support.product import TARGET

TIMEOUT = 60.0
"""Seconds after which a runtime that neither exits nor requests another event is killed. No case relies on it."""

ERROR_TYPE = "lambda-runtime-function-error-type"
XRAY_CAUSE = "lambda-runtime-function-xray-error-cause"
HTTP_OWN = {"host", "content-length", "accept", "accept-encoding", "connection"}
"""Headers that do not depend on the function; the fake API checks lengths itself."""


@dataclass(frozen=True)
class Runtime:
    """A runtime to compare: ``prefix`` is its command, to be followed by the handler's name."""

    name: str
    prefix: tuple[str, ...]


def ours(interpreter: str) -> Runtime:
    return Runtime("ours", (interpreter, *options_of(BOOTSTRAP), str(BOOTSTRAP)))


def options_of(bootstrap: Path) -> list[str]:
    """The interpreter's options, from bootstrap's shebang."""
    return bootstrap.read_text(encoding="utf-8").partition("\n")[0].split()[1:]


def reference(interpreter: str) -> Runtime:
    return Runtime("reference", (interpreter, "-m", "awslambdaric"))


WARNING = "LAMBDA_WARNING: "
"""Prefix of the reference's own message about updates of the managed runtime."""

Outcome = Mapping[Aspect, tuple[str, ...]]
"""The outcome of a case by aspect, with everything that varies between runs normalised."""


def run(case: Case, runtime: Runtime, site: Path) -> Outcome:
    """Runs a case. ``site`` contains awslambdaric and its dependencies; both runtimes have it on PYTHONPATH."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        folder = Path(name).resolve()
        task = folder / "task"
        _write(task, case)
        api = RecordingApi(case.get_replies, case.post_replies)
        variables = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(site),
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAMBDA_TASK_ROOT": str(task),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{TARGET.executable}",
            "AWS_LAMBDA_RUNTIME_API": api.endpoint,
            "_HANDLER": case.handler,
            **case.variables,
        }
        try:
            code = _run_process((*runtime.prefix, case.handler), variables, api, folder, case.telemetry)
        finally:
            api.close()
        normalise = _Normaliser(
            {str(task): "/var/task", str(site): "/site", api.endpoint: "api", str(folder): "/folder"}
        )
        posts = [request for request in api.requests if request.method == "POST"]
        errors = [request for request in posts if request.path.endswith("/error")]
        out, err = (normalise(_text((folder / name).read_bytes())) for name in ("out", "err"))
        return {
            "calls": tuple(f"{request.method} {_short(request.path)}" for request in api.requests),
            "error type": tuple(request.headers.get(ERROR_TYPE, "") for request in errors),
            "x-ray": tuple(normalise(_xray(request.headers.get(XRAY_CAUSE, ""))) for request in errors),
            "headers": tuple(normalise(_headers(request, case.every_header)) for request in api.requests),
            "bodies": tuple(normalise(_text(request.body)) for request in posts),
            "log": _log(_without_warning(out), _without_warning(err)),
            "warning": tuple(line for line in (out + err).split("\n") if WARNING in line),
            "frames": tuple(map(normalise, _frames((folder / "frames").read_bytes()))) if case.telemetry else (),
            "exit": ("waits" if code is None else str(code),),
        }


def _write(task: Path, case: Case) -> None:
    for name, text in {"function.py": case.code, **case.files}.items():
        path = task / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _run_process(
    command: tuple[str, ...], variables: dict[str, str], api: RecordingApi, folder: Path, telemetry: bool
) -> int | None:
    """Runs until the runtime waits for an event after the last one, or exits; returns its exit code if it exited."""
    with (
        (folder / "out").open("wb") as out,
        (folder / "err").open("wb") as err,
        (folder / "frames").open("wb") as frames,
    ):
        if telemetry:
            variables["_LAMBDA_TELEMETRY_LOG_FD"] = str(frames.fileno())
        process = subprocess.Popen(
            command,
            env=variables,
            cwd=variables["LAMBDA_TASK_ROOT"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            pass_fds=(frames.fileno(),) if telemetry else (),
        )
        try:
            deadline = time.monotonic() + TIMEOUT
            while not api.idle.wait(0.002):
                if (code := process.poll()) is not None:
                    return code
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{' '.join(command)} neither exited nor requested the next event")
            return None
        finally:
            process.kill()
            process.wait()


class _Normaliser:
    """Replaces whatever varies between runs in a text."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def __call__(self, text: str) -> str:
        for name, short in self._names.items():
            text = text.replace(name, short)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "0000-00-00T00:00:00", text)
        text = re.sub(r"\[\d{13}\]", "[0000000000000]", text)
        text = re.sub(r"T00:00:00\.\d{3}Z", "T00:00:00.000Z", text)
        return re.sub(r"\b0x[0-9a-f]{6,}", "0x…", text)


def _short(path: str) -> str:
    return path.removeprefix("/2018-06-01/runtime")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _xray(header: str) -> str:
    if not header:
        return ""
    cause = json.loads(header.encode("latin-1"))
    cause["paths"].sort()  # The reference takes them from a set.
    return ("" if header.isascii() else "(not ASCII) ") + json.dumps(cause)


def _headers(request: Request, every: bool) -> str:
    compared = {name: value for name, value in request.headers.items() if _is_compared(name, every)}
    return "\n".join(f"{name}: {value}" for name, value in sorted(compared.items()))


def _is_compared(name: str, every: bool) -> bool:
    if name in HTTP_OWN or name in (ERROR_TYPE, XRAY_CAUSE):
        return False
    return every or name == "content-type" or name.startswith("lambda-")


def _without_warning(log: str) -> str:
    return "\n".join(line for line in log.split("\n") if WARNING not in line)


def _log(out: str, err: str) -> tuple[str, ...]:
    """Lambda merges both streams into one log; the outcome still shows which one the output went to."""
    return (*((out,) if out else ()), *((f"(stderr) {err}",) if err else ()))


def _frames(data: bytes) -> Iterator[str]:
    while data:
        kind, length, micros = struct.unpack(">IIQ", data[:16])
        when = "now" if abs(micros / 1e6 - time.time()) < TIMEOUT else str(micros)
        yield f"{kind:08X} {when} {_text(data[16 : 16 + length])}"
        data = data[16 + length :]
