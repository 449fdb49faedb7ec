"""Signals whose handlers raise, at every byte of every call: no request is asked twice, and none is left half-done.

The Runtime API is as strict as Lambda's, and takes no second request for what it has been asked.
"""

import json
import time
from base64 import b64decode
from pathlib import Path

import pytest

from tests.runtime.platform import TAKEN, Platform, Result, Turn, an_event, run
from tools.support.fake_api import SAFETY_NET, invocation_headers, reply

ECHO = "def handler(event, context): return event"
FAIL = "def handler(event, context): raise ValueError(event)"
STREAM = """
def handler(event, context):
    yield "begun "
    yield str(event)
"""
TAKEN_IN_CHUNKS = b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n"
HEAD = 200
"""Bytes that the head of a POST has at the very least."""


def chunked(number: int) -> bytes:
    headers = "".join(f"{name}: {value}\r\n" for name, value in invocation_headers(number).items())
    head = f"HTTP/1.1 200 OK\r\n{headers}Transfer-Encoding: chunked\r\n\r\n"
    return f'{head}3;name=value\r\n"{number % 100:02}\r\n4\r\n{number:03}"\r\n0\r\nTrailer: one\r\n\r\n'.encode()


def split(data: bytes, place: int) -> tuple[bytes, ...]:
    return (data[:place], data[place:])


def assert_each_answered_once(result: Result, count: int) -> None:
    """On one connection, with nothing said twice and nothing refused."""
    assert result.refused == []
    assert result.exit_code is None, result.stderr
    assert [call.path.split("/")[4] for call in result.posts] == [f"request-{number}" for number in range(1, count + 1)]
    assert [call.method for call in result.calls] == ["GET", "POST"] * count + ["GET"]
    assert {call.connection for call in result.calls} == {1}
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("make", [an_event, chunked], ids=["sized", "chunked"])
def test_a_wait_for_an_event_goes_on_from_every_byte(interpreter: str, tmp_path: Path, make: object) -> None:
    assert callable(make)
    length = len(make(1))
    result = run(interpreter, tmp_path, ECHO, Platform(Turn(split(make(place + 1), place)) for place in range(length)))
    assert_each_answered_once(result, length)
    numbers = range(1, length + 1)
    expected = list(numbers) if make is an_event else [f"{number % 100:02}{number:03}" for number in numbers]
    assert [json.loads(call.body) for call in result.posts] == expected
    assert result.stderr.count("while there was no invocation: TooSlow: too slow") == length


def test_a_wait_is_broken_off_again_and_again(interpreter: str, tmp_path: Path) -> None:
    event = an_event(1)
    pieces = (b"", b"", b"", event[:50], b"", b"", event[50:])
    result = run(interpreter, tmp_path, ECHO, Platform([Turn(pieces), Turn((an_event(2),))]))
    assert_each_answered_once(result, 2)
    assert result.stderr.count("TooSlow") == len(pieces) - 1


def test_an_event_of_megabytes_is_read_on_from_where_it_was(interpreter: str, tmp_path: Path) -> None:
    body = "".join(chr(97 + number % 26) for number in range(3_000_000))
    event = an_event(1, body)
    places = [1000, 32_000, 33_000, 40_000, 1_000_000, 1_048_577, 2_500_000, len(event)]
    pieces = tuple(event[start:end] for start, end in zip([0, *places], places, strict=False))
    result = run(interpreter, tmp_path, ECHO, Platform([Turn(pieces)]))
    assert_each_answered_once(result, 1)
    assert json.loads(result.posts[0].body) == body


@pytest.mark.parametrize("answer", [TAKEN, TAKEN_IN_CHUNKS], ids=["sized", "chunked"])
@pytest.mark.parametrize("code", [ECHO, FAIL, STREAM], ids=["result", "error", "stream"])
def test_a_wait_for_the_answer_to_a_post_goes_on_from_every_byte(
    interpreter: str, tmp_path: Path, code: str, answer: bytes
) -> None:
    places = range(len(answer))
    turns = (Turn((an_event(place + 1),), split(answer, place)) for place in places)
    result = run(interpreter, tmp_path, code, Platform(turns))
    assert_each_answered_once(result, len(answer))
    assert result.stderr.count("TooSlow: too slow") == len(answer)


@pytest.mark.parametrize(
    ("code", "reads"),
    [
        ("def handler(event, context): return 'x' * 8_000_000", (HEAD, 1_000, 100_000, 4_000_000, 4_000_001)),
        ("def handler(event, context): raise ValueError('x' * 8_000_000)", (HEAD, 100_000, 4_000_000)),
    ],
    ids=["result", "error"],
)
def test_what_is_broken_off_while_it_is_sent_is_sent_on(
    interpreter: str, tmp_path: Path, code: str, reads: tuple[int, ...]
) -> None:
    result = run(interpreter, tmp_path, code, Platform([Turn((an_event(1),), reads=reads), Turn((an_event(2),))]))
    assert_each_answered_once(result, 2)
    for call in result.posts:
        content = json.loads(call.body)
        assert (content if isinstance(content, str) else content["errorMessage"]) == "x" * 8_000_000
    assert result.stderr.count("TooSlow: too slow") == len(reads)


def chunks_of(body: bytes) -> tuple[list[bytes], dict[str, str]]:
    """Chunks and trailers of a stream."""
    chunks: list[bytes] = []
    while True:
        size, _, body = body.partition(b"\r\n")
        if not int(size, 16):
            lines = [line for line in body.decode().split("\r\n") if line]
            return chunks, dict(line.split(": ", 1) for line in lines)
        chunks.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]


def test_a_stream_that_is_broken_off_is_whole_and_ends_with_the_error(interpreter: str, tmp_path: Path) -> None:
    code = """
def handler(event, context):
    yield "begun "
    yield "x" * 8_000_000
    yield "never sent"
"""
    result = run(interpreter, tmp_path, code, Platform([Turn((an_event(1),), reads=(500_000,)), Turn((an_event(2),))]))
    assert_each_answered_once(result, 2)
    broken, whole = (chunks_of(call.body) for call in result.posts)
    assert broken[0] == [b"begun ", b"x" * 8_000_000]
    assert json.loads(b64decode(broken[1]["Lambda-Runtime-Function-Error-Body"]))["errorMessage"] == "too slow"
    assert whole == ([b"begun ", b"x" * 8_000_000, b"never sent"], {})


def test_a_handler_that_catches_what_broke_off_its_stream_writes_on(interpreter: str, tmp_path: Path) -> None:
    code = """
def handler(event, context, response_stream):
    for number in range(3):
        try:
            response_stream.write(b"%d" % number * 8_000_000)
        except TooSlow:
            response_stream.write(b"caught")
"""
    result = run(interpreter, tmp_path, code, Platform([Turn((an_event(1),), reads=(100_000, 10_000_000, 18_000_000))]))
    assert_each_answered_once(result, 1)
    chunks, trailers = chunks_of(result.posts[0].body)
    assert trailers == {}
    assert b"".join(chunks).replace(b"caught", b"") == b"".join(b"%d" % number * 8_000_000 for number in range(3))
    assert b"caught" in chunks


def test_a_restore_is_waited_for_on_the_same_connection(interpreter: str, tmp_path: Path) -> None:
    restored = reply("200 OK")
    platform = Platform([Turn((an_event(1),))], restore=(b"", b"", *(bytes([byte]) for byte in restored)))
    variables = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
    result = run(interpreter, tmp_path, ECHO, platform, variables)
    assert [call.path.rpartition("/runtime/")[2] for call in result.calls] == [
        "restore/next",
        "invocation/next",
        "invocation/request-1/response",
        "invocation/next",
    ]
    assert result.refused == []
    assert result.stderr.count("TooSlow") == 1 + len(restored)


def test_an_error_at_the_start_is_told_although_a_signal_comes(interpreter: str, tmp_path: Path) -> None:
    result = run(interpreter, tmp_path, "raise RuntimeError('no')", Platform([]))
    assert [call.path.rpartition("/runtime/")[2] for call in result.posts] == ["init/error"]
    assert json.loads(result.posts[0].body)["errorMessage"] == "no"
    assert result.exit_code == 1
    assert "during POST /init/error: TooSlow: too slow" in result.stderr


@pytest.mark.parametrize("kind", ["ConnectionError", "ConnectionResetError", "TimeoutError", "OSError", "Exception"])
def test_what_the_handler_raises_is_not_taken_for_the_connections(interpreter: str, tmp_path: Path, kind: str) -> None:
    code = f"class TooSlow({kind}): ...\n{ECHO}"
    event = an_event(1)
    turns = [Turn((b"", event[:9], event[9:]), (b"", TAKEN[:9], TAKEN[9:])), Turn((an_event(2),))]
    assert_each_answered_once(run(interpreter, tmp_path, code, Platform(turns)), 2)


def test_a_handler_that_closes_the_connection_and_raises_costs_no_invocation(interpreter: str, tmp_path: Path) -> None:
    code = f"""
def alarm(*_):
    os.write(int(os.environ["NOTICED"]), b".")
    for number in set(range(3, 64)) - {{int(os.environ["NOTICED"])}}:
        try:
            os.close(number)
        except OSError:
            pass
    raise TooSlow("too slow")
signal.signal(signal.SIGALRM, alarm)
{ECHO}"""
    platform = Platform([Turn((an_event(1),), (b"", TAKEN)), Turn((an_event(2),))])
    result = run(interpreter, tmp_path, code, platform)
    assert [call.path.split("/")[4] for call in result.posts] == ["request-1", "request-2"]
    assert "POST /invocation/request-1/response: " in result.stderr
    assert result.exit_code is None


STORM = """
import random
random.seed(7)
def alarm(*_):
    raise TooSlow("too slow")
signal.signal(signal.SIGALRM, alarm)
def handler(event, context):
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, event))
    return {"event": event}
"""


@pytest.mark.parametrize("microseconds", [60, 200, 1000])
@pytest.mark.parametrize("form", ["a result", "a stream"])
def test_alarms_at_random_moments_cost_no_answer(
    interpreter: str, tmp_path: Path, microseconds: int, form: str
) -> None:
    code = STORM if form == "a result" else STORM.replace('return {"event": event}', "yield str(event)")
    count = 1500
    turns = (Turn((an_event(number, microseconds / 1e6),)) for number in range(1, count + 1))
    result = run(interpreter, tmp_path, code, Platform(turns))
    assert_each_answered_once(result, count)
    failed = [call for call in result.posts if call.path.endswith("/error")]
    assert all(json.loads(call.body)["errorMessage"].endswith("too slow") for call in failed)
    assert "TooSlow" in result.stderr + result.stdout


def test_sigterm_while_an_answer_is_on_its_way_lets_it_arrive(interpreter: str, tmp_path: Path) -> None:
    code = f"""
import atexit
atexit.register(print, "bye")
signal.signal(signal.SIGALRM, lambda *_: (os.write(int(os.environ["NOTICED"]), b"."), sys.exit(3)))
import sys
{ECHO}"""
    result = run(interpreter, tmp_path, code, Platform([Turn((an_event(1),), split(TAKEN, 5))]))
    assert [call.path.rpartition("/runtime/")[2] for call in result.calls] == [
        "invocation/next",
        "invocation/request-1/response",
    ]
    assert result.refused == []
    assert (result.exit_code, result.stdout) == (3, "bye\n")


def test_sigterm_while_nobody_reads_a_stream_leaves_time_for_the_functions_callbacks(
    interpreter: str, tmp_path: Path
) -> None:
    code = """
import atexit
atexit.register(os.write, int(os.environ["NOTICED"]), b".")
signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGTERM))
def handler(event, context):
    yield "x" * 100_000_000
"""
    started = time.monotonic()
    result = run(interpreter, tmp_path, code, Platform([Turn((an_event(1),), reads=(100_000,))], stalls=True))
    assert time.monotonic() - started < SAFETY_NET / 2
    assert result.exit_code == 0
