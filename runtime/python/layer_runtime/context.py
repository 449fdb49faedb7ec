"""The handler's second argument."""

import os
import time

from layer_runtime.log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

W3C_FIELDS = ("traceparent", "tracestate", "baggage")


class _Record:
    """Fields of a JSON object as attributes; None where it has none."""

    __slots__: tuple[str, ...] = ()

    def __init__(self, fields: "dict[str, Any]") -> None:
        for name in self.__slots__:
            setattr(self, name, fields.get(name))

    def __repr__(self) -> str:
        return _show(self, self.__slots__)


class CognitoIdentity(_Record):
    """Who called, if Amazon Cognito signed the caller in."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(_Record):
    """The mobile app that called."""

    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class ClientContext(_Record):
    """What a client sent along with the call."""

    __slots__ = ("custom", "env", "client")

    def __init__(self, fields: "dict[str, Any]") -> None:
        super().__init__(fields)
        client = fields.get("client")
        self.client = None if client is None else Client(client)


class Function:
    """What stays the same from one invocation to the next, out of the environment."""

    __slots__ = ("log_group_name", "log_stream_name", "memory_limit_in_mb", "name", "version")

    def __init__(self) -> None:
        self.name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")


class LambdaContext:
    """One invocation, for its handler; the attributes are the managed runtime's.

    ``client_context`` and ``cognito_identity`` are the decoded JSON objects, or None.
    """

    def __init__(
        self,
        function: Function,
        request_id: str,
        deadline_in_ms: int,
        invoked_function_arn: str,
        tenant_id: str | None,
        client_context: "dict[str, Any] | None",
        cognito_identity: "dict[str, Any] | None",
    ) -> None:
        self.aws_request_id = request_id
        self.log_group_name = function.log_group_name
        self.log_stream_name = function.log_stream_name
        self.function_name = function.name
        self.memory_limit_in_mb = function.memory_limit_in_mb
        self.function_version = function.version
        self.invoked_function_arn = invoked_function_arn
        self.client_context = None if client_context is None else ClientContext(client_context)
        identity = cognito_identity or {}
        self.identity = CognitoIdentity(
            {
                "cognito_identity_id": identity.get("cognitoIdentityId"),
                "cognito_identity_pool_id": identity.get("cognitoIdentityPoolId"),
            }
        )
        self.tenant_id = tenant_id
        self._w3c = client_context and client_context.get("w3c")
        self._deadline_in_ms = deadline_in_ms

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the platform ends this invocation; 0 when they are over."""
        return max(0, self._deadline_in_ms - time.time_ns() // 1_000_000)

    def w3c(self) -> dict[str, str]:
        """The W3C trace context that came with the call: ``traceparent``, ``tracestate``, ``baggage``."""
        fields = self._w3c if isinstance(self._w3c, dict) else {}
        return {name: fields[name] for name in W3C_FIELDS if isinstance(fields.get(name), str)}

    def log(self, message: object) -> None:
        """Writes the message to the log as it is, with no line end of its own."""
        log.write(str(message))

    def __repr__(self) -> str:
        return _show(self, [name for name in vars(self) if not name.startswith("_")])


def _show(record: object, names: "list[str] | tuple[str, ...]") -> str:
    fields = ",".join(f"{name}={getattr(record, name)}" for name in names)
    return f"{type(record).__name__}([{fields}])"
