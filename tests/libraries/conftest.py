"""A function with every library, as `package_function` packages it, on the loop and on the managed runtime's own."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from builder.console import Terminal
from builder.functions.package import FunctionRequest, function_entries, lay_entries
from tests.libraries.backend import Answers, Backend, Received
from tests.runtime.conftest import interpreter
from tools.support.fake_api import Loop, Reply, Run, event
from tools.support.product import PLATFORM, PRODUCT, TARGET
from tools.support.wheels import install_wheels, lock_file

__all__ = ["interpreter"]

WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
REQUESTS = ("8f5c1f3e-0a9d-4a3b-9a35-6a1de5f3f0a1", "8f5c1f3e-0a9d-4a3b-9a35-6a1de5f3f0a2")
TRACES = ("1-5759e988-bd862e3fe1be46a994272793", "1-5759e989-bd862e3fe1be46a994272794")
"""Of the succeeding and of the failing invocation."""

START = """\
# What the managed runtime's start script does: its modules first, then the function's folder and .pth files.
import json, logging, os, site, sys, time, traceback, warnings
sys.path[0] = {awslambdaric!r}
import awslambdaric.__main__ as awslambdaricmain
sys.path[0] = root = os.environ["LAMBDA_TASK_ROOT"]
sys.path.append({awslambdaric!r})
os.chdir(root)
site.addsitedir(root)
awslambdaricmain.main([root, os.environ["_HANDLER"]])
"""


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("libraries")
    (source := tmp_path_factory.mktemp("source")).joinpath("settings.json").write_text("{}", encoding="utf-8")
    request = FunctionRequest(
        source, PRODUCT, PLATFORM.cpu.lambda_name, "provided.al2023", requirements=lock_file("libraries")
    )
    lay_entries(function_entries(request, Terminal(), "host"), folder)
    return folder


@pytest.fixture(scope="session")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The managed runtime's start script, in a copy that starts awslambdaric from PyPI."""
    folder = tmp_path_factory.mktemp("managed") / "python"  # which tracers tell of
    folder.mkdir()
    path = folder / "bootstrap.py"
    awslambdaric = install_wheels("conformance", folder / "site-packages")
    path.write_text(START.format(awslambdaric=str(awslambdaric)), encoding="utf-8")
    return path


@pytest.fixture
def loop(interpreter: str, libraries: Path, tmp_path: Path) -> Loop:
    loop = Loop(interpreter, tmp_path)
    loop.task_root.mkdir()
    for entry in libraries.iterdir():
        (loop.task_root / entry.name).symlink_to(entry)
    loop.variables |= {
        "AWS_LAMBDA_FUNCTION_NAME": "orders",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_REGION": "eu-west-3",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    return loop


@dataclass(frozen=True)
class Told:
    """What came of the two invocations on one runtime: the run, and what has reached the backend."""

    run: Run
    requests: list[Received]
    datagrams: list[bytes]


Both = Callable[..., tuple[Told, Told]]


@pytest.fixture
def both(loop: Loop, managed: Path) -> Both:
    """Runs a function on the loop and on awslambdaric: one invocation that succeeds, and one that fails."""

    def run_both(
        code: str,
        variables: Mapping[str, str] | None = None,
        *,
        answers: Answers | None = None,
        handler: str = "function.handler",
        loads: bool = True,
    ) -> tuple[Told, Told]:
        """What was told on the loop, and there.

        ``code`` and ``variables`` may contain ``{http}`` and the backend's other places. Both runtimes must answer
        the same, stack traces included; with ``loads`` false, that the function cannot be loaded.
        """
        told = []
        for command in (list, _managed_command(loop, managed, variables or {})):
            backend = Backend(loop.folder, answers or {})
            try:
                run = _run(loop, code, dict(variables or {}), backend.places, command, handler)
            finally:
                datagrams = backend.close()
            told.append(Told(run, backend.requests, datagrams))
        ours, there = told
        answers_given = [f"invocation/{REQUESTS[0]}/response", f"invocation/{REQUESTS[1]}/error"]
        for this in told:
            paths = [post.path.partition("/runtime/")[2] for post in this.run.posts]
            assert paths == (answers_given if loads else ["init/error"])
        if loads:
            assert [post.json for post in ours.run.posts] == [post.json for post in there.run.posts]
        return ours, there

    return run_both


def _run(
    loop: Loop,
    code: str,
    variables: dict[str, str],
    places: Mapping[str, str],
    command: Callable[[list[str]], list[str]],
    handler: str,
) -> Run:
    for place, address in places.items():
        code = code.replace(place, address)
        variables = {name: value.replace(place, address) for name, value in variables.items()}
    before = loop.variables
    loop.variables = {**before, **PLATFORM_VARIABLES, **variables}
    loop.variables["PATH"] = f"{Path(loop.interpreter).parent}:{os.environ['PATH']}"
    try:
        return loop(code, *_invocations(), handler=handler, command=command)
    finally:
        loop.variables = before


PLATFORM_VARIABLES = {
    "AWS_EXECUTION_ENV": f"AWS_Lambda_{TARGET.executable}",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/28/[$LATEST]0123456789abcdef",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "TZ": ":UTC",
}


def _invocations() -> list[Reply]:
    deadline_ms = str(time.time_ns() // 1_000_000 + 60_000)
    return [
        event(
            {"n": n},
            aws_request_id=request,
            deadline_ms=deadline_ms,
            trace_id=f"Root={trace};Parent=53995c3f42cd8ad8;Sampled=1",
        )
        for n, request, trace in zip((2, 0), REQUESTS, TRACES, strict=True)
    ]


def _managed_command(loop: Loop, managed: Path, variables: Mapping[str, str]) -> Callable[[list[str]], list[str]]:
    wrapper = variables.get(WRAPPER)
    return lambda _: [*([wrapper] if wrapper else []), loop.interpreter, str(managed)]
