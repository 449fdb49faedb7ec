"""The loop under AWS's own emulator: what the platform would do to it, in the layer, at /opt."""

import json
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
"""About what the platform allows; its limit is 6 MiB, with everything around the text."""

Start = Callable[..., Function]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emulator(tmp_path_factory.mktemp("emulator"))


@pytest.fixture
def start(layer: Layer, program: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts the emulator around a handler of FUNCTION."""
    task = tmp_path / "task"
    task.mkdir()
    (task / "function.py").write_text(FUNCTION, encoding="utf-8")
    with ExitStack() as stack:
        yield lambda name, **variables: stack.enter_context(
            running(layer, program, task, f"function.{name}", variables)
        )


def test_an_event_comes_back_as_it_went(start: Start) -> None:
    function = start("echo")
    events: list[Any] = [{"a": [1, 2.5, None, True, "é世界😀"]}, [], "text", 0, None]
    assert [function.invoke_json(event) for event in events] == events


def test_an_event_of_6_mb_arrives(start: Start) -> None:
    assert start("measure").invoke_json("x" * SIX_MB) == SIX_MB


def test_a_response_of_6_mb_arrives(start: Start) -> None:
    assert start("large").invoke(str(SIX_MB).encode()) == b'"%s"' % (b"x" * SIX_MB)


def test_a_thousand_invocations_in_a_row_are_answered_in_their_order_by_one_process(start: Start) -> None:
    function = start("number")
    answers = [function.invoke_json(number) for number in range(1000)]
    assert [answer[:2] for answer in answers] == [[number, number + 1] for number in range(1000)]
    assert len({answer[2] for answer in answers}) == 1


def test_an_error_is_the_answer_and_the_next_event_is_answered_too(start: Start) -> None:
    function = start("fail")
    for message in ("no", "é\n\x00"):
        answer = function.invoke_json(message)
        assert (answer["errorType"], answer["errorMessage"]) == ("ValueError", message)


def test_a_result_that_json_cannot_say_is_an_error_that_names_the_place(start: Start) -> None:
    answer = start("unencodable").invoke_json({})
    assert answer["errorType"] == "Runtime.MarshalError"
    assert "$.items[0]" in answer["errorMessage"]


def test_no_json_is_an_unmarshal_error(start: Start) -> None:
    function = start("echo")
    assert json.loads(function.invoke(b"{"))["errorType"] == "Runtime.UnmarshalError"
    assert function.invoke_json(1) == 1


def test_a_function_that_sleeps_beyond_its_deadline_is_ended_and_started_anew(start: Start) -> None:
    function = start("sleep", AWS_LAMBDA_FUNCTION_TIMEOUT="2")
    answer = function.invoke(b"30")
    assert b"timed out" in answer.lower()
    assert function.invoke_json(0) == "awake"
    assert "seconds left: 1" in function.log.read_text("utf-8", "replace")


def test_a_function_that_leaves_its_process_is_started_anew(start: Start) -> None:
    function = start("leave")
    for _ in range(2):
        assert b"Runtime exited" in function.invoke(b"3")


def test_an_async_handler_keeps_one_event_loop(start: Start) -> None:
    function = start("wait")
    answers = [function.invoke_json(number) for number in range(3)]
    assert [number for number, _ in answers] == [0, 1, 2]
    assert len({loop for _, loop in answers}) == 1


def test_an_async_handler_may_fail(start: Start) -> None:
    function = start("fail_later")
    for message in ("a", "b"):
        answer = function.invoke_json(message)
        assert (answer["errorType"], answer["errorMessage"]) == ("ValueError", message)
        assert "fail_later" in answer["stackTrace"][-1]
