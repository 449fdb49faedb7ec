"""The client of the Runtime API. Replacing one of its methods, or its marshaller, is noticed."""

from layer_runtime import managed
from layer_runtime.payload import from_json

from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from layer_runtime.api import Invocation


class InvocationRequest:
    """What ``/next`` has given."""

    def __init__(self, **kwds: "Any") -> None:
        vars(self).update(kwds)

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


class _ClientType(type):
    """A class that notices when something in it is replaced."""

    def __setattr__(cls, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "marshaller":
            managed.notice_marshaller()
        else:
            managed.notice()


class BaseLambdaRuntimeClient(metaclass=_ClientType):
    """Hands in what the loop has worked out; there is one connection, and it is the loop's."""

    marshaller = LambdaMarshaller()

    def __init__(self, lambda_runtime_address: str, use_thread_for_polling_next: bool = False) -> None:
        self.lambda_runtime_address = lambda_runtime_address
        self.use_thread_for_polling_next = use_thread_for_polling_next

    def wait_next_invocation(self) -> InvocationRequest:
        """The next invocation."""
        invocation = managed.next_invocation()
        return InvocationRequest(
            invoke_id=invocation.request_id,
            x_amzn_trace_id=invocation.trace_id,
            invoked_function_arn=invocation.function_arn,
            deadline_time_in_ms=invocation.deadline_in_ms,
            client_context=invocation.client_context,
            cognito_identity=invocation.cognito_identity,
            tenant_id=invocation.tenant_id,
            content_type=invocation.content_type,
            event_body=invocation.body,
            invocation_id=invocation.invocation_id,
        )

    def post_invocation_result(
        self,
        invoke_id: str,
        result_data: "bytes | str",
        content_type: str = "application/json",
        invocation_id: str | None = None,  # noqa: ARG002 - part of its signature
    ) -> None:
        """Hands in a result."""
        invocation = _unanswered(invoke_id)
        api = managed.current()
        if api.is_streaming:
            api.end_stream(invocation)
        else:
            body = result_data if isinstance(result_data, bytes) else result_data.encode()
            api.respond(invocation, body, content_type)

    def post_invocation_error(
        self,
        invoke_id: str,
        error_response_data: str,
        xray_fault: str,
        invocation_id: str | None = None,  # noqa: ARG002 - part of its signature
    ) -> None:
        """Hands in an error: JSON for the caller, and JSON for X-Ray."""
        invocation = _unanswered(invoke_id)
        api = managed.current()
        report = _Told(error_response_data, xray_fault)
        if api.is_streaming:
            api.end_stream(invocation, report)  # type: ignore[arg-type]
        else:
            api.fail(invocation, report)  # type: ignore[arg-type]

    def post_init_error(self, error_response_data: "dict[str, Any]", error_type_override: str | None = None) -> None:
        """Says that the function could not be loaded."""
        from layer_runtime.payload import to_json

        managed.current().fail_init(_Told(to_json(error_response_data), ""), error_type_override)  # type: ignore[arg-type]


class LambdaRuntimeClient(BaseLambdaRuntimeClient):
    """The one that is used."""


class _Told:
    """An error that is JSON by now."""

    def __init__(self, text: str, cause: str) -> None:
        self._body = text.encode("utf-8", "backslashreplace")
        self._cause = cause
        fields = from_json(self._body)
        self.error_type = str(fields.get("errorType", "")) if isinstance(fields, dict) else ""

    def to_json(self) -> bytes:
        return self._body

    def to_xray(self) -> str:
        return self._cause


def _unanswered(invoke_id: str) -> "Invocation":
    invocation = managed.current().invocation
    if invocation is None or invocation.request_id != invoke_id:
        raise ValueError(f"{invoke_id} is not the invocation that waits for an answer")
    return invocation
