"""Responses that leave piece by piece. Imported for functions that stream.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

from layer_runtime.errors import Fault
from layer_runtime.lifecycle import process
from layer_runtime.payload import encode_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from typing import Any

    from layer_runtime.api import Invocation, RuntimeApi

BYTES = "application/octet-stream"
HTTP = "application/vnd.awslambda.http-integration-response"
HTTP_FIELDS = frozenset(("statusCode", "headers", "cookies"))
END_OF_PRELUDE = bytes(8)
OVER = "the response is over"


class ResponseStream:
    """The response to one invocation, as a file that can only be written to.

    Nothing leaves before the first piece: until then the handler may still fail, or return, as any other does.
    ``content_type`` counts until then, too.
    """

    def __init__(self, api: "RuntimeApi", invocation: "Invocation") -> None:
        self.content_type = BYTES
        self._api = api
        self._invocation = invocation

    def write(self, data: "str | bytes | bytearray | memoryview") -> int:
        """Sends bytes, or text as UTF-8, at once; how much of it, which is all.

        Raises ValueError when the response is over, and BrokenPipeError when Lambda reads no more of it.
        """
        piece = data.encode() if isinstance(data, str) else bytes(data)
        self._refuse_copy()
        with self._api.turn:
            self.begin()
            if piece:  # An empty chunk would be the end.
                self._api.send_chunk(piece)
        return len(data)

    def http(
        self,
        status_code: int = 200,
        headers: "Mapping[str, str] | None" = None,
        cookies: "Sequence[str] | None" = None,
    ) -> None:
        """Begins an HTTP response for a function URL. Raises ValueError when something was sent before."""
        fields: dict[str, Any] = {"statusCode": status_code}
        if headers is not None:
            fields["headers"] = dict(headers)
        if cookies is not None:
            fields["cookies"] = list(cookies)
        self._send_prelude(fields)

    def begin(self) -> None:
        """Says that the response is a stream, unless that was said."""
        self._refuse_copy()
        with self._api.turn:
            if self._api.invocation is not self._invocation:
                raise ValueError(OVER)
            if not self._api.is_streaming:
                self._api.begin_stream(self._invocation, self.content_type)

    def _refuse_copy(self) -> None:
        """The turn may be that of a thread which a copy of the process has not: nothing there waits for it."""
        if process.is_copy:
            raise ValueError(OVER)

    def send_piece(self, piece: "Any") -> None:
        """Sends what a generator yields: bytes, text, or first of all the beginning of an HTTP response."""
        if isinstance(piece, (str, bytes, bytearray, memoryview)):
            self.write(piece)
        elif isinstance(piece, dict) and not self._api.is_streaming and HTTP_FIELDS.issuperset(piece):
            self._send_prelude(piece)
        else:
            kind = type(piece).__name__
            message = f"Unable to marshal response: a piece of a stream is bytes or str, not {kind}"
            if isinstance(piece, dict):
                message += "; a dict of statusCode, headers and cookies can only be the first piece"
            raise Fault("Runtime.MarshalError", message)

    def _send_prelude(self, fields: "dict[str, Any]") -> None:
        if self._api.is_streaming:
            raise ValueError("an HTTP response has to begin before anything else is sent")
        self.content_type = HTTP
        try:
            prelude, _ = encode_result(fields)
        except Exception as error:
            raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error
        self.write(prelude + END_OF_PRELUDE)

    def flush(self) -> None:
        """Nothing is ever held back."""

    def writable(self) -> bool:
        return True

    @property
    def closed(self) -> bool:
        return self._api.invocation is not self._invocation


def with_stream(handler: "Callable[..., Any]", api: "RuntimeApi") -> "Callable[[Any, Any], Any]":
    """The handler with a ``response_stream`` in its arguments."""

    def call(event: "Any", context: "Any") -> "Any":
        return handler(event, context, response_stream=_stream(api))

    return call


def send_all(api: "RuntimeApi", generator: "Generator[Any, Any, Any]") -> None:
    """Sends what a generator yields, each piece at once."""
    stream = _stream(api)
    try:
        for piece in generator:
            stream.send_piece(piece)
    finally:
        generator.close()
    stream.begin()  # A stream of nothing is one, too.


def send_all_async(api: "RuntimeApi", generator: "Any") -> None:
    """Sends what an asynchronous generator yields, each piece at once."""
    from layer_runtime import coroutines

    stream = _stream(api)
    coroutines.run(coroutines.send_all(generator, stream))
    stream.begin()


def _stream(api: "RuntimeApi") -> ResponseStream:
    assert api.invocation is not None
    return ResponseStream(api, api.invocation)
