"""Many invocations at once under AWS's own emulator, which serves Lambda Managed Instances when there is a limit."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.layer.emulator import Function, emulator, running
from tests.unit.fakes import PATIENCE
from tools.support.product import CONTAINER_FILES, Layer

pytestmark = pytest.mark.skipif(
    CONTAINER_FILES is not None,
    reason="in this mode the emulator starts the process with a privilege",
)

FUNCTION = """
import os, time

def handler(event, context):
    time.sleep(event.get("seconds", 0))
    if "exit" in event: os._exit(event["exit"])
    return [os.getpid(), os.environ.get("_X_AMZN_TRACE_ID"), context.tenant_id]
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emulator(tmp_path_factory.mktemp("emulator"))


@pytest.fixture
def task(tmp_path: Path) -> Path:
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "function.py").write_text(FUNCTION, encoding="utf-8")
    return folder


def at_once(function: Function, *events: object) -> list[Any]:
    """Invokes with all events at once; an invocation for which no slot is ready yet is refused, and made again."""
    with ThreadPoolExecutor(len(events)) as pool:
        return list(pool.map(lambda each: _invoke(function, each), events))


def _invoke(function: Function, event: object) -> Any:
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = function.invoke(json.dumps(event).encode())
        if b"Runtime.Unavailable" not in answer and b"no idle runtimes" not in answer:
            return json.loads(answer)
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)


@pytest.mark.parametrize("preload", ["", "1"])
@pytest.mark.parametrize("slots", [1, 2, 16, 64])
def test_as_many_invocations_as_slots_run_at_once(
    layer: Layer, program: Path, task: Path, slots: int, preload: str
) -> None:
    variables = {"AWS_LAMBDA_MAX_CONCURRENCY": str(slots), "LAMBDA_WORKER_PRELOAD": preload}
    with running(layer, program, task, "function.handler", variables) as function:
        pids: set[int] = set()
        end = time.monotonic() + PATIENCE
        while len(pids) != slots and time.monotonic() < end:  # A slot that comes late leaves its share to others.
            answers = at_once(function, *[{"seconds": 0.2 + 0.01 * slots}] * slots)
            pids = {pid for pid, *_ in answers}
            assert all(tenant is None for _, _, tenant in answers)
        assert len(pids) == slots


def test_the_death_of_a_worker_costs_one_invocation_at_most(layer: Layer, program: Path, task: Path) -> None:
    variables = {"AWS_LAMBDA_MAX_CONCURRENCY": "2"}
    with running(layer, program, task, "function.handler", variables) as function:
        first = _invoke(function, {})[0]
        broken = _invoke(function, {"exit": 3})
        assert broken["errorType"] == "Runtime.ExitError"
        assert broken["errorMessage"] == "The process that handled the invocation ended with exit code 3"
        for _ in range(3):  # Whoever waits for an event and dies leaves it to the next.
            with suppress(ProcessLookupError):
                os.kill(first, signal.SIGKILL)
            answers = [_invoke(function, {}) for _ in range(4)]
            first = answers[-1][0]
            assert all(isinstance(pid, int) for pid, *_ in answers)
