"""What other people's code has replaced in the managed runtime's modules, and how the loop goes through that.

Error trackers and profilers put functions of their own into ``awslambdaric`` (``runtime/python/awslambdaric``): around
the call of the handler, before an answer is handed in. Nobody may ever import it, so the loop asks nothing: the
modules there notice when something in them is replaced, and exchange the loop's own functions then.
"""

from layer_runtime import loop
from layer_runtime.api import Invocation, RuntimeApi
from layer_runtime.context import Function
from layer_runtime.imports import Finder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from layer_runtime.report import ErrorReport

_next = RuntimeApi.next
_answer = loop._answer  # noqa: SLF001 - it is exchanged here
_function = Function()


def current() -> RuntimeApi:
    """The one that the loop speaks to."""
    api = Finder.api
    assert api is not None
    return api


def find_handler(name: str) -> "Callable[[Any, Any], Any]":
    """The handler, by the function that looks for it, which may have been replaced."""
    found: Callable[[Any, Any], Any] = _bootstrap()._get_handler(name)  # noqa: SLF001 - that is its name
    return found


def fail_init(report: "ErrorReport") -> None:
    """Says that the function could not be loaded, by the method that may have been replaced."""
    _bootstrap().client.post_init_error(report.fields())


def notice() -> None:
    """From the next call on, what the loop does goes through the managed runtime's modules."""
    vars(loop)["_answer"] = _answer_through_bootstrap
    setattr(RuntimeApi, "next", _next_through_client)  # noqa: B010 - a type checker would object


def notice_marshaller() -> None:
    """From the next call on, events and results go through the client's marshaller."""
    vars(loop).update(decode_event=_decode_by_marshaller, encode_result=_encode_by_marshaller)


def _bootstrap() -> "Any":
    return __import__("awslambdaric.bootstrap", fromlist=("client",))


def _decode_by_marshaller(body: bytes, content_type: str) -> "Any":
    return _bootstrap().client.marshaller.unmarshal_request(body, content_type)


def _encode_by_marshaller(result: object) -> tuple[bytes, str]:
    body, content_type = _bootstrap().client.marshaller.marshal_response(result)
    return body if isinstance(body, bytes) else body.encode(), content_type


def _next_through_client(api: RuntimeApi) -> Invocation:
    _bootstrap().client.wait_next_invocation()
    assert api.invocation is not None
    return api.invocation


def next_invocation() -> Invocation:
    return _next(current())


def _answer_through_bootstrap(
    api: RuntimeApi, invocation: Invocation, handler: "Callable[[Any, Any], Any]", _function: Function
) -> None:
    bootstrap = _bootstrap()
    bootstrap.handle_event_request(
        bootstrap.client,
        handler,
        invocation.request_id,
        invocation.body,
        invocation.content_type,
        invocation.client_context,
        invocation.cognito_identity,
        invocation.function_arn,
        invocation.deadline_in_ms,
        invocation.tenant_id,
        bootstrap.log_sink,
        invocation.invocation_id,
    )
    if api.invocation is invocation:
        raise RuntimeError("what the function put in the place of handle_event_request has not handed in an answer")


def answer(client: "Any", handler: "Callable[[Any, Any], Any]") -> None:
    """What handle_event_request does: the loop's own way, but that answers are handed in by the client."""
    api = current()
    assert api.invocation is not None
    _answer(_Routed(api, client), api.invocation, handler, _function)  # type: ignore[arg-type]


class _Routed:
    """The Runtime API, with its answers handed in by the client's methods."""

    def __init__(self, api: RuntimeApi, client: "Any") -> None:
        self._api = api
        self._client = client

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._api, name)

    def respond(self, invocation: Invocation, body: bytes, content_type: str) -> None:
        self._client.post_invocation_result(invocation.request_id, body, content_type, invocation.invocation_id)

    def fail(self, invocation: Invocation, report: "ErrorReport") -> None:
        text = report.to_json().decode()
        self._client.post_invocation_error(invocation.request_id, text, report.to_xray(), invocation.invocation_id)

    def end_stream(self, invocation: Invocation, report: "ErrorReport | None" = None) -> None:
        """Those methods know no streams; who wants to do something before the answer is handed in gets to it."""
        if report is None:
            self.respond(invocation, b"", "")
        else:
            self.fail(invocation, report)
