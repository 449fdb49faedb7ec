"""The context, the environment, and headers in both directions."""

import json
from collections.abc import Mapping

from tools.conformance.case import Aspect, Case, Group, Rule, does, returns
from tools.support.fake_api import event

FIELDS = (
    "aws_request_id log_group_name log_stream_name function_name memory_limit_in_mb function_version "
    "invoked_function_arn tenant_id client_context"
)
SHOW = f"def handler(event, context): return [getattr(context, name) for name in '{FIELDS}'.split()]"
VARIABLES = {
    "AWS_LAMBDA_FUNCTION_NAME": "tested",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/tested",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2024/01/01/[$LATEST]00",
}
CLIENT = {
    "client": {"installation_id": "i", "app_title": "t", "app_version_name": "v", "app_version_code": "c"},
    "custom": {"k": "v"},
    "env": {"locale": "fr"},
}
SHOW_CLIENT = """
def handler(event, context):
    c = context.client_context
    return c and [c.custom, c.env, c.client and [getattr(c.client, n) for n in c.client.__slots__]]
"""
SHOW_IDENTITY = """
def handler(event, context):
    return [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id]
"""
ERROR: Mapping[Aspect, Rule] = {"error type": Rule.ERROR_TYPE}
NO_OBJECT: Mapping[Aspect, Rule] = {
    **ERROR,
    "bodies": Rule.CONTEXT_TYPE,
    "x-ray": Rule.CONTEXT_TYPE,
    "log": Rule.CONTEXT_TYPE,
}


def client(name: str, header: str, **options: object) -> Case:
    """A client context, given as its header."""
    return Case(name, SHOW_CLIENT, (event({}, client_context=header), event({}, 2)), **options)  # type: ignore[arg-type]


MAY_BE_EMPTY = ("trace_id", "client_context", "cognito_identity", "aws_tenant_id", "invocation_id")
PRIVATE = "def handler(event, context): return [context._epoch_deadline_time_in_ms, context._w3c_fields]"
TRACE = "import os\ndef handler(event, context): return os.environ.get('_X_AMZN_TRACE_ID')"
TWO_TRACES = (event({}, trace_id="Root=1-a"), event({}, 2, trace_id=None), event({}, 3, trace_id="Root=1-b"))
ECHO = (event({}, invocation_id="0b7c"), event({}, 2, invocation_id=None))

CONTEXTS = Group(
    "Context and headers",
    (
        Case("fields with no variables set", SHOW),
        Case("fields with all variables set", SHOW, variables=VARIABLES),
        Case("no ARN", SHOW, (event({}, invoked_function_arn=None),)),
        Case("a tenant", SHOW, (event({}, aws_tenant_id="tenant-1"),)),
        returns("names of the attributes", "sorted(n for n in dir(context) if not n.startswith('_'))"),
        returns("names of the classes", "[type(context).__name__, type(context.identity).__name__]"),
        Case("repr", "def handler(event, context): return repr(context)", variables=VARIABLES),
        Case(
            "repr with everything",
            "def handler(event, context): return repr(context)",
            (event({}, client_context=json.dumps(CLIENT), cognito_identity='{"cognitoIdentityId": "a"}'),),
        ),
        returns("remaining time, far from over", "context.get_remaining_time_in_millis() > 10**9"),
        Case(
            "remaining time, over",
            "def handler(event, context): return context.get_remaining_time_in_millis()",
            (event({}, deadline_ms="1000"),),
        ),
        returns("the type of the remaining time", "type(context.get_remaining_time_in_millis()).__name__"),
        client("a client context", json.dumps(CLIENT)),
        client("a client context that is empty", "{}"),
        client("a client context that is null", "null"),
        client("a client context with a client that is null", '{"client": null, "custom": 1}'),
        client("a client context that is no JSON", "{", differs=ERROR),
        client(
            "a client context that is an array",
            "[1]",
            differs=NO_OBJECT,
        ),
        Case(
            "W3C trace context",
            "def handler(event, context): return [context.w3c(), repr(context.client_context)]",
            (event({}, client_context='{"w3c": {"traceparent": "00-1", "baggage": 1, "x": "y"}, "custom": {}}'),),
        ),
        Case("no W3C trace context", "def handler(event, context): return context.w3c()"),
        Case(
            "a Cognito identity",
            SHOW_IDENTITY,
            (event({}, cognito_identity='{"cognitoIdentityId": "a", "cognitoIdentityPoolId": "b"}'),),
        ),
        Case("no Cognito identity", SHOW_IDENTITY),
        Case("a Cognito identity that is no JSON", SHOW_IDENTITY, (event({}, cognito_identity="x"),), differs=ERROR),
        does("attributes can be set", "context.mine = 1", "return context.mine"),
        Case("the trace in the environment", TRACE, TWO_TRACES),
        Case("a trace that is empty", TRACE, (event({}, trace_id="Root=1-a"), event({}, 2, trace_id=""))),
        Case("headers that are empty", SHOW, (event({}, 1, **dict.fromkeys(MAY_BE_EMPTY, "")),)),
        Case("private names", PRIVATE, (event({}, client_context='{"w3c": {"baggage": "b"}}'),)),
        returns(
            "the context's class",
            "isinstance(context, LambdaContext)",
            "from awslambdaric.lambda_context import LambdaContext",
        ),
        returns("the release of its modules", "awslambdaric.__version__", "import awslambdaric"),
        Case("Invocation-Id comes back with a response", get_replies=ECHO),
        does("Invocation-Id comes back with an error", "1 / 0", get_replies=ECHO, differs=ERROR),
        returns("the working directory", "os.getcwd()", "import os"),
        returns("the first folder of sys.path", "sys.path[0]", "import sys"),
        returns("the execution environment", "os.environ['AWS_EXECUTION_ENV']", "import os"),
        returns("the handler in the environment", "os.environ['_HANDLER']", "import os"),
        returns("standard input is at its end", "sys.stdin.read()", "import sys"),
    ),
)
