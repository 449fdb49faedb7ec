"""Alarms under AWS's own emulator, which gives an event to whoever asked for it first, as the platform does."""

import time
from pathlib import Path

import pytest

from tests.layer.emulator import emulator, running
from tools.support.product import Layer

FUNCTION = """
import signal

class TooSlow(Exception): ...

def alarm(*_):
    raise TooSlow("too slow")

signal.signal(signal.SIGALRM, alarm)

def handler(event, context):
    signal.setitimer(signal.ITIMER_REAL, event["alarm"])  # Never disarmed.
    return event
"""
ALARM = 0.05
"""Seconds: by then the function waits for its next event."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emulator(tmp_path_factory.mktemp("emulator"))


def test_an_alarm_that_rings_while_the_function_waits_costs_no_invocation(
    layer: Layer, program: Path, tmp_path: Path
) -> None:
    task = tmp_path / "task"
    task.mkdir()
    (task / "function.py").write_text(FUNCTION, encoding="utf-8")
    variables = {"AWS_LAMBDA_FUNCTION_TIMEOUT": "5"}
    with running(layer, program, task, "function.handler", variables) as function:
        for number in range(5):
            event = {"number": number, "alarm": ALARM}
            assert function.invoke_json(event) == event
            time.sleep(4 * ALARM)
        log = function.log.read_text("utf-8", "replace")
    assert log.count("while there was no invocation: TooSlow: too slow") == 5
