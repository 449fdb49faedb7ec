"""OpenTelemetry, as in its Lambda layers: an exec wrapper inserts its own handler before the function's."""

import json

from tools.support.fake_api import Loop, event

WRAPPER = """\
#!/bin/bash
export ORIG_HANDLER="$_HANDLER"
export _HANDLER="otel_wrapper.handler"
export PYTHONPATH="{folder}${{PYTHONPATH:+:$PYTHONPATH}}"
exec "$@"
"""

INSTRUMENTATION = """
import os
from importlib import import_module
from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

provider = TracerProvider(resource=Resource.create({"service.name": os.environ["AWS_LAMBDA_FUNCTION_NAME"]}))
exporter = ConsoleSpanExporter(formatter=lambda span: span.to_json(indent=None) + "\\n")
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
module, _, name = os.environ["ORIG_HANDLER"].rpartition(".")
original = getattr(import_module(module), name)

def handler(event, context):
    parent = propagate.extract(context.w3c())
    attributes = {"faas.invocation_id": context.aws_request_id}
    with trace.get_tracer("test").start_as_current_span(os.environ["ORIG_HANDLER"], parent, attributes=attributes):
        try:
            return original(event, context)
        finally:
            provider.force_flush()
"""

FUNCTION = """
from opentelemetry import trace

def handler(event, context):
    with trace.get_tracer("function").start_as_current_span("inner"):
        return 1 / event
"""

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CLIENT_CONTEXT = json.dumps({"w3c": {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"}})


def instrument(loop: Loop) -> None:
    folder = loop.folder / "otel"
    folder.mkdir()
    (folder / "otel_wrapper.py").write_text(INSTRUMENTATION, encoding="utf-8")
    path = folder / "wrapper"
    path.write_text(WRAPPER.format(folder=folder), encoding="utf-8")
    path.chmod(0o755)
    loop.variables["AWS_LAMBDA_EXEC_WRAPPER"] = str(path)


def test_spans_of_wrapper_and_function_belong_to_the_callers_trace(loop: Loop) -> None:
    instrument(loop)
    run = loop(FUNCTION, event(2, client_context=CLIENT_CONTEXT))
    assert run.result == 0.5
    inner, outer = (json.loads(line) for line in run.stdout.splitlines())
    assert (inner["name"], outer["name"]) == ("inner", "function.handler")
    assert {span["context"]["trace_id"] for span in (inner, outer)} == {f"0x{TRACE_ID}"}
    assert inner["parent_id"] == outer["context"]["span_id"]
    assert outer["attributes"] == {"faas.invocation_id": "request-1"}
    assert outer["resource"]["attributes"]["service.name"] == "orders"


def test_an_error_is_in_its_span_and_reported_to_the_platform(loop: Loop) -> None:
    instrument(loop)
    run = loop(FUNCTION, event(0))
    assert run.error["errorType"] == "ZeroDivisionError"
    spans = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    assert [span["status"]["status_code"] for span in spans] == ["ERROR", "ERROR"]
