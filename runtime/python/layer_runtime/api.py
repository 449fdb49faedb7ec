"""The Runtime API's calls: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html"""

import sys
from _thread import RLock

from _layer_runtime import Connection

from layer_runtime import VERSION
from layer_runtime.log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from _layer_runtime import Answer

    from layer_runtime.report import ErrorReport

BASE = "/2018-06-01/runtime"
INIT_ERROR = "/init/error"
ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
ERROR_BODY = "Lambda-Runtime-Function-Error-Body"
USER_AGENT = f"static-python-layer/{VERSION} CPython/{sys.version.partition(' ')[0]}"


class ApiError(Exception):
    """A call was refused, or did not get through; the text is for the log."""


class Invocation:
    """One event and what the Runtime API says about it; None is a header that was not sent, or is empty.

    Lambda Managed Instances send all of them, and empty those that there is nothing to say in.
    """

    HEADERS = (
        "lambda-runtime-aws-request-id",
        "lambda-runtime-deadline-ms",
        "lambda-runtime-invoked-function-arn",
        "lambda-runtime-trace-id",
        "lambda-runtime-client-context",
        "lambda-runtime-cognito-identity",
        "lambda-runtime-aws-tenant-id",
        "lambda-runtime-invocation-id",
        "content-type",
    )
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

    def __init__(self, values: "Sequence[str | None]", body: bytes) -> None:
        """``values`` are those of HEADERS. Raises ApiError without a request id: nothing could be answered."""
        (
            request_id,
            deadline,
            arn,
            trace_id,
            self.client_context,
            self.cognito_identity,
            tenant_id,
            self.invocation_id,
            content_type,
        ) = values
        if not request_id:
            raise ApiError("the next invocation has no request id")
        self.request_id = request_id
        self.trace_id = trace_id or None
        self.tenant_id = tenant_id or None
        self.deadline_in_ms = int(deadline) if deadline and deadline.isdecimal() else 0
        self.function_arn = arn or ""
        self.content_type = content_type or "application/json"
        self.body = body


class RuntimeApi:
    """The Runtime API at ``host:port``. Every method raises ApiError when its call fails.

    ``invocation`` is the one whose answer has not been begun, or goes on as a stream if ``is_streaming``. Both change
    right before the connection takes over the last of an answer, with no call in between, where Python would run
    signals' handlers: so whatever those raise, it is known whether there is still something to be answered.
    What they raise during a call is the business of ``interruptions``.

    ``turn`` is held by who begins an answer, adds to it or ends it: a function's threads may write to a stream, and be
    late. A signal's handler may write to it, too, in the thread that has the turn.
    """

    __slots__ = ("_common", "connection", "invocation", "is_streaming", "next_request", "turn")

    def __init__(self, endpoint: str) -> None:
        try:
            self.connection = Connection(endpoint, Invocation.HEADERS)
        except ValueError:
            raise ApiError(f"AWS_LAMBDA_RUNTIME_API is {endpoint!r}: it should be host:port") from None
        self.invocation: Invocation | None = None
        self.is_streaming = False
        self.turn = RLock()
        self._common = f"HTTP/1.1\r\nHost: {endpoint}\r\nUser-Agent: {USER_AGENT}\r\n"
        self.next_request = f"GET {BASE}/invocation/next {self._common}\r\n".encode()

    def next(self) -> Invocation:
        """Waits for the next invocation, as long as it takes."""
        while True:
            try:
                status, values, body = answer = self.connection.ask(self.next_request)
                break
            except Exception as error:
                pass_over(self, error, "no next invocation")
        if status != 200:
            expect_success("no next invocation", answer)
        self.invocation = Invocation(values, body)
        return self.invocation

    def respond(self, invocation: Invocation, body: bytes, content_type: str) -> None:
        """Hands in an invocation's result."""
        self._post(f"/invocation/{invocation.request_id}/response", body, content_type, _echo(invocation))

    def fail(self, invocation: Invocation, error: "ErrorReport") -> None:
        """Says that an invocation failed."""
        headers = _echo(invocation)
        if cause := error.to_xray():
            headers += f"Lambda-Runtime-Function-XRay-Error-Cause: {cause}\r\n"
        # The platform keeps Runtime.… and Function.…, and takes anything else for Runtime.Unknown.
        kept = error.error_type if "." in error.error_type else f"Function.{error.error_type}"
        self._post_error(f"/invocation/{invocation.request_id}/error", error, kept, headers)

    def fail_init(self, error: "ErrorReport", error_type: str | None = None) -> None:
        """Says that the function could not be loaded, under a type of the platform's if there is one."""
        self._post_error(INIT_ERROR, error, error_type or error.error_type)

    def begin_stream(self, invocation: Invocation, content_type: str) -> None:
        """Begins a result that is sent piece by piece."""
        text = (
            f"POST {BASE}/invocation/{invocation.request_id}/response {self._common}"
            f"Content-Type: {_header_safe(content_type)}\r\nTransfer-Encoding: chunked\r\n"
            f"Trailer: {ERROR_TYPE}, {ERROR_BODY}\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n"
            f"{_echo(invocation)}\r\n"
        )
        head = text.encode()
        self.is_streaming = True
        try:
            self.connection.begin(head)
        except ConnectionError as error:
            if not self.connection.failed:
                raise
            raise ApiError(f"the response of {invocation.request_id}: {error}") from error

    def send_chunk(self, piece: bytes) -> None:
        """Sends a piece, which is not empty. Raises BrokenPipeError when nobody reads any more."""
        if not self.connection.go_on(b"%X\r\n" % len(piece), piece, b"\r\n"):
            raise BrokenPipeError("Lambda has stopped reading the response")

    def end_stream(self, invocation: Invocation, error: "ErrorReport | None" = None) -> None:
        """Ends the stream, with the error that cut it short if there is one."""
        trailers = ""
        if error is not None:
            from binascii import b2a_base64

            body = b2a_base64(error.to_json(), newline=False).decode()
            trailers = f"{ERROR_TYPE}: {_header_safe(error.error_type)}\r\n{ERROR_BODY}: {body}\r\n"
        what = f"the response of {invocation.request_id}"
        ending = f"0\r\n{trailers}\r\n".encode()
        with self.turn:
            self.invocation = None
            self.is_streaming = False
            try:
                answer = self.connection.end(ending)
            except BaseException as raised:
                answer = finish(self, what, raised)
        if not 200 <= answer[0] < 300:
            not_taken(what, answer)

    def wait_for_restore(self) -> None:
        """Says that the function is ready for its snapshot, and returns in a copy of it."""
        request = f"GET {BASE}/restore/next {self._common}\r\n".encode()
        while True:
            try:
                answer = self.connection.ask(request)
                break
            except Exception as error:
                pass_over(self, error, "no restore")
        expect_success("no restore", answer)

    def fail_restore(self, error: "ErrorReport") -> None:
        """Says that the function cannot go on after a restore."""
        self._post_error("/restore/error", error, "Runtime.AfterRestoreError")

    def reconnect(self) -> None:
        """Leaves a connection that may have been another machine's."""
        self.connection.drop()

    def _post_error(self, path: str, error: "ErrorReport", error_type: str, headers: str = "") -> None:
        headers += f"{ERROR_TYPE}: {_header_safe(error_type)}\r\n"
        self._post(path, error.to_json(), "application/json", headers)

    def _post(self, path: str, body: bytes, content_type: str, headers: str) -> None:
        text = (
            f"POST {BASE}{path} {self._common}Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
            f"{headers}\r\n"
        )
        head = text.encode()
        with self.turn:
            self.invocation = None
            self.is_streaming = False  # a thread may have begun a stream just now
            try:
                answer = self.connection.tell(head, body)
            except BaseException as raised:
                answer = finish(self, f"POST {path}", raised)
        if not 200 <= answer[0] < 300:
            not_taken(f"POST {path}", answer)


def pass_over(api: RuntimeApi, error: Exception, what: str) -> None:
    """Goes through what was raised during a wait; raises ApiError if it was the connection."""
    from layer_runtime import interruptions

    interruptions.pass_over(api, error, what)


def finish(api: RuntimeApi, what: str, raised: BaseException) -> "Answer":
    """The answer to a request during which something was raised; raises ApiError if it was the connection."""
    from layer_runtime import interruptions

    return interruptions.finish(api, what, raised)


def not_taken(what: str, answer: "Answer") -> None:
    """Says why; raises ApiError if it is more than a warning."""
    if answer[0] == 410:
        log.warn(f"{what}: it came too late, the invocation had timed out")
    elif answer[0] != 403 or not what.endswith(INIT_ERROR):  # Where there are many workers, another one was first.
        expect_success(what, answer)


def _echo(invocation: Invocation) -> str:
    """The header that ties an answer to one try of an invocation, if the platform told its id."""
    return f"Lambda-Runtime-Invocation-Id: {invocation.invocation_id}\r\n" if invocation.invocation_id else ""


def _header_safe(text: str) -> str:
    """An exception's class may have any name; a header is printable ASCII."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)


def expect_success(what: str, answer: "Answer") -> None:
    status, _, body = answer
    if not 200 <= status < 300:
        raise ApiError(f"{what}: the Runtime API answered {status}: {body.decode(errors='replace')}")
