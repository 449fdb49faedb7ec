"""Small parts of the platform's contract: empty headers, answers that come too late, what errors are called."""

import json
import re

import pytest

from tools.support.fake_api import Loop, Reply, event, reply

EMPTY = dict.fromkeys(
    ("trace_id", "client_context", "cognito_identity", "aws_tenant_id", "invocation_id", "content_type"), ""
)


def test_an_empty_header_is_none(loop: Loop) -> None:
    code = """
import os
def handler(event, context):
    trace = os.environ.get("_X_AMZN_TRACE_ID")
    identity = context.identity.cognito_identity_id
    return [event, trace, context.tenant_id, context.client_context, identity, context.w3c()]
"""
    run = loop(code, event(1, trace_id="Root=1-a", aws_tenant_id="t"), event(2, 2, **EMPTY))
    assert run.results == [[1, "Root=1-a", "t", None, None, {}], [2, None, None, None, None, {}]]
    assert "lambda-runtime-invocation-id" not in run.posts[1].headers


LATE = Reply((reply("410 Gone", b'{"errorType": "InvokeTimeout"}'),))
FORMS = {
    "a result": "def handler(event, context): return event",
    "an error": "def handler(event, context): raise ValueError(event)",
    "a stream": "def handler(event, context): yield str(event)",
}


@pytest.mark.parametrize("code", FORMS.values(), ids=list(FORMS))
def test_an_answer_that_comes_too_late_is_a_warning(loop: Loop, code: str) -> None:
    run = loop(code, event(1), event(2, 2), posts=[LATE])
    assert len(run.posts) == 2
    assert run.exit_code is None
    (line,) = run.stderr.splitlines()
    assert re.fullmatch(r"\[WARNING\] .*request-1.*: it came too late, the invocation had timed out", line)


def test_a_warning_in_json_has_its_level(loop: Loop) -> None:
    loop.variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
    run = loop(FORMS["a result"], event(1), posts=[LATE], telemetry=True)
    (frame,) = run.frames
    assert json.loads(frame.message)["level"] == "WARNING"
    assert frame.kind == 0xA55A0012


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        ("ValueError('x')", "Function.ValueError"),
        ("type('my_error', (Exception,), {})()", "Function.my_error"),
        ("SystemExit(0)", "Runtime.ExitError"),
    ],
)
def test_the_platform_keeps_the_type_of_an_error(loop: Loop, error: str, kept: str) -> None:
    run = loop(f"def handler(event, context): raise {error}")
    assert run.post.headers["lambda-runtime-function-error-type"] == kept
    assert run.error["errorType"] == kept.removeprefix("Function.")


TWICE = """
import logging
def handler(event, context):
    logging.warning("told")
    raise ValueError("no")
"""


@pytest.mark.parametrize(("value", "form"), [("", r"\d\dZ"), ("1", r"\d\d\.\d{3}Z")])
def test_times_in_json_have_milliseconds_if_they_are_asked_for(loop: Loop, value: str, form: str) -> None:
    loop.variables |= {"AWS_LAMBDA_LOG_FORMAT": "JSON", "LAMBDA_LOG_MILLISECONDS": value}
    times = [json.loads(line)["timestamp"] for line in loop(TWICE).stdout.splitlines()]
    assert len(times) == 2
    assert all(re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:{form}", time) for time in times)
