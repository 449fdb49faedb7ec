"""Everything that can go wrong between the loop and the Runtime API: `ProtocolTests`, and what only this one has."""

import pytest

from tests.runtime.faults import CHUNKED, SIZED, answered
from tests.runtime.protocol import ProtocolTests
from tools.support.fake_api import Loop, Reply, event, reply

ANSWER = """<?php
function handler($event, $context) {
    if ($event === "fail") throw new ValueError("as asked");
    return $event;
}
"""


class TestProtocol(ProtocolTests):
    ANSWER = ANSWER
    STREAM = """<?php
function handler($event, $context) {
    yield "begun ";
    if ($event === "fail") throw new ValueError("as asked");
    yield "$event";
}
"""
    LARGE = '<?php function handler($event, $context) { return str_repeat("x", $event); }'
    FAILING = "<?php throw new ValueError('no');"


@pytest.mark.parametrize("message", [SIZED, CHUNKED], ids=["sized", "chunked"])
def test_a_connection_that_ends_after_an_event_is_made_anew_for_its_answer(loop: Loop, message: bytes) -> None:
    code = """<?php
function handler($event, $context) {
    usleep(200000); // Until the kernel knows that the loop's connection has ended.
    return $event;
}
"""
    assert loop(code, Reply((message,), "close")).results == [{"number": 1}]


def test_an_answer_that_comes_too_late_is_a_warning(loop: Loop) -> None:
    run = loop(ANSWER, event(1), event(2, 2), posts=[Reply((reply("410 Gone", b"{}"),))])
    assert answered(run) == ["request-1", "request-2"]
    assert run.stderr.startswith("[WARNING] Runtime API: POST /invocation/request-1/response: it came too late")
