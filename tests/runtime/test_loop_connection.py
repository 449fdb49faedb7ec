"""The Runtime API's connection: slow, split, cut, refused."""

import pytest

from tools.support.fake_api import ACCEPTED, HANG_UP, RESET, Loop, Reply, event, invocation_headers, reply

ECHO = "def handler(event, context): return event"
CHUNKED_HEADERS = "".join(f"{name}: {value}\r\n" for name, value in invocation_headers().items())
CHUNKED = (
    f"HTTP/1.1 200 OK\r\n{CHUNKED_HEADERS}Transfer-Encoding: chunked\r\n\r\n".encode()
    + b'7\r\n{"a": "\r\n'
    + b"6;name=value\r\n chunk\r\n"
    + b'2\r\n"}\r\n'
    + b"0\r\nTrailer: read and left\r\n\r\n"
)


def split(data: bytes, size: int) -> tuple[bytes, ...]:
    return tuple(data[start : start + size] for start in range(0, len(data), size))


def test_a_chunked_body_is_put_together(loop: Loop) -> None:
    run = loop(ECHO, Reply((CHUNKED,)), event("next", 2))
    assert run.results == [{"a": " chunk"}, "next"]
    assert {request.connection for request in run.requests} == {1}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
def test_a_chunked_answer_may_arrive_in_any_pieces(loop: Loop, size: int) -> None:
    run = loop(ECHO, Reply(split(CHUNKED, size)), event("next", 2))
    assert run.results == [{"a": " chunk"}, "next"]


@pytest.mark.parametrize("size", [1, 4, 64])
def test_an_answer_with_a_length_may_arrive_in_any_pieces(loop: Loop, size: int) -> None:
    (whole,) = event({"some": "body"}).pieces
    run = loop(ECHO, Reply(split(whole, size)), posts=[Reply(split(ACCEPTED.pieces[0], size))])
    assert run.result == {"some": "body"}


def test_an_event_of_six_megabytes_arrives_whole(loop: Loop) -> None:
    (whole,) = event("é" * 1_000_000).pieces
    run = loop("def handler(event, context): return [len(event), set(event) == {'é'}]", Reply(split(whole, 1_000_000)))
    assert run.result == [1_000_000, True]


def test_a_large_chunk_arrives_whole(loop: Loop) -> None:
    body = b'"' + b"x" * 1_000_000 + b'"'
    head = f"HTTP/1.1 200 OK\r\n{CHUNKED_HEADERS}Transfer-Encoding: chunked\r\n\r\n{len(body):X}\r\n"
    run = loop("def handler(event, context): return len(event)", Reply((head.encode() + body + b"\r\n0\r\n\r\n",)))
    assert run.result == 1_000_000


def test_header_names_may_come_in_any_case(loop: Loop) -> None:
    fields = {name.lower(): value for name, value in invocation_headers().items()}
    run = loop(ECHO, Reply((reply("200 OK", b"1", fields).replace(b"Content-Length: 1", b"CONTENT-LENGTH:1"),)))
    assert run.result == 1


def test_an_interim_answer_is_not_the_answer(loop: Loop) -> None:
    (whole,) = event(1).pieces
    assert loop(ECHO, Reply((b"HTTP/1.1 100 Continue\r\n\r\n", whole))).result == 1


@pytest.mark.parametrize("cut", [HANG_UP, RESET], ids=["closed", "reset"])
def test_a_connection_that_drops_while_waiting_is_made_anew(loop: Loop, cut: Reply) -> None:
    run = loop(ECHO, cut, event(1), cut, cut, event(2, 2))
    assert run.results == [1, 2]
    assert run.exit_code is None
    assert run.stderr == ""


@pytest.mark.parametrize("cut", [HANG_UP, RESET], ids=["closed", "reset"])
def test_an_api_that_only_hangs_up_ends_the_loop(loop: Loop, cut: Reply) -> None:
    run = loop(ECHO, *[cut] * 20)
    assert run.exit_code == 1
    assert "closes them without an answer" in run.stderr
    assert len(run.requests) < 20


def test_an_event_that_is_cut_short_ends_the_loop_because_it_cannot_be_had_again(loop: Loop) -> None:
    (whole,) = event({"a": 1}).pieces
    run = loop(ECHO, Reply((whole[:-3],), "close"), event(2))
    assert run.exit_code == 1
    assert len(run.requests) == 1
    assert "closed in the middle of its body" in run.stderr


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 huh\r\n\r\n"])
def test_an_answer_that_is_no_http_ends_the_loop(loop: Loop, answer: bytes) -> None:
    run = loop(ECHO, Reply((answer,), "close"))
    assert run.exit_code == 1
    assert "an answer that cannot be read" in run.stderr


@pytest.mark.parametrize("cut", [HANG_UP, RESET], ids=["closed", "reset"])
@pytest.mark.parametrize("code", [ECHO, "def handler(event, context): return 1 / 0 if event == 1 else event"])
def test_a_post_that_was_not_answered_is_not_sent_again_and_the_loop_goes_on(loop: Loop, code: str, cut: Reply) -> None:
    run = loop(code, event(1), event(2, 2), posts=[cut])
    assert [request.path.split("/")[4] for request in run.posts] == ["request-1", "request-2"]
    assert run.posts[1].json == 2
    assert "[ERROR] Runtime API: POST /invocation/request-1/" in run.stderr


@pytest.mark.parametrize("cut", [("close"), ("reset")])
def test_a_connection_that_was_closed_while_the_handler_ran_is_made_anew_for_the_result(loop: Loop, cut: str) -> None:
    (whole,) = event({}).pieces
    code = """
import os, select, socket
def handler(event, context):
    # Waits until the kernel knows that the other side closed the loop's connection.
    for number in range(3, 32):
        try:
            with socket.socket(fileno=os.dup(number)) as probe:
                select.select([probe], [], [])
        except OSError:
            continue
    return 'late'
"""
    run = loop(code, Reply((whole,), "reset" if cut == "reset" else "close"))
    assert run.result == "late"
    assert run.stderr == ""


@pytest.mark.parametrize("connection", ["close", "Close"])
def test_an_answer_that_announces_the_end_of_the_connection_is_believed(loop: Loop, connection: str) -> None:
    last = Reply((reply("202 Accepted", b"{}", {"Connection": connection}),), "close")
    run = loop(ECHO, event(1), event(2, 2), posts=[last, last])
    assert run.results == [1, 2]
    assert [request.connection for request in run.requests] == [1, 1, 2, 2, 3]


def test_an_answer_without_a_length_ends_with_its_connection(loop: Loop) -> None:
    head = f"HTTP/1.1 200 OK\r\n{CHUNKED_HEADERS}\r\n".encode()
    assert loop(ECHO, Reply((head, b'{"a":', b" 1}"), "close")).result == {"a": 1}


def test_bytes_after_an_answer_are_not_taken_for_the_next_one(loop: Loop) -> None:
    (whole,) = event(1).pieces
    run = loop(ECHO, Reply((whole + b"HTTP/1.1 200 OK\r\n\r\n",)), event(2, 2))
    assert run.results == [1, 2]


@pytest.mark.parametrize("status", ["400 Bad Request", "403 Forbidden", "413 Payload Too Large", "500 Error"])
@pytest.mark.parametrize("code", [ECHO, "def handler(event, context): return 1 / 0 if event == 1 else event"])
def test_a_refused_post_is_reported_and_the_loop_goes_on(loop: Loop, status: str, code: str) -> None:
    run = loop(code, event(1), event(2, 2), posts=[Reply((reply(status, b'{"errorType": "Because"}'),))])
    assert run.posts[1].json == 2
    assert run.exit_code is None
    assert "[ERROR] Runtime API: POST /invocation/request-1/" in run.stderr
    assert f'the Runtime API answered {status[:3]}: {{"errorType": "Because"}}' in run.stderr


def test_a_large_result_that_is_refused_before_it_is_read_is_reported_and_the_loop_goes_on(loop: Loop) -> None:
    refused = Reply((reply("413 Payload Too Large", b"too large", {"Connection": "close"}),), "close", read=0)
    run = loop("def handler(event, context): return 'x' * event", event(20_000_000), event(1, 2), posts=[refused])
    assert run.posts[1].json == "x"
    assert "the Runtime API answered 413: too large" in run.stderr


@pytest.mark.parametrize("status", ["403 Forbidden", "500 Internal Server Error"])
def test_a_refused_next_ends_the_loop(loop: Loop, status: str) -> None:
    run = loop(ECHO, Reply((reply(status, b"container error"),)), event(1))
    assert run.exit_code == 1
    assert f"no next invocation: the Runtime API answered {status[:3]}: container error" in run.stderr
    assert len(run.requests) == 1


def test_an_invocation_without_an_id_ends_the_loop_because_nothing_can_be_answered(loop: Loop) -> None:
    run = loop(ECHO, event(1, 1, aws_request_id=None))
    assert run.exit_code == 1
    assert "the next invocation has no request id" in run.stderr


@pytest.mark.parametrize("deadline", [None, "soon", "-5", ""])
def test_an_invocation_with_a_senseless_deadline_has_no_time_and_is_answered(loop: Loop, deadline: str | None) -> None:
    code = "def handler(event, context): return context.get_remaining_time_in_millis()"
    assert loop(code, event(1, 1, deadline_ms=deadline)).result == 0


def test_an_api_that_cannot_be_reached_ends_the_loop(loop: Loop) -> None:
    loop.variables["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:1"
    run = loop(ECHO)
    assert run.exit_code == 1
    assert run.stderr.startswith("[ERROR] Runtime API: no next invocation: 127.0.0.1:1 cannot be reached: ")


def test_an_api_may_be_named_by_a_host_name(loop: Loop) -> None:
    def by_name(line: list[str]) -> list[str]:
        change = "import os, sys; os.environ['AWS_LAMBDA_RUNTIME_API'] = os.environ['AWS_LAMBDA_RUNTIME_API'].replace("
        change += "'127.0.0.1', 'localhost'); os.execv(sys.argv[1], sys.argv[1:])"
        return [loop.interpreter, "-c", change, *line]

    run = loop(ECHO, event(1), command=by_name)
    assert run.result == 1
    assert run.post.headers["host"].startswith("localhost:")


def test_a_default_timeout_of_the_functions_own_does_not_reach_the_loop(loop: Loop) -> None:
    code = f"import socket\nsocket.setdefaulttimeout(1e-6)\n{ECHO}"
    (whole,) = event(1).pieces
    assert loop(code, Reply(split(whole, 40))).result == 1


@pytest.mark.parametrize("then", ["pass", "kept.append(open(__file__))", "kept.append(os.pipe())"])
def test_a_handler_that_closes_the_loops_descriptor_harms_neither_the_loop_nor_itself(loop: Loop, then: str) -> None:
    code = f"""
import os
kept = []
def handler(event, context):
    os.closerange(3, 64)
    {then}
    return [event, [file.read(7) for file in kept if hasattr(file, 'read')][-1:]]
"""
    run = loop(code, event(1), event(2, 2))
    assert [number for number, _ in run.results] == [1, 2]
    assert run.stderr == ""
