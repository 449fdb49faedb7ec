"""An internal extension that wants no events: Lambda sends SIGTERM only to environments that have an extension.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from _layer_runtime import Connection

from layer_runtime.log import log

NAME = "static-python-layer"
BASE = "/2020-01-01/extension"
IDENTIFIER = "Lambda-Extension-Identifier"
BODY = b'{"events": []}'


class Extension:
    """The registered extension. It has to be waiting for events, or initialisation would never be over."""

    __slots__ = ("_connection", "_next")

    def __init__(self, endpoint: str, identifier: str) -> None:
        self._next = (
            f"GET {BASE}/event/next HTTP/1.1\r\nHost: {endpoint}\r\n{IDENTIFIER}: {identifier}\r\n\r\n"
        ).encode()
        self._connection = Connection(endpoint, ())

    def wait(self) -> None:
        """Asks for an event that never comes, on a connection of its own that nobody reads."""
        self._connection.drop()
        try:
            self._connection.begin(self._next)
        except Exception as error:  # Or of a signal's handler, after a restore.
            log.complain(f"No graceful shutdown: {error}")

    def leave(self) -> None:
        """Closes a forked process's copy of that connection."""
        self._connection.drop()


def register(endpoint: str) -> Extension | None:
    """Registers it, and has it wait; without one there is no SIGTERM, and the log says so."""
    head = f"POST {BASE}/register HTTP/1.1\r\nHost: {endpoint}\r\nLambda-Extension-Name: {NAME}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    connection = Connection(endpoint, (IDENTIFIER,))
    try:
        status, (identifier,), body = connection.tell(head.encode(), BODY)
    except ConnectionError as error:
        log.complain(f"No graceful shutdown: {error}")
        return None
    connection.drop()
    if status != 200 or not identifier:
        text = body.decode(errors="replace")
        log.complain(f"No graceful shutdown: POST {BASE}/register was answered with {status}: {text}")
        return None
    extension = Extension(endpoint, identifier)
    extension.wait()
    return extension
