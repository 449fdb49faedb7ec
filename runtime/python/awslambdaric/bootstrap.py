"""The managed runtime's loop, as far as other people's code looks at it. Replacing something in here is noticed."""

import sys
from types import ModuleType

from layer_runtime import environment, managed
from layer_runtime.handler import find_handler as _get_handler
from layer_runtime.log import log

from awslambdaric.lambda_context import LambdaContext
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient
from awslambdaric.lambda_runtime_exception import FaultException
from awslambdaric.lambda_runtime_marshaller import to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = [
    "FaultException",
    "LambdaContext",
    "LambdaRuntimeClient",
    "StandardLogSink",
    "_get_handler",
    "client",
    "handle_event_request",
    "log_sink",
    "make_error",
    "to_json",
]

OF_LOGGING = ("LambdaLoggerFilter", "LambdaLoggerHandler", "LambdaLoggerHandlerWithFrameType", "JsonFormatter")


class StandardLogSink:
    """Where the loop's own records go."""

    def log(self, msg: str, frame_type: object = None) -> None:  # noqa: ARG002 - part of its signature
        """Writes a message as it is."""
        log.write(msg)

    def log_error(self, message_lines: list[str]) -> None:
        """Writes lines as one record."""
        log.write("\r".join(message_lines) + "\n")


def make_error(
    error_message: str, error_type: str, stack_trace: list[str], invoke_id: str | None = None
) -> "dict[str, Any]":
    """An error as the Runtime API wants it."""
    return {
        "errorMessage": error_message or "",
        "errorType": error_type or "",
        "requestId": invoke_id or "",
        "stackTrace": stack_trace or [],
    }


def handle_event_request(
    lambda_runtime_client: LambdaRuntimeClient,
    request_handler: "Callable[[Any, Any], Any]",
    *_invocation: object,
    **_more: object,
) -> None:
    """Runs the handler on the invocation that waits for an answer, and hands that in."""
    managed.answer(lambda_runtime_client, request_handler)


client = LambdaRuntimeClient(environment.get("AWS_LAMBDA_RUNTIME_API") or "")
log_sink = StandardLogSink()


class _Bootstrap(ModuleType):
    """A module that notices when something in it is replaced."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "handle_event_request":
            managed.notice()

    def __getattr__(self, name: str) -> object:
        """What needs ``logging``, when it is asked for."""
        if name not in OF_LOGGING:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        from layer_runtime import function_logging

        return getattr(function_logging, name)


sys.modules[__name__].__class__ = _Bootstrap
