"""sentry-sdk: what it puts into the managed runtime's modules is used, so errors are reported."""

import re

from tools.support.fake_api import Loop, Run, event

FUNCTION = """
import sentry_sdk
from sentry_sdk.integrations.aws_lambda import AwsLambdaIntegration
from sentry_sdk.transport import Transport

class Tell(Transport):
    def capture_envelope(self, envelope):
        for item in envelope.items:
            if told := item.get_event() or item.get_transaction_event():
                kinds = [value["type"] for value in told.get("exception", {}).get("values", [])]
                print("SENTRY", told.get("type", "event"), told.get("transaction", "-"), *kinds)

sentry_sdk.init(
    dsn="https://key@127.0.0.1/1",
    transport=Tell,
    traces_sample_rate=1.0,
    auto_enabling_integrations=False,  # of every framework that is packaged
    integrations=[AwsLambdaIntegration(timeout_warning=True)],
)
"""
HANDLER = """
def handler(event, context):
    if event.get("fail"): return 1 / 0
    return "fine"
"""


def told(run: Run) -> list[str]:
    return re.findall("^SENTRY (.*)$", run.stdout, re.MULTILINE)


def test_a_failing_and_a_succeeding_invocation_are_reported(loop: Loop) -> None:
    loop.variables |= {"AWS_LAMBDA_LOG_GROUP_NAME": "group", "AWS_LAMBDA_LOG_STREAM_NAME": "stream"}
    run = loop(FUNCTION + HANDLER, event({"fail": True}), event({}, 2), event({"fail": True}, 3))
    failed = ["event orders ZeroDivisionError", "transaction orders"]
    assert told(run) == [*failed, "transaction orders", *failed]
    assert [post.path.rpartition("/")[2] for post in run.posts] == ["error", "response", "error"]
    assert run.posts[0].json["errorMessage"] == "division by zero"
    assert run.posts[1].json == "fine"
    assert "disabled" not in run.stdout + run.stderr


def test_a_function_that_cannot_be_loaded_is_reported(loop: Loop) -> None:
    run = loop(f"{FUNCTION}raise KeyError('at the start')")
    assert told(run) == ["event - KeyError"]
    assert run.error["errorType"] == "KeyError"
