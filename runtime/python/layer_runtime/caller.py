"""Who called and from which mobile app: two JSON objects in headers. Imported for an invocation that has them."""

from layer_runtime.context import CognitoIdentity, show
from layer_runtime.errors import Fault
from layer_runtime.payload import from_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from layer_runtime.api import Invocation
    from layer_runtime.context import LambdaContext


W3C_FIELDS = ("traceparent", "tracestate", "baggage")


class _Record:
    """Fields of a JSON object as attributes; None where it has none."""

    __slots__: tuple[str, ...] = ()

    def __init__(self, fields: "dict[str, Any]") -> None:
        for name in self.__slots__:
            setattr(self, name, fields.get(name))

    def __repr__(self) -> str:
        return show(self, self.__slots__)


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


def describe(context: "LambdaContext", invocation: "Invocation") -> None:
    """Puts into the context what the headers say. Raises Fault for what is no JSON object."""
    fields = _object_in_header("Client Context", invocation.client_context)
    if fields is not None:
        context.client_context = ClientContext(fields)
        w3c = fields.get("w3c")
        if isinstance(w3c, dict):
            told = {name: w3c[name] for name in W3C_FIELDS if isinstance(w3c.get(name), str)}
            context._w3c_fields = told  # noqa: SLF001 - its own business, done here
    fields = _object_in_header("Cognito Identity", invocation.cognito_identity)
    if fields is not None:
        context.identity = CognitoIdentity(fields.get("cognitoIdentityId"), fields.get("cognitoIdentityPoolId"))


def _object_in_header(name: str, text: str | None) -> "dict[str, Any] | None":
    """A header's JSON object; None for none."""
    if not text:
        return None
    try:
        value = from_json(text.encode())
    except (ValueError, RecursionError) as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", f"Unable to parse {name} JSON: {error}") from None
    if value is None or isinstance(value, dict):
        return value
    reason = f"{type(value).__name__} is not an object"
    raise Fault("Runtime.LambdaContextUnmarshalError", f"Unable to parse {name} JSON: {reason}")
