"""A slot of Lambda Managed Instances: what its worker tells the parent, and the connection on which it asks for events.

The parent opens that connection, and keeps it when the worker dies: the request for an invocation outlives whoever made
it, and the next worker goes on waiting for its answer. An event is looked at before it is taken off the connection, and
what it takes to answer it is told to the parent first: so at whatever moment a worker is killed, the parent knows that
there was none, or which one it has to answer.
"""

import posix
import sys
import time
from _signal import set_wakeup_fd  # type: ignore[import-not-found]
from _socket import IPPROTO_TCP, MSG_PEEK, TCP_INFO, socket
from select import POLLIN, poll

from _layer_runtime import Connection

from layer_runtime.api import Invocation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from _layer_runtime import Answer

STARTING, IDLE, BUSY = range(3)
"""What a worker is at: nothing was asked for yet; it waits for an invocation; it has one."""
STATES = 4
SIZE = 1024
"""Bytes of shared memory for a slot: words of 64 bits, and from TEXT on the ids of its invocation."""
TEXT = 32
WORD, DEADLINE, LEFT, LENGTH = range(4)
"""Words: ``answers taken off the connection * STATES + state``, so that both change at once; milliseconds since 1970;
whether the worker asks on a connection of its own; bytes of text."""
UNSENT, SENT, SENT_AGAIN = slice(144, 148), slice(200, 208), slice(208, 216)
"""Bytes, in Linux's ``struct tcp_info`` (since 4.19). What was acknowledged says nothing: that may take 40 ms."""
MOST_HEAD = 16384
"""Bytes of an answer's head in which ids are looked for: the client context has at most 3,583."""
PAUSES = (0.1, 0.2, 0.4, 0.8)
"""Seconds before each further try, as in the managed runtime: while an environment ends, the platform answers 500."""


class Slot:
    """``pid`` is the worker's, 0 without one; the rest of what is not shared is for ``workers``."""

    def __init__(self, number: int, memory: memoryview) -> None:
        self.number = number
        self.pid = 0
        self.due: float | None = 0.0
        self.failures = self.unasked = 0
        self.before = 0
        self.is_overdue = False
        self.connection: Connection | None = None
        self.descriptor = -1
        self._words = memory[:TEXT].cast("Q")
        self._text = memory[TEXT:]

    @property
    def state(self) -> int:
        return self._words[WORD] % STATES

    @property
    def taken(self) -> int:
        return self._words[WORD] // STATES

    @property
    def deadline_in_ms(self) -> int:
        return self._words[DEADLINE]

    @property
    def ids(self) -> tuple[str, str]:
        """Request id and invocation id: empty if the last answer was no invocation, or there was no room for them."""
        text = bytes(self._text[: self._words[LENGTH]])
        request, _, invocation = text.decode(errors="replace").partition("\0")
        return request, invocation

    def start(self) -> None:
        """Tells of a worker that is new: it has had no invocation."""
        self.tell(STARTING)
        self._words[LENGTH] = 0

    def tell(self, state: int) -> None:
        self._words[WORD] = self._words[WORD] // STATES * STATES + state

    def take(self, request_id: bytes, invocation_id: bytes, deadline: bytes) -> None:
        """Tells of an answer to the request for an invocation; without an id it is none."""
        text = request_id + b"\0" + invocation_id
        if len(text) > len(self._text):
            text = b""
        self._text[: len(text)] = text
        self._words[LENGTH] = len(text)
        self._words[DEADLINE] = int(deadline) if deadline.isdigit() and len(deadline) < 19 else 0
        self._words[WORD] = (self._words[WORD] // STATES + 1) * STATES + (BUSY if request_id else IDLE)

    def connect(self, endpoint: str) -> None:
        """Opens the connection, if there is none, or its worker has left it, or died with an answer half taken.

        Raises ConnectionError.
        """
        if self.connection is not None and not self._words[LEFT] and self.state != BUSY:
            return
        self.disconnect()
        self._words[WORD] = self._words[LEFT] = 0
        connection = Connection(endpoint, Invocation.HEADERS)
        # The socket gets the lowest number that is free.
        self.descriptor = posix.open("/dev/null", posix.O_RDONLY)
        posix.close(self.descriptor)
        connection.begin(b"")  # A request of which nothing is sent yet.
        if _peer_port(self.descriptor) == int(endpoint.rpartition(":")[2]):  # Unless a thread took the number first.
            self.connection = connection

    def disconnect(self) -> None:
        if self.connection is not None:
            self.connection.drop()
            self.connection = None

    def leave(self) -> None:
        """From now on the worker asks on a connection of its own; the parent will open a new one."""
        self._words[LEFT] = 1
        self.disconnect()

    def is_asked(self, length: int) -> bool:
        """Whether a request of ``length`` bytes, the only one that is ever sent here, waits for its answer."""
        peer = socket(fileno=self.descriptor)
        try:
            info = peer.getsockopt(IPPROTO_TCP, TCP_INFO, SENT_AGAIN.stop)
        finally:
            peer.detach()
        unsent, sent, again = (int.from_bytes(info[part], sys.byteorder) for part in (UNSENT, SENT, SENT_AGAIN))
        return (unsent + sent - again) // length > self.taken


class SlotConnection:
    """The connection of a worker's ``RuntimeApi``: it asks on the slot's, and answers on another, its own.

    When the slot's connection is lost, by the platform or by what the function does to descriptors, the worker asks
    on its own, too. Then it can still tell of an invocation, but only after it has taken it.
    """

    def __init__(self, endpoint: str, slot: Slot, request_length: int) -> None:
        self._slot = slot
        self._own = self._last = Connection(endpoint, Invocation.HEADERS)
        self.go_on, self.hurry, self.drop = self._own.go_on, self._own.hurry, self._own.drop
        self._events = slot.connection
        self._is_first = True
        self._is_reading = False
        if self._events is None:
            slot.leave()
            return
        self._is_asked = slot.is_asked(request_length)
        self._send: Callable[[bytes], object] = self._events.go_on
        self._socket = socket(fileno=slot.descriptor)
        self._inode = posix.fstat(slot.descriptor).st_ino
        self._woken, self._waker = posix.pipe2(posix.O_NONBLOCK | posix.O_CLOEXEC)
        self._poll = poll()
        self._poll.register(slot.descriptor, POLLIN)
        self._poll.register(self._woken, POLLIN)

    @property
    def failed(self) -> bool:
        return self._last.failed

    def tell(self, *parts: bytes) -> "Answer":
        self._last = self._own
        answer = self._own.tell(*parts)
        self._answered()
        return answer

    def begin(self, *parts: bytes) -> None:
        self._last = self._own
        self._own.begin(*parts)

    def end(self, *parts: bytes) -> "Answer":
        answer = self._own.end(*parts)
        self._answered()
        return answer

    def _answered(self) -> None:
        if self._slot.state == BUSY:
            self._slot.tell(IDLE)

    def ask(self, request: bytes) -> "Answer":
        for pause in PAUSES:
            answer = self._ask(request)
            if answer[0] < 500:
                return answer
            time.sleep(pause)
        return self._ask(request)

    def _ask(self, request: bytes) -> "Answer":
        if self._events is not None:
            if answer := self._ask_on_slot(self._events, request):
                return answer
            self._events = None
            self._socket.detach()
            self._slot.leave()
        self._last = self._own
        self._slot.tell(IDLE)
        answer = self._own.ask(request)
        request_id, deadline, _, _, _, _, _, invocation_id, _ = ((value or "").encode() for value in answer[1])
        self._slot.take(request_id, invocation_id, deadline)
        return answer

    def _ask_on_slot(self, events: Connection, request: bytes) -> "Answer | None":
        """None when the connection is lost, and no invocation with it.

        A signal's handler may raise in here: what was begun is remembered, and the next call goes on with it.
        """
        self._last = events
        if not self._is_reading:
            self._slot.tell(IDLE)
            try:
                if not self._is_asked:
                    if posix.fstat(self._slot.descriptor).st_ino != self._inode or (
                        self._is_first and self._poll.poll(0)
                    ):
                        return None
                    self._is_asked = True  # No call: no handler of a signal comes in between.
                    self._send(request)
                self._wait()
                if not (head := self._peek()):
                    return None
            except OSError:
                # Of a signal's handler it may be, too: it is told as any other then.
                if self._is_alive(events):
                    raise
                return None
            names = head.lower()
            self._slot.take(
                _value(head, names, b"\r\nlambda-runtime-aws-request-id:"),
                _value(head, names, b"\r\nlambda-runtime-invocation-id:"),
                _value(head, names, b"\r\nlambda-runtime-deadline-ms:"),
            )
            self._is_reading = True
        answer = events.end()
        self._is_reading = self._is_asked = self._is_first = False
        self._send = events.begin
        return answer

    def _wait(self) -> None:
        """Waits for the answer. A signal that comes right before the waiting ends it, by the pipe; then we go on."""
        try:
            before = set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        except (OSError, ValueError):
            return  # The function closed it; reading will wait.
        try:
            while True:
                ready = self._poll.poll()
                if (self._woken, POLLIN) not in ready or len(ready) > 1:
                    return
                posix.read(self._woken, 4096)
        finally:
            set_wakeup_fd(before)

    def _peek(self) -> bytes:
        """The answer's head, which stays where it is; empty at the end of the connection."""
        for _ in range(1000):
            data = self._socket.recv(MOST_HEAD, MSG_PEEK)
            head, end, _ = data.partition(b"\r\n\r\n")
            if end or not data or len(data) == MOST_HEAD:
                break
            time.sleep(0.001)  # The rest of it is on its way.
        return head

    def _is_alive(self, events: Connection) -> bool:
        try:
            return posix.fstat(self._slot.descriptor).st_ino == self._inode and not events.failed
        except OSError:
            return False


def _peer_port(descriptor: int) -> int | None:
    try:
        peer = socket(fileno=descriptor)
    except OSError:
        return None
    try:
        return int(peer.getpeername()[1])
    except (OSError, LookupError, ValueError):
        return None
    finally:
        peer.detach()


def _value(head: bytes, names: bytes, name: bytes) -> bytes:
    """A header's value; ``names`` is the head in lower case."""
    start = names.find(name)
    if start < 0:
        return b""
    start += len(name)
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip()
