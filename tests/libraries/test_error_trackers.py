"""Error trackers: an error that leaves the handler reaches their backend as it does from the managed runtime."""

from typing import Any

from tests.libraries.backend import by_path, normalised
from tests.libraries.conftest import REQUESTS, TRACES, Both, Told

PACKAGES = frozenset({"modules"})
"""Of Sentry's events: what is installed, awslambdaric among it."""
CLASS = "<class 'layer_runtime.context.LambdaContext'>", "<class 'awslambdaric.lambda_context.LambdaContext'>"
"""The context's, whose name Rollbar tells among the local variables: here, and there."""

SENTRY = """
import sentry_sdk
from sentry_sdk.integrations.aws_lambda import AwsLambdaIntegration
sentry_sdk.init(
    dsn="http://key@{http}/1",
    traces_sample_rate=1.0,
    auto_enabling_integrations=False,  # of every framework that is packaged
    integrations=[AwsLambdaIntegration(timeout_warning=True)],
)

def handler(event, context):
    return 1 / event["n"]
"""


def test_sentry(both: Both) -> None:
    ours, there = both(SENTRY)
    succeeded, error, failed = told = _items(ours)
    assert [each.get("type") for each in told] == ["transaction", None, "transaction"]
    assert [each["contexts"]["trace"].get("status") for each in (succeeded, failed)] == [None, "internal_error"]
    assert error["exception"]["values"][0]["type"] == "ZeroDivisionError"
    assert error["extra"]["lambda"]["aws_request_id"] == REQUESTS[1]
    assert normalised(told, PACKAGES) == normalised(_items(there), PACKAGES)


def test_sentry_is_told_of_a_function_that_cannot_be_loaded(both: Both) -> None:
    """Here with its stack trace: there, the exception is over when the method that Sentry has replaced is called."""
    ours, there = both(f"{SENTRY}raise KeyError('at the start')", loads=False)
    errors = [item["exception"]["values"] for told in (ours, there) for item in _items(told)]
    assert [[(each["type"], each["value"]) for each in error] for error in errors] == [
        [("KeyError", "'at the start'")]
    ] * 2
    assert [frame["function"] for frame in errors[0][0]["stacktrace"]["frames"]][-1] == "<module>"


def _items(told: Told) -> list[Any]:
    """Of each envelope, what follows its header and the items' headers."""
    return [item for request in told.requests for item in request.lines[2::2]]


HONEYBADGER = """
from honeybadger import honeybadger
honeybadger.configure(api_key="key", endpoint="http://{http}")

def handler(event, context):
    return 1 / event["n"]
"""


def test_honeybadger(both: Both) -> None:
    ours, there = both(HONEYBADGER, answers={"/v1/notices": (201, {"id": "1"})})
    notice, same = _only(ours), _only(there)
    assert notice["error"]["class"] == "ZeroDivisionError"
    assert notice["request"]["params"] == {"event": {"n": 0}}
    assert TRACES[1] in notice["request"]["context"]["lambda_trace_id"]
    assert notice["details"]["Lambda Details"]["runtime"].startswith("AWS_Lambda_python3.")
    assert normalised(notice) == normalised(same)


def _only(told: Told) -> Any:
    (request,) = told.requests
    return request.json


ROLLBAR = """
import rollbar
rollbar.init("token", "production", handler="blocking", endpoint="http://{http}/api/1/")

@rollbar.lambda_function
def handler(event, context):
    return 1 / event["n"]
"""


def test_rollbar(both: Both) -> None:
    ours, there = both(ROLLBAR, answers={"/item": (200, {"err": 0, "result": {}})})
    data, same = _only(ours)["data"], _only(there)["data"]
    assert data["body"]["trace"]["exception"]["class"] == "ZeroDivisionError"
    assert data["custom"]["lambda"]["request_id"] == REQUESTS[1]
    names = [each["body"]["trace"]["frames"][-1]["locals"].pop("context") for each in (data, same)]
    assert tuple(names) == CLASS
    assert normalised(data) == normalised(same)


BUGSNAG = """
import bugsnag
bugsnag.configure(
    api_key="0123456789abcdef0123456789abcdef",
    endpoint="http://{http}/notify",
    session_endpoint="http://{http}/sessions",
)

@bugsnag.aws_lambda_handler
def handler(event, context):
    return 1 / event["n"]
"""


def test_bugsnag(both: Both) -> None:
    ours, there = both(BUGSNAG)
    told, same = by_path(ours.requests), by_path(there.requests)
    (event,) = (event for notice in told["/notify"] for event in notice["events"])
    assert event["exceptions"][0]["errorClass"] == "ZeroDivisionError"
    assert event["metaData"]["AWS Lambda Context"]["aws_request_id"] == REQUESTS[1]
    assert len(told["/sessions"]) == 2
    assert normalised(told) == normalised(same)


XOTO3 = """
from xoto3.lam.finalize import register_lambda_finalize_thunk
register_lambda_finalize_thunk(lambda: print("before the answer"))

def handler(event, context):
    print(event)
    return 1 / event["n"]
"""


def test_what_xoto3_does_before_the_answer(both: Both) -> None:
    """It replaces both methods of the client that hand in an answer."""
    ours, there = both(XOTO3)
    lines = [line.partition(":")[0] for line in ours.run.stdout.split("\n")]
    assert lines == ["{'n'", "before the answer", "{'n'", "[ERROR] ZeroDivisionError", "before the answer", ""]
    assert ours.run.stdout == there.run.stdout
