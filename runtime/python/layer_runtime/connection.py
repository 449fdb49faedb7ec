"""HTTP/1.1 over one kept-alive socket: just what it takes to talk to the Runtime API, in as few system calls."""

import time
from _socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_TCP,
    MSG_DONTWAIT,
    MSG_PEEK,
    MSG_WAITALL,
    SOCK_STREAM,
    TCP_NODELAY,
    socket,
)
from errno import EBADF, ENOTSOCK

READ_SIZE = 65536
"""Bytes asked for at once: most events arrive whole, with their headers."""

PAUSES = (0.0, 0.01, 0.05, 0.25, 1.0)
"""Seconds between tries to get a connection."""


class ConnectionBroken(Exception):
    """The other side cannot be reached, went away, or does not speak HTTP/1.1."""


class Answer:
    """One HTTP response: status, headers by lower-case name, body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Connection:
    """One connection to ``host:port``, made when it is first needed and anew when it has dropped.

    All failures are ConnectionBroken.
    """

    __slots__ = ("_address", "_endpoint", "_family", "_socket")

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.rpartition(":")
        self._endpoint = endpoint
        self._address = (host.strip("[]"), int(port))
        self._family = AF_INET6 if ":" in host else AF_INET
        self._socket: socket | None = None

    def ask(self, request: bytes) -> Answer:
        """Sends a request that may be repeated until the answer begins, and waits for it as long as it takes."""
        for pause in PAUSES:
            connection = self._socket or self._connect()
            try:
                connection.sendall(request)
                beginning = connection.recv(READ_SIZE)
            except OSError as error:
                self._drop(error)
            else:
                if beginning:
                    return self._receive(connection, beginning)
                self._drop()
            time.sleep(pause)
        raise ConnectionBroken(f"{self._endpoint} takes connections and closes them without an answer")

    def tell(self, request: bytes) -> Answer:
        """Sends a request that must not be repeated: once, on a connection that is alive as far as one can know."""
        connection = self._live() or self._connect()
        complete = True
        try:
            connection.sendall(request)
        except OSError:
            complete = False  # Who refuses a request may answer and hang up before reading all of it.
        try:
            beginning = connection.recv(READ_SIZE)
        except OSError:
            beginning = b""
        if not beginning:
            self._drop()
            raise ConnectionBroken(f"{self._endpoint} took a request and closed the connection without an answer")
        answer = self._receive(connection, beginning)
        if not complete:
            self._drop()
        return answer

    def _connect(self) -> socket:
        problem: OSError | None = None
        for pause in PAUSES:
            connection = socket(self._family, SOCK_STREAM)
            connection.settimeout(None)  # The function may have set a default.
            try:
                connection.connect(self._address)
                connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            except OSError as error:
                problem = error
                connection.close()
                time.sleep(pause)
            else:
                self._socket = connection
                return connection
        raise ConnectionBroken(f"{self._endpoint} cannot be reached: {problem}") from problem

    def _live(self) -> socket | None:
        """The connection, unless it was closed, or broken by the function, since the last answer."""
        if self._socket is None:
            return None
        try:
            self._socket.recv(1, MSG_PEEK | MSG_DONTWAIT)
        except BlockingIOError:
            return self._socket  # Nothing to read, not even an end.
        except OSError as error:
            self._drop(error)
        else:
            self._drop()
        return None

    def _drop(self, error: OSError | None = None) -> None:
        connection, self._socket = self._socket, None
        if connection is None:
            return
        if error is not None and error.errno in (EBADF, ENOTSOCK):
            connection.detach()  # The function closed the descriptor, and the number may be some file's by now.
            return
        try:
            connection.close()
        except OSError:
            pass  # Gone is gone.

    def _receive(self, connection: socket, beginning: bytes) -> Answer:
        try:
            answer, reusable = _read_answer(connection, beginning)
        except (OSError, EOFError, ValueError) as error:
            self._drop()
            raise ConnectionBroken(f"{self._endpoint} sent an answer that cannot be read: {error}") from error
        if not reusable:
            self._drop()
        return answer


def _read_answer(connection: socket, data: bytes) -> tuple[Answer, bool]:
    """One answer, and whether the connection can take another request."""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _more(connection)
    lines = data[:end].decode("utf-8", "replace").split("\r\n")
    data = data[end + 4 :]
    version, _, status_text = lines[0].partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(f"it begins with {lines[0][:40]!r}")
    status = int(status_text[:3])
    if status < 200:  # Interim: the answer is still to come.
        return _read_answer(connection, data)
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    reusable = version != "HTTP/1.0" and headers.get("connection", "").lower() != "close"
    if "transfer-encoding" in headers:
        body, rest = _read_chunks(connection, data)
    elif "content-length" in headers:
        body, rest = _read_exactly(connection, data, int(headers["content-length"]))
    elif status in (204, 304):
        body, rest = b"", data
    else:
        body, rest, reusable = _read_to_the_end(connection, data), b"", False
    # What follows an answer answers nothing that was asked.
    return Answer(status, headers, body), reusable and not rest


def _more(connection: socket) -> bytes:
    data = connection.recv(READ_SIZE)
    if not data:
        raise EOFError("the connection was closed in the middle of it")
    return data


def _read_exactly(connection: socket, data: bytes, size: int) -> tuple[bytes, bytes]:
    """``size`` bytes, and what was read beyond them."""
    if len(data) < size:
        pieces = [data]
        missing = size - len(data)
        while missing > 0:
            piece = connection.recv(missing, MSG_WAITALL)
            if not piece:
                raise EOFError(f"the connection was closed {missing} bytes before its end")
            pieces.append(piece)
            missing -= len(piece)
        data = b"".join(pieces)
    return data[:size], data[size:]


def _read_chunks(connection: socket, data: bytes) -> tuple[bytes, bytes]:
    """The body of a chunked answer, and what was read beyond it; trailers are read and left."""
    chunks = []
    while True:
        line, data = _read_line(connection, data)
        size = int(line.partition(b";")[0], 16)
        if size == 0:
            break
        chunk, data = _read_exactly(connection, data, size + 2)
        chunks.append(chunk[:size])
    while line:
        line, data = _read_line(connection, data)
    return b"".join(chunks), data


def _read_line(connection: socket, data: bytes) -> tuple[bytes, bytes]:
    while (end := data.find(b"\r\n")) < 0:
        data += _more(connection)
    return data[:end], data[end + 2 :]


def _read_to_the_end(connection: socket, data: bytes) -> bytes:
    while piece := connection.recv(READ_SIZE):
        data += piece
    return data
