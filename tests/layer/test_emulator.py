"""Invocations through AWS's own emulator, with the layer at /opt and a function at /var/task."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.layer.emulator import Function, emulator, running
from tools.support.product import TARGET, Layer

FUNCTION = """
import sys

def hello(event, context):
    return {
        "message": f"Hello, {event['name']}!",
        "python": sys.version.split()[0],
        "prefix": sys.prefix,
        "function": context.function_name,
        "request": len(context.aws_request_id),
    }

def fail(event, context):
    return 1 / event["divisor"]
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emulator(tmp_path_factory.mktemp("emulator"))


@pytest.fixture
def function(layer: Layer, program: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Function]:
    task = tmp_path / "task"
    task.mkdir()
    (task / "function.py").write_text(FUNCTION, encoding="utf-8")
    with running(layer, program, task, request.param) as started:
        yield started


@pytest.mark.parametrize("function", ["function.hello"], indirect=True)
def test_consecutive_events_get_responses(function: Function) -> None:
    for name in ("Lambda", "世界"):
        response = function.invoke_json({"name": name})
        assert response == {
            "message": f"Hello, {name}!",
            "python": TARGET.version,
            "prefix": "/opt",
            "function": "function",
            "request": 36,
        }


@pytest.mark.parametrize("function", ["function.fail"], indirect=True)
def test_a_failing_handler_returns_its_error_and_the_loop_continues(function: Function) -> None:
    response = function.invoke_json({"divisor": 0})
    assert response["errorType"] == "ZeroDivisionError"
    assert response["errorMessage"] == "division by zero"
    assert len(response["requestId"]) == 36
    assert response["stackTrace"] == [
        '  File "/var/task/function.py", line 14, in fail\n    return 1 / event["divisor"]\n'
    ]
    assert function.invoke_json({"divisor": 4}) == 0.25


@pytest.mark.parametrize("function", ["function.absent"], indirect=True)
def test_a_missing_handler_is_named(function: Function) -> None:
    response = function.invoke_json({})
    assert response["errorType"] == "Runtime.HandlerNotFound"
    assert response["errorMessage"] == "Handler 'absent' missing on module 'function'"
