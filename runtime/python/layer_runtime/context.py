"""The handler's second argument."""

import time

from layer_runtime import environment
from layer_runtime.log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from layer_runtime.api import Invocation
    from layer_runtime.caller import ClientContext


class CognitoIdentity:
    """Who called, if Amazon Cognito signed the caller in."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, identifier: "Any" = None, pool: "Any" = None) -> None:
        self.cognito_identity_id = identifier
        self.cognito_identity_pool_id = pool

    def __repr__(self) -> str:
        return show(self, self.__slots__)


class Function:
    """What stays the same from one invocation to the next, out of the environment."""

    __slots__ = ("log_group_name", "log_stream_name", "memory_limit_in_mb", "name", "version")

    def __init__(self) -> None:
        self.name = environment.get("AWS_LAMBDA_FUNCTION_NAME")
        self.version = environment.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = environment.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environment.get("AWS_LAMBDA_LOG_STREAM_NAME")


class LambdaContext:
    """One invocation, for its handler; the attributes are the managed runtime's.

    Names that begin with an underscore are its too: public code reads them. Raises Fault when the invocation tells of
    its caller in what is no JSON object.
    """

    _w3c_fields: "Mapping[str, str]" = {}  # noqa: RUF012 - never changed

    def __init__(self, function: Function, invocation: "Invocation") -> None:
        self.aws_request_id = invocation.request_id
        self.log_group_name = function.log_group_name
        self.log_stream_name = function.log_stream_name
        self.function_name = function.name
        self.memory_limit_in_mb = function.memory_limit_in_mb
        self.function_version = function.version
        self.invoked_function_arn = invocation.function_arn
        self.client_context: ClientContext | None = None
        self.identity = CognitoIdentity()
        self.tenant_id = invocation.tenant_id
        self._epoch_deadline_time_in_ms = invocation.deadline_in_ms
        if invocation.client_context or invocation.cognito_identity:
            from layer_runtime.caller import describe

            describe(self, invocation)

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the platform ends this invocation; 0 when they are over."""
        return max(0, self._epoch_deadline_time_in_ms - time.time_ns() // 1_000_000)

    def w3c(self) -> dict[str, str]:
        """The W3C trace context that came with the call: ``traceparent``, ``tracestate``, ``baggage``."""
        return dict(self._w3c_fields)

    def log(self, message: object) -> None:
        """Writes the message to the log as it is, with no line end of its own."""
        log.write(str(message))

    def __repr__(self) -> str:
        return show(self, [name for name in vars(self) if not name.startswith("_")])


def show(record: object, names: "list[str] | tuple[str, ...]") -> str:
    """The record as the managed runtime shows it."""
    fields = ",".join(f"{name}={getattr(record, name)}" for name in names)
    return f"{type(record).__name__}([{fields}])"
