"""What is written in C, in ``runtime/python/native/``, and built into the interpreter."""

from typing import final

type Answer = tuple[int, tuple[str | None, ...], bytes]
"""Status, values of the headers that were asked for, body. Of headers with one name the last counts."""

@final
class Connection:
    """HTTP/1.1 over one kept-alive connection, made when it is first needed and again when it has dropped.

    ``endpoint`` is ``host:port``, ``[address]:port`` for IPv6; anything else is a ValueError. ``names`` are those of
    the headers that answers are read for, in any case. Every method raises ConnectionError when the other side cannot
    be reached, goes away, or does not speak HTTP/1.1; then ``failed`` is true. A request is given as one to three
    pieces. There are no time-outs: the Runtime API answers when there is an event.

    And every method raises whatever a signal's handler raises; then ``failed`` is false, and nothing is lost: what has
    been sent and read stays as it is. ``ask`` with the same object, and ``end``, go on from there, and give an answer
    once more if there is one already. What was handed to ``tell``, ``begin``, ``go_on`` or ``end`` has been taken over.
    """

    @property
    def failed(self) -> bool: ...
    def __new__(cls, endpoint: str, names: tuple[str, ...], /) -> Connection: ...
    def ask(self, request: bytes, /) -> Answer:
        """Sends a request that may be repeated until the answer begins, and waits for it as long as it takes."""

    def tell(self, *parts: bytes) -> Answer:
        """Sends a request that must not be repeated: once, on a connection that is alive as far as one can know."""

    def begin(self, *parts: bytes) -> None:
        """Sends a request that must not be repeated, or the beginning of one. A failure shows at its end."""

    def go_on(self, *parts: bytes) -> bool:
        """Sends more of the request; False when the other side, or the function, closed the connection."""

    def end(self, *parts: bytes) -> Answer:
        """The answer to the request that was begun, after the last of it."""

    def hurry(self, milliseconds: int, /) -> None:
        """Lets each send and each wait for an answer take no longer than that on this connection; ``ask``'s may."""

    def drop(self) -> None:
        """Closes the connection, if there is one."""

def to_json(value: object, /) -> bytes:
    """JSON of a value, in UTF-8. Raises ValueError where that is not plain.

    Plain are ``str`` without lone surrogates, ``int`` of 64 bits, finite ``float``, ``bool``, ``None``, and ``list``,
    ``tuple`` and ``dict`` of these with keys that are ``str``, all exactly of these types.
    """
