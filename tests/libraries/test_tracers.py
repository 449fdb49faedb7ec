"""Tracers and profilers: what they tell of an invocation is what they tell of it from the managed runtime.

The function knows nothing of most of them: a redirect handler, an exec wrapper or a ``.pth`` file brings them in, as
in their own layers.
"""

import base64
import gzip
import json
import re
from collections.abc import Mapping
from signal import SIGTERM
from typing import Any

from tests.libraries.backend import by_path, normalised
from tests.libraries.conftest import REQUESTS, TRACES, WRAPPER, Both, Told
from tools.support.fake_api import ARN, Loop, event

PLAIN = """
def handler(event, context):
    return 1 / event["n"]
"""


def objects(told: Told) -> list[Any]:
    """The JSON objects that were printed, each on a line of its own."""
    return [json.loads(line) for line in told.run.stdout.splitlines() if line.startswith("{")]


def unpacked(text: str) -> bytes:
    return gzip.decompress(base64.b64decode(text))


def use_wrapper(loop: Loop, script: str) -> dict[str, str]:
    """Variables that let both runtimes start through a shell script."""
    path = loop.write("exec-wrapper", f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {WRAPPER: str(path)}


# --- a redirect handler ------------------------------------------------------------------------------------------


def test_datadog(both: Both) -> None:
    """Without its extension, which is a program for Lambda, it prints what its forwarder takes from the log."""
    variables = {
        "DD_LAMBDA_HANDLER": "function.handler",
        "DD_FLUSH_TO_LOG": "true",
        "DD_SERVICE": "orders",
        "DD_COLD_START_TRACING": "false",  # Tells of imports that take longer than 3 ms.
    }
    ours, there = both(PLAIN, variables, handler="datadog_lambda.handler.handler")
    told = objects(ours)
    metrics = [each["m"] for each in told if "m" in each]
    assert metrics == [
        "aws.lambda.enhanced.invocations",
        "aws.lambda.enhanced.invocations",
        "aws.lambda.enhanced.errors",
    ]
    spans = [span for each in told if "traces" in each for trace in each["traces"] for span in trace]
    assert [(span["resource"], span["error"]) for span in spans] == [("orders", 0), ("orders", 1)]
    assert [span["meta"]["request_id"] for span in spans] == list(REQUESTS)
    assert spans[1]["meta"]["error.type"] == "builtins.ZeroDivisionError"
    assert normalised(told) == normalised(objects(there))


PACKAGES = frozenset({"update_loaded_modules"})
"""Of its payload: what is installed and loaded, awslambdaric among it."""
RUNTIME_FRAME = re.compile(r'File ".*(/awslambdaric/\w+\.py|/layer_runtime/\w+\.py|/python/bootstrap(\.py)?)"')
NEW_RELIC = """
import os
from importlib import import_module

import newrelic.agent

newrelic.agent.initialize()

from newrelic_lambda.lambda_handler import LambdaHandlerWrapper

module, _, name = os.environ["NEW_RELIC_LAMBDA_HANDLER"].rpartition(".")
handler = LambdaHandlerWrapper(getattr(import_module(module), name))
"""


def test_new_relic(both: Both, loop: Loop) -> None:
    loop.write("newrelic_lambda_wrapper.py", NEW_RELIC)
    variables = {
        "NEW_RELIC_LAMBDA_HANDLER": "function.handler",
        "NEW_RELIC_SERVERLESS_MODE_ENABLED": "true",
        "NEW_RELIC_ACCOUNT_ID": "1",
        "NEW_RELIC_TRUSTED_ACCOUNT_KEY": "1",
    }
    ours, there = both(PLAIN, variables, handler="newrelic_lambda_wrapper.handler")
    succeeded, failed = _payloads(ours)
    assert succeeded["metadata"]["arn"] == ARN
    assert succeeded["data"]["analytic_event_data"][2][0][2]["aws.requestId"] == REQUESTS[0]
    assert "error_data" not in succeeded["data"]
    assert failed["data"]["error_data"][1][0][2:4] == ["division by zero", "builtins:ZeroDivisionError"]
    assert normalised([succeeded, failed], PACKAGES) == normalised(_payloads(there), PACKAGES)


def _payloads(told: Told) -> list[Any]:
    """Without the runtime's frames, and metrics of its own threads, which are there if one of them has run by then."""
    lines = [json.loads(line) for line in told.run.stdout.splitlines() if "NR_LAMBDA_MONITORING" in line]
    payloads = [json.loads(unpacked(line[2])) for line in lines]
    for payload in payloads:
        metrics = payload["data"]["metric_data"]
        metrics[3] = [metric for metric in metrics[3] if not metric[0]["name"].startswith("Instance/")]
        for error in payload["data"].get("error_data", [None, []])[1]:
            error[4]["stack_trace"] = [frame for frame in error[4]["stack_trace"] if not RUNTIME_FRAME.match(frame)]
    return payloads


def test_lumigo(both: Both) -> None:
    variables = {
        "LUMIGO_ORIGINAL_HANDLER": "function.handler",
        "LUMIGO_TRACER_TOKEN": "t_0123456789abcdef",
        "LUMIGO_TRACER_HOST": "https://{https}",
        "SSL_CERT_FILE": "{certificate}",
        "LUMIGO_EDGE_TIMEOUT": "20",
    }
    ours, there = both(PLAIN, variables, handler="lumigo_tracer.auto_instrument_handler._handler")
    spans, others = _lumigo_spans(ours), _lumigo_spans(there)
    ended = [span for span in spans if span["type"] == "function" and not span["id"].endswith("_started")]
    assert [span["id"] for span in ended] == list(REQUESTS)
    assert [span["readiness"] for span in ended] == ["cold", "warm"]
    assert [span.get("error", {}).get("type") for span in ended] == [None, "ZeroDivisionError"]
    variables_of_it = frozenset({"envs"})
    assert normalised(spans, variables_of_it) == normalised(others, variables_of_it)


def _lumigo_spans(told: Told) -> list[Any]:
    """Without those of type http, which are of its own requests."""
    return [span for each in told.requests for span in each.json if span["type"] != "http"]


PROFILED = """
import time
from codeguru_profiler_agent.reporter.agent_configuration import AgentConfiguration

def handler(event, context):
    deadline = time.monotonic() + 60
    while AgentConfiguration.get().max_stack_depth != 77:  # as the backend answers
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return 1 / event["n"]
"""


def test_codeguru_profiler(both: Both) -> None:
    """Its redirect handler gets the function's through ``awslambdaric.bootstrap._get_handler``.

    It reports every five minutes; what it tells before that is which invocation it profiles, to be configured.
    """
    configuration = {"shouldProfile": True, "periodInSeconds": 300, "agentParameters": {"MaxStackDepth": "77"}}
    variables = {
        "HANDLER_ENV_NAME_FOR_CODEGURU": "function.handler",
        "AWS_CODEGURU_PROFILER_GROUP_NAME": "orders",
        "AWS_ENDPOINT_URL_CODEGURUPROFILER": "http://{http}",
    }
    ours, there = both(
        PROFILED,
        variables,
        handler="codeguru_profiler_agent.aws_lambda.lambda_handler.call_handler",
        answers={"/configureAgent": (200, configuration)},
    )
    request, same = ours.requests[0], there.requests[0]
    assert request.path == "/profilingGroups/orders/configureAgent"
    assert request.json["metadata"]["AwsRequestId"] == REQUESTS[0]
    assert request.json["metadata"]["LambdaFunctionArn"] == ARN
    assert normalised(request.json) == normalised(same.json)


# --- an exec wrapper ---------------------------------------------------------------------------------------------

OPENTELEMETRY = """
import os
from importlib import import_module
from opentelemetry.instrumentation.aws_lambda import AwsLambdaInstrumentor
AwsLambdaInstrumentor().instrument()
module, _, name = os.environ["ORIG_HANDLER"].rpartition(".")
lambda_handler = getattr(import_module(module), name)
"""


def test_opentelemetry(both: Both, loop: Loop) -> None:
    """As its layer: the wrapper is ``opentelemetry-instrument``, whose ``sitecustomize`` finds its instrumentors."""
    loop.write("otel_wrapper.py", OPENTELEMETRY)
    root = loop.task_root
    variables = use_wrapper(
        loop,
        f"export ORIG_HANDLER=$_HANDLER _HANDLER=otel_wrapper.lambda_handler PYTHONPATH={root}\n"
        f'exec python3 {root}/bin/opentelemetry-instrument "$@"',
    )
    variables |= {
        "OTEL_TRACES_EXPORTER": "otlp_json_http",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://{http}",
    }
    ours, there = both(PLAIN, variables)
    spans = [span for request in ours.requests for span in _spans(request.json)]
    assert [(span["name"], span["status"].get("code")) for span in spans] == [("orders", None), ("orders", 2)]
    (raised,) = spans[1]["events"]
    assert _attributes(raised)["exception.type"] == "ZeroDivisionError"
    assert [request.path for request in ours.requests] == ["/v1/traces", "/v1/traces"]
    told, same = ([request.json for request in this.requests] for this in (ours, there))
    assert normalised(told) == normalised(same)


def _spans(traces: Mapping[str, Any]) -> list[Any]:
    return [span for resource in traces["resourceSpans"] for scope in resource["scopeSpans"] for span in scope["spans"]]


def _attributes(record: Mapping[str, Any]) -> dict[str, str]:
    """Those of a span or an event that are texts."""
    return {each["key"]: each["value"].get("stringValue", "") for each in record["attributes"]}


def test_elastic_apm(both: Both, loop: Loop) -> None:
    script = loop.task_root / "elasticapm" / "contrib" / "serverless" / "aws_wrapper" / "elasticapm-lambda.py"
    variables = use_wrapper(loop, f'export PYTHONPATH={loop.task_root}:{script.parent}\nexec python3 {script} "$@"')
    ours, there = both(PLAIN, variables | {"ELASTIC_APM_SERVER_URL": "http://{http}"})
    told, same = ([line for each in this.requests if each.body for line in each.lines] for this in (ours, there))
    heads = [line for line in normalised([*told, *same]) if "metadata" in line]
    assert heads == heads[:1] * len(heads)  # Each request has it: how many there are depends on when.
    told, same = _once(told), _once(same)
    assert normalised(told) == normalised(same)
    transactions = [line["transaction"] for line in told if "transaction" in line]
    assert [each["faas"]["execution"] for each in transactions] == list(REQUESTS)
    assert [each["faas"]["coldstart"] for each in transactions] == [True, False]
    assert [each["outcome"] for each in transactions] == [None, "failure"]
    (error,) = (line["error"] for line in told if "error" in line)
    assert error["exception"]["type"] == "ZeroDivisionError"


def _once(lines: list[Any]) -> list[Any]:
    """The records of Elastic's requests: one whose answer was late is sent again."""
    records = {}
    for number, line in enumerate(lines):
        ((kind, record),) = line.items()
        if kind != "metadata":
            records[kind, record.get("id", number)] = line
    return list(records.values())


# --- a .pth file -------------------------------------------------------------------------------------------------


AGENT_CONFIG = {
    "application_id": 1,
    "tier_id": 2,
    "account_guid": "account",
    "controller_guid": "controller",
    "bts": [],
    "backends": [],
}
EVENT_LOOP = "import asyncio\nasyncio.set_event_loop(asyncio.new_event_loop())\n"
"""Its tracer takes the main thread's event loop, which Python 3.14 no longer makes for whoever asks for it."""


def test_appdynamics(both: Both, loop: Loop) -> None:
    """Its layer has a ``.pth`` file that replaces ``importlib.import_module``, to get at the handler."""
    hook = "import appdynamics.util.autoinstrument; appdynamics.util.autoinstrument.autoinstrument()"
    loop.write("autoinstrument-tracer.pth", f"{hook}\n")
    names = {
        "CONTROLLER_HOST": "controller.example",
        "AGENT_ACCOUNT_ACCESS_KEY": "key",
        "ACCOUNT_NAME": "account",
        "APPLICATION_NAME": "shop",
        "TIER_NAME": "orders",
        "SERVERLESS_API_ENDPOINT": "http://{http}",
    }
    variables = {f"APPDYNAMICS_{name}": value for name, value in names.items()}
    ours, there = both(EVENT_LOOP + PLAIN, variables, answers={"/v1/": (200, AGENT_CONFIG)})
    told, same = by_path(ours.requests), by_path(there.requests)
    succeeded, failed = told["/v1/events"]
    assert [each["event_type"] for each in succeeded] == ["REGISTRATION_BT", "BT"]
    assert [each["event_type"] for each in failed] == ["REGISTRATION_BT", "ERROR", "BT"]
    assert failed[1]["error_name"] == "ZeroDivisionError"
    assert normalised(told) == normalised(same)


# --- decorators --------------------------------------------------------------------------------------------------

X_RAY = """
from aws_xray_sdk.core import patch_all, xray_recorder
patch_all()

@xray_recorder.capture("quotient")
def handler(event, context):
    xray_recorder.put_annotation("n", event["n"])
    return 1 / event["n"]
"""
OF_THE_RUNTIME = {"bootstrap", "bootstrap.py", "main.py", "__main__.py", "loop.py"}
"""Files whose frames the SDK tells of, as it tells of the whole stack: those of one runtime, or of the other."""


def test_x_ray(both: Both) -> None:
    ours, there = both(X_RAY, {"AWS_XRAY_DAEMON_ADDRESS": "{udp}"})
    told, same = _subsegments(ours), _subsegments(there)
    assert [each["trace_id"] for each in told] == list(TRACES)
    assert [each["annotations"] for each in told] == [{"n": 2}, {"n": 0}]
    assert [each.get("fault") for each in told] == [None, True]
    (exception,) = told[1]["cause"]["exceptions"]
    assert exception["type"] == "ZeroDivisionError"
    assert normalised(told) == normalised(same)


def _subsegments(told: Told) -> list[Any]:
    """What reached the daemon, without the runtime's own frames."""
    found = [json.loads(each.split(b"\n", 1)[1]) for each in told.datagrams]
    for each in found:
        for exception in each.get("cause", {}).get("exceptions", ()):
            exception["stack"] = [frame for frame in exception["stack"] if frame["path"] not in OF_THE_RUNTIME]
    return found


POWERTOOLS = """
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
logger, metrics, tracer = Logger(), Metrics(namespace="shop"), Tracer()

@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
@tracer.capture_lambda_handler
def handler(event, context):
    logger.info("dividing")
    metrics.add_metric(name="orders", unit=MetricUnit.Count, value=1)
    return 1 / event["n"]
"""


def test_powertools(both: Both) -> None:
    ours, there = both(POWERTOOLS, {"AWS_XRAY_DAEMON_ADDRESS": "{udp}", "POWERTOOLS_SERVICE_NAME": "shop"})
    logged, segments = objects(ours), _subsegments(ours)
    assert [each["function_request_id"] for each in logged if "level" in each] == list(REQUESTS)
    assert [each["cold_start"] for each in logged if "level" in each] == [True, False]
    assert [name for each in logged for name in ("ColdStart", "orders") if name in each] == [
        "ColdStart",
        "orders",
        "orders",
    ]
    assert [each["name"] for each in segments] == ["## handler", "## handler"]
    assert [each.get("fault") for each in segments] == [None, True]
    assert [each["annotations"]["ColdStart"] for each in segments] == [True, False]
    assert normalised([logged, segments]) == normalised([objects(there), _subsegments(there)])


LAMBDA_OTEL_LITE = """
from lambda_otel_lite import create_traced_handler, init_telemetry
tracer, completion_handler = init_telemetry()

@create_traced_handler(name="orders", completion_handler=completion_handler)
def handler(event, context):
    return 1 / event["n"]
"""
TO_BACKEND = """
from lambda_otel_lite.processor import LambdaSpanProcessor
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
processor = LambdaSpanProcessor(OTLPSpanExporter(endpoint="http://{http}/v1/traces"))
"""


def test_lambda_otel_lite(both: Both) -> None:
    code = TO_BACKEND + LAMBDA_OTEL_LITE.replace("init_telemetry()", "init_telemetry(span_processors=[processor])")
    ours, there = both(code)
    told, same = ([request.json for request in this.requests] for this in (ours, there))
    succeeded, failed = (span for traces in told for span in _spans(traces))
    assert [each["status"].get("code") for each in (succeeded, failed)] == [None, 2]
    assert _attributes(succeeded)["faas.invocation_id"] == REQUESTS[0]
    assert _attributes(failed["events"][0])["exception.type"] == "ZeroDivisionError"
    assert normalised(told) == normalised(same)


def test_lambda_otel_lite_sends_when_the_process_ends(loop: Loop) -> None:
    """On the loop alone: on SIGTERM, awslambdaric waits for the thread in which it waits for the next invocation."""
    loop.variables["LAMBDA_EXTENSION_SPAN_PROCESSOR_MODE"] = "finalize"
    run = loop(LAMBDA_OTEL_LITE, event({"n": 2}), event({"n": 0}, 2), signal=SIGTERM)
    assert [request.path for request in run.requests if "/extension/" in request.path] == [
        "/2020-01-01/extension/register",
        "/2020-01-01/extension/event/next",
    ]
    (payload,) = (unpacked(each["payload"]) for each in objects(Told(run, [], [])))
    assert b"request-1" in payload
    assert b"ZeroDivisionError" in payload
    assert run.exit_code == 0
