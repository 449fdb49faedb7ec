"""Events and results as JSON: a marshaller of the function's own may take the place of the client's."""

from layer_runtime import managed
from layer_runtime.payload import decode_event, encode_result

from awslambdaric.lambda_runtime_exception import FaultException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def to_json(obj: object) -> str:
    """JSON, as results have it."""
    body, _ = encode_result(obj)
    return body.decode()


class LambdaMarshaller:
    """What the client has, unless somebody gives it another."""

    def unmarshal_request(self, request: bytes, content_type: str = "application/json") -> "Any":
        """The event. Raises FaultException for what is no JSON and should be."""
        try:
            return decode_event(request, content_type)
        except (ValueError, RecursionError) as error:
            raise FaultException(FaultException.UNMARSHAL_ERROR, f"Unable to unmarshal input: {error}") from None

    def marshal_response(self, response: object) -> "tuple[bytes | str, str]":
        """Body and content type. Raises FaultException for what JSON cannot say."""
        try:
            body, content_type = encode_result(response)
        except Exception as error:
            raise FaultException(FaultException.MARSHAL_ERROR, f"Unable to marshal response: {error}") from None
        return body if isinstance(response, bytes) else body.decode(), content_type

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        managed.notice_marshaller()
