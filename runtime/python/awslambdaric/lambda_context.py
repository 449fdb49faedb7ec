"""The classes of the handler's second argument."""

from layer_runtime import context
from layer_runtime.api import Invocation
from layer_runtime.caller import W3C_FIELDS as W3C_ALLOWED_FIELDS
from layer_runtime.caller import Client, ClientContext
from layer_runtime.context import CognitoIdentity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["W3C_ALLOWED_FIELDS", "Client", "ClientContext", "CognitoIdentity", "LambdaContext"]


class _ContextType(type):
    """Every context is an instance, whoever made it."""

    def __instancecheck__(cls, instance: object) -> bool:
        if cls is LambdaContext:
            return isinstance(instance, context.LambdaContext)
        return super().__instancecheck__(instance)


class LambdaContext(context.LambdaContext, metaclass=_ContextType):
    """One invocation's context, made of its parts, for those who call a handler themselves."""

    def __init__(
        self,
        invoke_id: str,
        client_context: "dict[str, Any] | None",
        cognito_identity: "dict[str, Any] | None",
        epoch_deadline_time_in_ms: int,
        invoked_function_arn: str | None = None,
        tenant_id: str | None = None,
    ) -> None:
        values = (invoke_id, None, invoked_function_arn, None, None, None, tenant_id, None, None)
        super().__init__(context.Function(), Invocation(values, b""))
        self._epoch_deadline_time_in_ms = epoch_deadline_time_in_ms
        if client_context is not None:
            w3c = client_context.pop("w3c", None)
            if isinstance(w3c, dict):
                self._w3c_fields = {name: w3c[name] for name in W3C_ALLOWED_FIELDS if isinstance(w3c.get(name), str)}
            self.client_context = ClientContext(client_context)
        if cognito_identity is not None:
            self.identity = CognitoIdentity(
                cognito_identity.get("cognitoIdentityId"), cognito_identity.get("cognitoIdentityPoolId")
            )
