"""What can go wrong between any loop and the Runtime API: messages and refusals, as data."""

import re
from dataclasses import dataclass

from tools.support.fake_api import ACCEPTED, HANG_UP, RESET, Reply, Run, event, invocation_headers, reply

(SIZED,) = event({"number": 1}).pieces
HEADERS = "".join(f"{name}: {value}\r\n" for name, value in invocation_headers().items())
CHUNKED = (
    f"HTTP/1.1 200 OK\r\n{HEADERS}Transfer-Encoding: chunked\r\n\r\n".encode()
    + b'5\r\n{"num\r\n'
    + b'8\r\nber": 1}\r\n'
    + b"0\r\n\r\n"
)
(TAKEN,) = ACCEPTED.pieces
TAKEN_IN_CHUNKS = b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n"


def answered(run: Run) -> list[str]:
    """The invocations that were answered, in their order."""
    return [request.path.split("/")[4] for request in run.posts]


def split_at(data: bytes, place: int) -> Reply:
    return Reply((data[:place], data[place:]))


CUTS = {
    "in the version": 3,
    "in the status": 10,
    "after the status line": SIZED.index(b"\r\n"),
    "between carriage return and line feed": SIZED.index(b"\r\n") + 1,
    "in a header's name": SIZED.index(b"Lambda-Runtime-Aws") + 10,
    "before the empty line": SIZED.index(b"\r\n\r\n") + 2,
    "in the empty line": SIZED.index(b"\r\n\r\n") + 3,
    "before the body": SIZED.index(b"\r\n\r\n") + 4,
    "in the body": SIZED.index(b"\r\n\r\n") + 8,
    "before the body's last byte": len(SIZED) - 1,
}
CHUNKED_CUTS = {
    "before the first chunk": CHUNKED.index(b"5\r\n"),
    "after a chunk's size": CHUNKED.index(b"5\r\n") + 1,
    "in a chunk": CHUNKED.index(b"5\r\n") + 5,
    "after a chunk's data": CHUNKED.index(b"5\r\n") + 8,
    "between two chunks": CHUNKED.index(b"8\r\n"),
    "before the last chunk": CHUNKED.index(b"0\r\n\r\n"),
    "before the end of the trailers": len(CHUNKED) - 2,
}


def assert_left(run: Run) -> None:
    """The process ended because the event is gone, and said so; nothing was answered."""
    assert run.exit_code == 1
    assert run.posts == []
    assert re.match(r"\[ERROR\] Runtime API: no next invocation: ", run.stderr)
    assert "Traceback" not in run.stderr
    assert len(run.requests) == 1


NONSENSE = {
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "a status in words": b"HTTP/1.1 huh\r\n\r\n",
    "a status of another script": "HTTP/1.1 ²00 OK\r\n\r\n".encode(),
    "a negative length": SIZED.replace(b"Content-Length: 13", b"Content-Length: -1"),
    "a length in words": SIZED.replace(b"Content-Length: 13", b"Content-Length: many"),
    "a length with underscores": SIZED.replace(b"Content-Length: 13", b"Content-Length: 1_3"),
    "two lengths in one": SIZED.replace(b"Content-Length: 13", b"Content-Length: 13, 13"),
    "an empty length": SIZED.replace(b"Content-Length: 13", b"Content-Length:"),
    "a chunk without a size": CHUNKED.replace(b"8\r\n", b"\r\n"),
    "a chunk of negative size": CHUNKED.replace(b"8\r\n", b"-8\r\n"),
    "a chunk with a size in words": CHUNKED.replace(b"8\r\n", b"eight\r\n"),
    "a chunk that is longer than it says": CHUNKED.replace(b"8\r\n", b"7\r\n"),
    "a chunk that is shorter than it says": CHUNKED.replace(b"8\r\n", b"9\r\n"),
}


@dataclass(frozen=True)
class Refusal:
    """What the API does about a POST, and whether its connection can be used again."""

    reply: Reply
    said: str


def refused(status: str) -> Refusal:
    return Refusal(Reply((reply(status, b"why"),)), f"the Runtime API answered {status[:3]}: why")


UNREADABLE = "sent an answer that cannot be read"
UNANSWERED = "closed the connection without an answer"
REFUSALS = {
    "closed before its body was read": Refusal(Reply((), "close", read=0), UNANSWERED),
    "reset before its body was read": Refusal(Reply((), "reset", read=0), UNANSWERED),
    "closed when its body was read": Refusal(HANG_UP, UNANSWERED),
    "reset when its body was read": Refusal(RESET, UNANSWERED),
    "closed in the midst of the answer's head": Refusal(Reply((TAKEN[:20],), "close"), UNREADABLE),
    "closed in the midst of the answer's body": Refusal(Reply((TAKEN[:-3],), "close"), UNREADABLE),
    "answered in another protocol": Refusal(Reply((b"SMTP ready\r\n\r\n",), "close"), UNREADABLE),
    "refused with 400": refused("400 Bad Request"),
    "refused with 403": refused("403 Forbidden"),
    "refused with 413": refused("413 Payload Too Large"),
    "refused with 500": refused("500 Internal Server Error"),
    "refused with 502 and no reason": Refusal(Reply((b"HTTP/1.1 502\r\nContent-Length: 3\r\n\r\nwhy",)), "502: why"),
    "refused with a chunked reason": Refusal(
        Reply((b"HTTP/1.1 413 Large\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwhy\r\n0\r\n\r\n",)), "413: why"
    ),
    "refused and closed": Refusal(Reply((reply("413 Large", b"why", {"Connection": "close"}),), "close"), "413: why"),
    "refused without a body": Refusal(Reply((b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",)), "answered 403"),
    "redirected": Refusal(Reply((reply("302 Found", b"", {"Location": "/elsewhere"}),)), "answered 302"),
}
