"""Event → handler → answer, again and again."""

import os

from layer_runtime.api import ApiError, Invocation, RuntimeApi
from layer_runtime.context import Function, LambdaContext
from layer_runtime.errors import ErrorReport, Fault, flush_output, write_log
from layer_runtime.payload import Unencodable, decode_event, encode_result, from_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    Handler = Callable[[Any, Any], Any]


def serve(api: RuntimeApi, handler: "Handler") -> "NoReturn":
    """Answers invocations until the process ends.

    Raises SystemExit when the handler asked for that, and ApiError when there is no next invocation to be had.
    """
    function = Function()
    while True:
        _answer(api, api.next(), handler, function)


def _answer(api: RuntimeApi, invocation: Invocation, handler: "Handler", function: Function) -> None:
    """Runs the handler on one invocation and hands in what came of it."""
    _set_trace_id(invocation.trace_id)
    try:
        body, content_type = _run(invocation, handler, function)
    except BaseException as exception:
        report = ErrorReport(exception, invocation.request_id)
        write_log(report.to_text())
        _deliver(lambda: api.fail(invocation, report))
        if isinstance(exception, Exception):
            return
        raise exception if isinstance(exception, SystemExit) else SystemExit(1) from None
    # What the function printed belongs to this invocation: the process may be frozen once it is answered.
    flush_output()
    _deliver(lambda: api.respond(invocation, body, content_type))


def _run(invocation: Invocation, handler: "Handler", function: Function) -> tuple[bytes, str]:
    """The result as body and content type; raises Fault, or whatever the handler raises."""
    context = LambdaContext(
        function,
        invocation.request_id,
        invocation.deadline_in_ms,
        invocation.function_arn,
        invocation.tenant_id,
        _object_in_header("Client Context", invocation.client_context),
        _object_in_header("Cognito Identity", invocation.cognito_identity),
    )
    try:
        event = decode_event(invocation.body, invocation.content_type)
    except (ValueError, RecursionError) as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error
    result = handler(event, context)
    try:
        return encode_result(result)
    except Exception as error:  # Not only Unencodable: a dict or an _asdict of the function's own may raise anything.
        reason = str(error) if isinstance(error, Unencodable) else f"{type(error).__name__}: {error}"
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {reason}") from error


def _object_in_header(name: str, text: str | None) -> "dict[str, Any] | None":
    """A header's JSON object; None for none."""
    if not text:
        return None
    try:
        value = from_json(text.encode())
    except (ValueError, RecursionError) as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", f"Unable to parse {name} JSON: {error}") from error
    if value is None or isinstance(value, dict):
        return value
    reason = f"{type(value).__name__} is not an object"
    raise Fault("Runtime.LambdaContextUnmarshalError", f"Unable to parse {name} JSON: {reason}")


def _set_trace_id(trace_id: str | None) -> None:
    """X-Ray's SDKs read the trace from the environment."""
    if trace_id is not None:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    elif "_X_AMZN_TRACE_ID" in os.environ:
        del os.environ["_X_AMZN_TRACE_ID"]


def _deliver(call: "Callable[[], None]") -> None:
    """Makes a call that hands in an answer. If it fails, the log says so: the next invocation is none the worse."""
    try:
        call()
    except ApiError as error:
        write_log(f"[ERROR] Runtime API: {error}\n")
