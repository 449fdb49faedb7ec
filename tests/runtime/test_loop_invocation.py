"""Event → handler: what the handler gets, and what stands in its way."""

import json
import textwrap
from typing import Any

import pytest

from tools.support.fake_api import ARN, Loop, event

ECHO = "def handler(event, context): return event"


def test_an_event_comes_back_as_the_result(loop: Loop) -> None:
    run = loop(ECHO, event({"a": [1, 2.5, None, True, "é"]}))
    assert run.result == {"a": [1, 2.5, None, True, "é"]}
    assert run.post.path == "/2018-06-01/runtime/invocation/request-1/response"
    assert run.post.headers["content-type"] == "application/json"
    assert run.stderr == ""


def test_each_invocation_is_answered_under_its_own_id_before_the_next_is_asked_for(loop: Loop) -> None:
    run = loop(ECHO, *(event(number, number) for number in (1, 2, 3)))
    assert [request.path.removeprefix("/2018-06-01/runtime/invocation/") for request in run.requests] == [
        "next",
        "request-1/response",
        "next",
        "request-2/response",
        "next",
        "request-3/response",
        "next",
    ]
    assert run.results == [1, 2, 3]


def test_all_requests_use_one_connection(loop: Loop) -> None:
    run = loop(ECHO, *(event(number, number) for number in range(5)))
    assert {request.connection for request in run.requests} == {1}


def test_requests_name_the_runtime_and_the_python_version(loop: Loop) -> None:
    run = loop("import platform\ndef handler(event, context): return platform.python_version()")
    for request in run.requests:
        assert request.headers["user-agent"] == f"static-python-layer/0.1.0 CPython/{run.result}"
        assert request.headers["host"].startswith("127.0.0.1:")


def test_the_invocation_id_is_echoed_when_it_was_received(loop: Loop) -> None:
    code = "def handler(event, context): return 1 / event"
    run = loop(code, event(1, 1, invocation_id="try-7"), event(0, 2, invocation_id="try-8"), event(1, 3))
    assert [request.headers.get("lambda-runtime-invocation-id") for request in run.posts] == ["try-7", "try-8", None]


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", None])
def test_a_json_body_is_decoded_whatever_the_parameters_of_its_type(loop: Loop, content_type: str | None) -> None:
    assert loop(ECHO, event({"a": 1}, content_type=content_type)).result == {"a": 1}


def test_a_body_of_another_type_reaches_the_handler_as_bytes(loop: Loop) -> None:
    code = "def handler(event, context): return [type(event).__name__, list(event)]"
    assert loop(code, event(b"\x00\xff{}", content_type="application/octet-stream")).result == [
        "bytes",
        [0, 255, 123, 125],
    ]


@pytest.mark.parametrize(
    "body", [b' \r\n\t{"a": 1}\n', b'"\\ud83d\\ude00\\n"', b"-0.5e3", b"[[[]]]", b"12345678901234567890"]
)
def test_json_is_read_as_the_standard_library_reads_it(loop: Loop, body: bytes) -> None:
    code = "def handler(event, context): return repr(event)"
    assert loop(code, event(body)).result == repr(json.loads(body))


@pytest.mark.parametrize("body", [b"{", b"", b"[1,]", b"{} {}", b'"\xff"', b"[" * 100_000, b"NaN", b"[-Infinity]"])
def test_a_body_that_is_no_json_is_an_unmarshal_error_and_the_loop_goes_on(loop: Loop, body: bytes) -> None:
    run = loop(ECHO, event(body), event("next"))
    failed, answered = run.posts
    assert failed.path.endswith("request-1/error")
    assert failed.headers["lambda-runtime-function-error-type"] == "Runtime.UnmarshalError"
    assert failed.json["errorType"] == "Runtime.UnmarshalError"
    assert failed.json["errorMessage"].startswith("Unable to unmarshal input: ")
    assert answered.json == "next"


def test_the_trace_id_is_in_the_environment_while_its_invocation_runs_and_not_after_it(loop: Loop) -> None:
    code = "import os\ndef handler(event, context): return os.environ.get('_X_AMZN_TRACE_ID')"
    loop.variables["_X_AMZN_TRACE_ID"] = "from before"
    run = loop(code, event(1, 1), event(2, 2, trace_id=None), event(3, 3))
    assert run.results == ["Root=1-1", None, "Root=1-3"]


CONTEXT = """
def show(value):
    names = getattr(type(value), "__slots__", None)
    return {name: show(getattr(value, name)) for name in names} if names else value

def handler(event, context):
    return {
        name: show(getattr(context, name)) for name in (
            "aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb",
            "function_version", "invoked_function_arn", "tenant_id", "client_context", "identity",
        )
    }
"""


def test_the_context_has_what_the_platform_told(loop: Loop) -> None:
    loop.variables |= {
        "AWS_LAMBDA_FUNCTION_NAME": "tested",
        "AWS_LAMBDA_FUNCTION_VERSION": "7",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/tested",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/23/[7]abc",
    }
    client = {"installation_id": "i", "app_title": "t", "app_version_name": "n", "app_version_code": "c"}
    run = loop(
        CONTEXT,
        event(
            {},
            aws_tenant_id="blue",
            client_context=json.dumps({"client": client, "custom": {"k": "é"}, "env": {"e": 1}}),
            cognito_identity=json.dumps({"cognitoIdentityId": "who", "cognitoIdentityPoolId": "pool"}),
        ),
    )
    assert run.result == {
        "aws_request_id": "request-1",
        "log_group_name": "/aws/lambda/tested",
        "log_stream_name": "2026/11/23/[7]abc",
        "function_name": "tested",
        "memory_limit_in_mb": "512",
        "function_version": "7",
        "invoked_function_arn": ARN,
        "tenant_id": "blue",
        "client_context": {
            "custom": {"k": "é"},
            "env": {"e": 1},
            "client": {**client, "app_package_name": None},
        },
        "identity": {"cognito_identity_id": "who", "cognito_identity_pool_id": "pool"},
    }


def test_the_context_has_an_identity_and_no_client_context_when_none_was_told(loop: Loop) -> None:
    result = loop(CONTEXT).result
    assert result["identity"] == {"cognito_identity_id": None, "cognito_identity_pool_id": None}
    assert result["client_context"] is None
    assert result["tenant_id"] is None
    assert result["function_name"] is None


def test_the_remaining_time_counts_down_to_the_deadline_and_never_below_zero(loop: Loop) -> None:
    code = """
        import time
        def handler(event, context):
            return [context.get_remaining_time_in_millis(), time.time_ns() // 1_000_000]
    """
    run = loop(textwrap.dedent(code), event(1, deadline_ms="4102444800000"), event(2, 2, deadline_ms="1000"))
    (far, now), (over, _) = run.results
    assert far > 0
    assert 0 <= far + now - 4_102_444_800_000 < 60_000
    assert over == 0


def test_the_context_shows_its_fields(loop: Loop) -> None:
    shown = loop("def handler(event, context): return repr(context)", event({}, client_context='{"custom": {"a": 1}}'))
    assert shown.result.startswith("LambdaContext([aws_request_id=request-1,log_group_name=None,")
    assert "client_context=ClientContext([custom={'a': 1},env=None,client=None])" in shown.result
    assert "identity=CognitoIdentity([cognito_identity_id=None,cognito_identity_pool_id=None])" in shown.result


def test_what_the_context_logs_is_written_as_it_is(loop: Loop) -> None:
    assert loop("def handler(event, context): context.log('é\\n'); context.log(42)").stdout == "é\n42"


def test_the_trace_context_of_the_w3c_is_told_by_the_context(loop: Loop) -> None:
    fields = {"w3c": {"traceparent": "00-1-2-01", "tracestate": 3, "other": "x"}}
    assert loop(
        "def handler(event, context): return context.w3c()", event({}, client_context=json.dumps(fields))
    ).result == {"traceparent": "00-1-2-01"}


@pytest.mark.parametrize("header", ["client_context", "cognito_identity"])
@pytest.mark.parametrize("value", ["{", "[1]", '"text"'])
def test_a_context_that_is_no_json_object_is_an_error_of_its_own(loop: Loop, header: str, value: str) -> None:
    headers: dict[str, Any] = {header: value}
    run = loop(ECHO, event({}, **headers), event("next"))
    assert run.posts[0].json["errorType"] == "Runtime.LambdaContextUnmarshalError"
    name = header.replace("_", " ").title()
    assert run.posts[0].json["errorMessage"].startswith(f"Unable to parse {name} JSON: ")
    assert run.posts[1].json == "next"


def test_what_the_handler_prints_is_out_when_its_result_is(loop: Loop) -> None:
    run = loop("def handler(event, context): print('no line end', end='')")
    assert run.stdout == "no line end"


@pytest.mark.parametrize("stream", ["None", "io.StringIO()", "sys.stdout.close() or sys.stdout", "object()"])
def test_a_handler_that_spoils_its_streams_harms_nobody_else(loop: Loop, stream: str) -> None:
    code = f"import io, sys\ndef handler(event, context):\n    sys.stdout = sys.stderr = {stream}\n    return event"
    run = loop(code, event(1), event(2, 2))
    assert run.results == [1, 2]
