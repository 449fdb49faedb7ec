"""The Runtime API's calls: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html"""

import sys

from layer_runtime import VERSION
from layer_runtime.connection import Answer, Connection, ConnectionBroken
from layer_runtime.errors import ErrorReport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

BASE = "/2018-06-01/runtime"
USER_AGENT = f"static-python-layer/{VERSION} CPython/{sys.version.partition(' ')[0]}"


class ApiError(Exception):
    """A call was refused, or did not get through; the text is for the log."""


class Invocation:
    """One event and what the Runtime API says about it; None is a header that was not sent."""

    __slots__ = (
        "body",
        "client_context",
        "cognito_identity",
        "content_type",
        "deadline_in_ms",
        "function_arn",
        "invocation_id",
        "request_id",
        "tenant_id",
        "trace_id",
    )

    def __init__(self, headers: "Mapping[str, str]", body: bytes) -> None:
        get = headers.get
        self.request_id = headers["lambda-runtime-aws-request-id"]
        self.deadline_in_ms = int(get("lambda-runtime-deadline-ms") or 0)
        self.function_arn = get("lambda-runtime-invoked-function-arn")
        self.trace_id = get("lambda-runtime-trace-id")
        self.client_context = get("lambda-runtime-client-context")
        self.cognito_identity = get("lambda-runtime-cognito-identity")
        self.tenant_id = get("lambda-runtime-aws-tenant-id")
        self.invocation_id = get("lambda-runtime-invocation-id")
        self.content_type = get("content-type") or "application/json"
        self.body = body


class RuntimeApi:
    """The Runtime API at ``host:port``. Every method raises ApiError when its call fails."""

    __slots__ = ("_common", "_connection", "_next")

    def __init__(self, endpoint: str) -> None:
        try:
            self._connection = Connection(endpoint)
        except ValueError:
            raise ApiError(f"AWS_LAMBDA_RUNTIME_API is {endpoint!r}: it should be host:port") from None
        self._common = f"HTTP/1.1\r\nHost: {endpoint}\r\nUser-Agent: {USER_AGENT}\r\n"
        self._next = f"GET {BASE}/invocation/next {self._common}\r\n".encode()

    def next(self) -> Invocation:
        """Waits for the next invocation, as long as it takes."""
        try:
            answer = self._connection.ask(self._next)
        except ConnectionBroken as error:
            raise ApiError(f"no next invocation: {error}") from error
        _expect_success("no next invocation", answer)
        try:
            return Invocation(answer.headers, answer.body)
        except (KeyError, ValueError) as error:
            raise ApiError(f"the next invocation has headers that make no sense: {error!r}") from error

    def respond(self, invocation: Invocation, body: bytes, content_type: str) -> None:
        """Hands in an invocation's result."""
        self._post(f"/invocation/{invocation.request_id}/response", body, content_type, _echo(invocation))

    def fail(self, invocation: Invocation, error: ErrorReport) -> None:
        """Says that an invocation failed."""
        self._post_error(f"/invocation/{invocation.request_id}/error", error, _echo(invocation))

    def fail_init(self, error: ErrorReport) -> None:
        """Says that the function could not be loaded."""
        self._post_error("/init/error", error)

    def _post_error(self, path: str, error: ErrorReport, headers: str = "") -> None:
        error_type = _header_safe(error.error_type)
        headers += f"Lambda-Runtime-Function-Error-Type: {error_type}\r\n"
        self._post(path, error.to_json(), "application/json", headers)

    def _post(self, path: str, body: bytes, content_type: str, headers: str) -> None:
        head = (
            f"POST {BASE}{path} {self._common}Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
            f"{headers}\r\n"
        )
        try:
            answer = self._connection.tell(head.encode() + body)
        except ConnectionBroken as error:
            raise ApiError(f"POST {path}: {error}") from error
        _expect_success(f"POST {path}", answer)


def _echo(invocation: Invocation) -> str:
    """The header that ties an answer to one try of an invocation, if the platform told its id."""
    return f"Lambda-Runtime-Invocation-Id: {invocation.invocation_id}\r\n" if invocation.invocation_id else ""


def _header_safe(text: str) -> str:
    """An exception's class may have any name; a header is printable ASCII."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)


def _expect_success(what: str, answer: Answer) -> None:
    if not 200 <= answer.status < 300:
        raise ApiError(f"{what}: the Runtime API answered {answer.status}: {answer.body.decode(errors='replace')}")
