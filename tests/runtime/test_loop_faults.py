"""Everything that can go wrong between the loop and the Runtime API: `ProtocolTests`, and what only this one has."""

import pytest

from tools.support.fake_api import Loop, Reply, reply

from .faults import CHUNKED, SIZED, assert_left
from .protocol import ProtocolTests


class TestProtocol(ProtocolTests):
    ANSWER = """
def handler(event, context):
    if event == "fail": raise ValueError("as asked")
    return event
"""
    STREAM = """
def handler(event, context):
    yield "begun "
    if event == "fail": raise ValueError("as asked")
    yield str(event)
"""
    LARGE = "def handler(event, context): return 'x' * event"
    FAILING = "raise ValueError('no')"


@pytest.mark.parametrize("message", [SIZED, CHUNKED], ids=["sized", "chunked"])
@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_connection_that_ends_after_an_event_is_made_anew_for_its_answer(
    loop: Loop, message: bytes, ending: str
) -> None:
    code = """
import os, select, socket
def handler(event, context):
    for number in range(3, 64):  # Until the kernel knows that the loop's connection has ended.
        try:
            with socket.socket(fileno=os.dup(number)) as probe: select.select([probe], [], [])
        except OSError:
            continue
    return event
"""
    run = loop(code, Reply((message,), "reset" if ending == "reset" else "close"))
    if run.exit_code is None:
        assert run.results == [{"number": 1}]
    else:
        assert_left(run)


@pytest.mark.parametrize("status", ["403 Forbidden", "500 Internal Server Error"])
def test_an_init_error_that_is_refused_is_still_exit_1(loop: Loop, status: str) -> None:
    run = loop("raise ValueError('no')", posts=[Reply((reply(status, b"why"),))])
    assert run.exit_code == 1
    assert "[ERROR] ValueError: no" in run.stdout
    told = f"POST /init/error: the Runtime API answered {status[:3]}" in run.stderr
    assert told == (status[:3] != "403")  # That is what workers of one environment get, but for the first.
