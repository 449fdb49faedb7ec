"""ASGI applications as handlers. Imported for functions that ask for ``layer_runtime.asgi``.

https://asgi.readthedocs.io/en/latest/specs/
"""

import asyncio
import atexit
import sys

from layer_runtime import environment
from layer_runtime.http_events import request_of, result_of, split_cookies
from layer_runtime.report import ErrorReport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from layer_runtime.context import LambdaContext
    from layer_runtime.http_events import Headers, Request
    from layer_runtime.streaming import ResponseStream

    Message = dict[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

VERSIONS = {"version": "3.0", "spec_version": "2.4"}
"""2.4: an application whose caller has gone learns it from an OSError of ``send``."""
PORTS = {"http": 80, "https": 443}


def asgi(app: "Application", *, stream: bool = False) -> "Callable[..., Any]":
    """A handler that serves an application, which is started now and ended with the process.

    ``stream``: each piece of a response leaves when it is sent. No event tells how its response will be read, so this
    has to be what the function URL's invoke mode is, or the transfer mode of API Gateway's integration. Both are
    buffered unless they are set, and so is this.

    Raises what the application's start-up raises. Where this process only imports the function, for workers to be
    forked from it, each of them starts the application at its first request: an event loop survives no fork.
    """
    lifespan = Lifespan(app)
    workers = sys.modules.get("layer_runtime.workers")
    if not (workers and environment.get(workers.PRELOAD)):
        from layer_runtime.coroutines import run

        run(lifespan.start())

    async def serve(event: "Any", context: "LambdaContext", response: "Response") -> None:
        if not lifespan.is_begun:
            await lifespan.start()
        scope = scope_of(response.request) | {"aws.event": event, "aws.context": context}
        if lifespan.is_supported:
            scope["state"] = lifespan.state.copy()
        try:
            await app(scope, response.receive, response.send)
        except Exception as error:
            if not response.is_complete:
                raise
            # Frameworks answer with an error page, and raise then.
            ErrorReport(error, context.aws_request_id).write()
        if not response.is_over:
            raise RuntimeError("the application returned, and its response is not complete")

    async def handle(event: "Any", context: "LambdaContext") -> "dict[str, Any]":
        response = Response(request_of(event))
        await serve(event, context, response)
        return result_of(response.request, response.status, response.headers, b"".join(response.pieces))

    async def handle_stream(event: "Any", context: "LambdaContext", response_stream: "ResponseStream") -> None:
        await serve(event, context, StreamedResponse(request_of(event), response_stream))

    return handle_stream if stream else handle


def scope_of(request: "Request") -> "dict[str, Any]":
    """What an application is told of a request."""
    scheme = request.header("x-forwarded-proto") or "https"
    host, port = request.header("host"), request.header("x-forwarded-port") or ""
    return {
        "type": "http",
        "asgi": VERSIONS,
        "http_version": request.protocol.rpartition("/")[2],
        "method": request.method,
        "scheme": scheme,
        "path": request.path,
        "raw_path": request.raw_path.encode(),
        "root_path": request.root_path,
        "query_string": request.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in request.headers],
        "client": (request.client, 0) if request.client else None,
        "server": (host.partition(":")[0], int(port) if port.isdecimal() else PORTS.get(scheme)) if host else None,
    }


class Response:
    """One request's body, and what the application answers: its two channels."""

    def __init__(self, request: "Request") -> None:
        self.request = request
        self.status = 0
        self.headers: Headers = []
        self.pieces: list[bytes] = []
        self.is_complete = False
        self._is_read = False
        self._over = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """It is complete, or nobody reads it any more."""
        return self._over.is_set()

    async def receive(self) -> "Message":
        if not self._is_read:
            self._is_read = True
            return {"type": "http.request", "body": self.request.body, "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: "Message") -> None:
        """Raises OSError when the caller has gone, and RuntimeError for a message out of turn."""
        match message["type"]:
            case "http.response.start" if not self.status:
                self.status = message["status"]
                self.headers = [(_text(name).lower(), _text(value)) for name, value in message.get("headers", ())]
            case "http.response.body" if self.status and not self.is_complete:
                # Servers leave the body of an answer to HEAD out; applications do not always.
                self._take(b"" if self.request.method == "HEAD" else bytes(message.get("body", b"")))
                if not message.get("more_body", False):
                    self.is_complete = True
                    self._over.set()
            case kind:
                raise RuntimeError(f"the application sent {kind} out of turn")

    def _take(self, piece: bytes) -> None:
        self.pieces.append(piece)


class StreamedResponse(Response):
    """The same, each piece sent at once. Status and headers go with the first: until then it may become an error."""

    def __init__(self, request: "Request", stream: "ResponseStream") -> None:
        super().__init__(request)
        self._stream = stream
        self._has_begun = False

    def _take(self, piece: bytes) -> None:
        try:
            if not self._has_begun:
                self._has_begun = True
                self._stream.http(self.status, **split_cookies(self.headers))
            self._stream.write(piece)
        except OSError:
            self._over.set()
            raise


class Lifespan:
    """An application's start-up and shutdown, which one call of it goes through while others serve requests."""

    def __init__(self, app: "Application") -> None:
        self.is_begun = False
        self.is_supported = True
        self.state: dict[str, Any] = {}
        self._app = app
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Future[None]
        self._answer: asyncio.Future[None]

    async def start(self) -> None:
        """Raises what the application's start-up raises; RuntimeError for one that only says that it failed."""
        scope = {"type": "lifespan", "asgi": VERSIONS, "state": self.state}
        self._task = asyncio.ensure_future(self._app(scope, self._messages.get, self._send))
        await self._tell("startup")
        self.is_begun = True
        atexit.register(self.end)

    def end(self) -> None:
        """Tells the application, if it is one that wants to know, and waits for its shutdown."""
        from layer_runtime.coroutines import event_loop, run

        if not event_loop.is_running() and not self._task.done():
            run(self._tell("shutdown"))

    async def _tell(self, phase: str) -> None:
        self._answer = asyncio.get_running_loop().create_future()
        self._messages.put_nowait({"type": f"lifespan.{phase}"})
        await asyncio.wait((self._task, self._answer), return_when=asyncio.FIRST_COMPLETED)
        error = self._task.exception() if self._task.done() else None
        if self._answer.done():
            # One that raises after saying that it failed, as frameworks do, tells more by that.
            if failure := self._answer.exception():
                raise error or failure
        elif error and self.is_supported and self._messages.empty():
            raise error
        else:
            self.is_supported = False  # It ended without asking what for, or took this for a request.

    async def _send(self, message: "Message") -> None:
        match message["type"].split("."):
            case ["lifespan", _, "complete"]:
                self._answer.set_result(None)
            case ["lifespan", phase, "failed"]:
                self._answer.set_exception(RuntimeError(message.get("message") or f"the application's {phase} failed"))
            case _:
                self.is_supported = False
                raise RuntimeError(f"the application sent {message['type']} in its lifespan")


def _text(data: bytes) -> str:
    return bytes(data).decode("latin-1")
