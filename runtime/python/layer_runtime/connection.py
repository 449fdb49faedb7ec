"""HTTP/1.1 over one kept-alive socket: just what it takes to talk to the Runtime API, in as few system calls."""

import os
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

HIGHEST_STANDARD_STREAM = 2


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

    __slots__ = ("_address", "_endpoint", "_family", "_identity", "_socket", "_whole")

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.rpartition(":")
        self._endpoint = endpoint
        self._address = (host.strip("[]"), int(port))
        self._family = AF_INET6 if ":" in host else AF_INET
        self._socket: socket | None = None
        self._identity = (0, 0)
        self._whole = True

    def ask(self, request: bytes) -> Answer:
        """Sends a request that may be repeated until the answer begins, and waits for it as long as it takes."""
        for pause in PAUSES:
            connection = self._socket or self._connect()
            try:
                connection.sendall(request)
                beginning = connection.recv(READ_SIZE)
            except OSError as error:
                self.drop(error)
            else:
                if beginning:
                    return self._receive(connection, beginning)
                self.drop()
            time.sleep(pause)
        raise ConnectionBroken(f"{self._endpoint} takes connections and closes them without an answer")

    def tell(self, request: bytes) -> Answer:
        """Sends a request that must not be repeated: once, on a connection that is alive as far as one can know."""
        self.begin(request)
        return self.end()

    def begin(self, data: bytes) -> None:
        """Sends a request that must not be repeated, or its first part."""
        connection = self._live() or self._connect()
        self._whole = True
        self._send(connection, data)

    def go_on(self, *parts: bytes) -> bool:
        """Sends more of the request; False when the other side, or the function, closed the connection."""
        connection = self._socket
        if connection is None or not self._whole or not self._is_same(connection):
            self._whole = False
            return False
        self._send(connection, parts[0] if len(parts) == 1 else b"".join(parts))
        return self._whole

    def end(self) -> Answer:
        """The answer to the request."""
        connection = self._socket
        beginning = b""
        try:
            if connection is not None and (self._whole or self._is_same(connection)):
                beginning = connection.recv(READ_SIZE)
        except OSError:
            pass
        if connection is None or not beginning:
            self.drop()
            raise ConnectionBroken(f"{self._endpoint} took a request and closed the connection without an answer")
        answer = self._receive(connection, beginning)
        if not self._whole:
            self.drop()
        return answer

    def drop(self, error: OSError | None = None) -> None:
        """Closes the connection, if there is one."""
        connection, self._socket = self._socket, None
        if connection is None:
            return
        if (error is not None and error.errno in (EBADF, ENOTSOCK)) or not self._is_same(connection):
            connection.detach()  # The function closed the descriptor, and the number may be some file's by now.
            return
        try:
            connection.close()
        except OSError:
            pass  # Gone is gone.

    def _send(self, connection: socket, data: bytes) -> None:
        try:
            connection.sendall(data)
        except OSError:
            self._whole = False  # Who refuses a request may answer and hang up before reading all of it.

    def _is_same(self, connection: socket) -> bool:
        """Whether the descriptor is still the one that was opened, and not what the function opened in its place."""
        try:
            status = os.fstat(connection.fileno())
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._identity

    def _connect(self) -> socket:
        problem: OSError | None = None
        for pause in PAUSES:
            connection = _above_standard_streams(socket(self._family, SOCK_STREAM))
            connection.settimeout(None)  # The function may have set a default.
            try:
                connection.connect(self._address)
                connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            except OSError as error:
                problem = error
                connection.close()
                time.sleep(pause)
            else:
                status = os.fstat(connection.fileno())
                self._identity = (status.st_dev, status.st_ino)
                self._socket = connection
                return connection
        raise ConnectionBroken(f"{self._endpoint} cannot be reached: {problem}") from problem

    def _live(self) -> socket | None:
        """The connection, unless it was closed, or broken by the function, since the last answer."""
        connection = self._socket
        if connection is None:
            return None
        if self._is_same(connection):
            try:
                connection.recv(1, MSG_PEEK | MSG_DONTWAIT)
            except BlockingIOError:
                return connection  # Nothing to read, not even an end.
            except OSError:
                pass
        self.drop()
        return None

    def _receive(self, connection: socket, beginning: bytes) -> Answer:
        try:
            answer, reusable = _read_answer(connection, beginning)
        except (OSError, EOFError, ValueError) as error:
            self.drop()
            raise ConnectionBroken(f"{self._endpoint} sent an answer that cannot be read: {error}") from error
        if not reusable:
            self.drop()
        return answer


def _above_standard_streams(connection: socket) -> socket:
    """The same socket under another number, if the function closed a standard stream: prints would end up in it."""
    if connection.fileno() > HIGHEST_STANDARD_STREAM:
        return connection
    from fcntl import F_DUPFD_CLOEXEC, fcntl

    copy = socket(fileno=fcntl(connection, F_DUPFD_CLOEXEC, HIGHEST_STANDARD_STREAM + 1))
    connection.close()
    return copy


def _read_answer(connection: socket, data: bytes) -> tuple[Answer, bool]:
    """One answer, and whether the connection can take another request."""
    status = 0
    while status < 200:  # Below that it is interim, and the answer is still to come.
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += _more(connection)
        lines = data[:end].decode("utf-8", "replace").split("\r\n")
        data = data[end + 4 :]
        version, _, status_text = lines[0].partition(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError(f"it begins with {lines[0][:40]!r}")
        status = _number(status_text[:3], 10)
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    reusable = version != "HTTP/1.0" and headers.get("connection", "").lower() != "close"
    if "transfer-encoding" in headers:
        body, rest = _read_chunks(connection, data)
    elif "content-length" in headers:
        body, rest = _read_exactly(connection, data, _number(headers["content-length"], 10))
    elif status in (204, 304):
        body, rest = b"", data
    else:
        body, rest, reusable = _read_to_the_end(connection, data), b"", False
    # What follows an answer answers nothing that was asked.
    return Answer(status, headers, body), reusable and not rest


def _number(text: str, base: int) -> int:
    """Digits alone: ``int`` would take signs, underscores, spaces and other scripts' digits too."""
    if not (text.isascii() and text.isalnum()):
        raise ValueError(f"{text[:40]!r} is not a number")
    return int(text, base)


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
        size = _number(line.partition(b";")[0].strip().decode("utf-8", "replace"), 16)
        if size == 0:
            break
        chunk, data = _read_exactly(connection, data, size + 2)
        if chunk[size:] != b"\r\n":
            raise ValueError(f"a chunk of {size} bytes does not end where it should")
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
