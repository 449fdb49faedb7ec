"""The loop under AWS's own emulator, which treats it as the platform would, in the layer at /opt."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.layer.emulator import Function, emulator, running
from tools.support.product import Layer

FUNCTION = """
import asyncio, os, time

count = 0

def echo(event, context):
    return event

def measure(event, context):
    return len(event)

def large(event, context):
    return "x" * event

def number(event, context):
    global count
    count += 1
    return [event, count, os.getpid()]

def fail(event, context):
    raise ValueError(event)

def unencodable(event, context):
    return {"items": [object()]}

def leave(event, context):
    os._exit(event)

def sleep(event, context):
    print("seconds left:", context.get_remaining_time_in_millis() // 1000)
    time.sleep(event)
    return "awake"

async def wait(event, context):
    await asyncio.sleep(0)
    return [event, id(asyncio.get_running_loop())]

async def fail_later(event, context):
    await asyncio.sleep(0)
    raise ValueError(event)
"""

SIX_MB = 6_000_000
"""About the maximum that the platform allows: 6 MiB, including everything around the text."""

Start = Callable[..., Function]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emulator(tmp_path_factory.mktemp("emulator"))


@pytest.fixture
def start(layer: Layer, program: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts the emulator with a handler of FUNCTION."""
    task = tmp_path / "task"
    task.mkdir()
    (task / "function.py").write_text(FUNCTION, encoding="utf-8")
    with ExitStack() as stack:
        yield lambda name, **variables: stack.enter_context(
            running(layer, program, task, f"function.{name}", variables)
        )


def test_an_event_is_returned_unchanged(start: Start) -> None:
    function = start("echo")
    events: list[Any] = [{"a": [1, 2.5, None, True, "é世界😀"]}, [], "text", 0, None]
    assert [function.invoke_json(event) for event in events] == events


def test_an_event_of_6_mb_arrives(start: Start) -> None:
    assert start("measure").invoke_json("x" * SIX_MB) == SIX_MB


def test_a_response_of_6_mb_arrives(start: Start) -> None:
    assert start("large").invoke(str(SIX_MB).encode()) == b'"%s"' % (b"x" * SIX_MB)


def test_one_process_handles_a_thousand_invocations_in_order(start: Start) -> None:
    function = start("number")
    responses = [function.invoke_json(number) for number in range(1000)]
    assert [response[:2] for response in responses] == [[number, number + 1] for number in range(1000)]
    assert len({response[2] for response in responses}) == 1


def test_an_error_is_returned_and_the_next_event_is_handled_too(start: Start) -> None:
    function = start("fail")
    for message in ("no", "é\n\x00"):
        response = function.invoke_json(message)
        assert (response["errorType"], response["errorMessage"]) == ("ValueError", message)


def test_a_result_that_json_cannot_represent_is_an_error_that_names_the_path(start: Start) -> None:
    response = start("unencodable").invoke_json({})
    assert response["errorType"] == "Runtime.MarshalError"
    assert "$.items[0]" in response["errorMessage"]


def test_an_event_that_is_not_json_is_an_unmarshal_error(start: Start) -> None:
    function = start("echo")
    assert json.loads(function.invoke(b"{"))["errorType"] == "Runtime.UnmarshalError"
    assert function.invoke_json(1) == 1


def test_a_function_that_exceeds_its_deadline_is_killed_and_restarted(start: Start) -> None:
    function = start("sleep", AWS_LAMBDA_FUNCTION_TIMEOUT="10")  # in which the next process has to start
    response = function.invoke(b"3600")
    assert b"timed out" in response.lower()
    assert function.invoke_json(0) == "awake"
    left = re.findall(r"seconds left: (\d+)", function.log.read_text("utf-8", "replace"))
    assert len(left) == 2
    assert all(0 < int(seconds) < 10 for seconds in left)


def test_a_function_that_exits_its_process_is_restarted(start: Start) -> None:
    function = start("leave")
    for _ in range(2):
        assert b"Runtime exited" in function.invoke(b"3")


def test_an_async_handler_keeps_one_event_loop(start: Start) -> None:
    function = start("wait")
    responses = [function.invoke_json(number) for number in range(3)]
    assert [number for number, _ in responses] == [0, 1, 2]
    assert len({loop for _, loop in responses}) == 1


def test_an_async_handler_may_fail(start: Start) -> None:
    function = start("fail_later")
    for message in ("a", "b"):
        response = function.invoke_json(message)
        assert (response["errorType"], response["errorMessage"]) == ("ValueError", message)
        assert "fail_later" in response["stackTrace"][-1]
