"""Responses that leave piece by piece: generators, response streams, HTTP preludes, errors after the first byte."""

import base64
import json
from pathlib import Path

import pytest

from tools.support.fake_api import HANG_UP, RESET, Loop, Reply, event, reply

STREAM = "application/octet-stream"
HTTP = "application/vnd.awslambda.http-integration-response"

FORMS = {
    "a generator": "def handler(event, context):\n    yield 'é'\n    yield b'b'",
    "an async generator": "async def handler(event, context):\n    yield 'é'\n    yield b'b'",
    "a response stream": (
        "def handler(event, context, response_stream):\n"
        "    response_stream.write('é')\n    response_stream.write(b'b')\n    return 'ignored'"
    ),
    "a response stream by keyword": (
        "def handler(event, context, *, response_stream):\n"
        "    print('é', end='', file=response_stream)\n    response_stream.write(memoryview(b'b'))"
    ),
    "an async response stream": (
        "async def handler(event, context, response_stream):\n"
        "    response_stream.write('é')\n    response_stream.write(bytearray(b'b'))"
    ),
    "a generator that is returned": "def handler(event, context): return (piece for piece in ('é', b'b'))",
    "a generator from a method": (
        "class Service:\n    def __call__(self, event, context):\n        yield 'é'\n        yield b'b'\n"
        "handler = Service()"
    ),
}


@pytest.mark.parametrize("code", FORMS.values(), ids=list(FORMS))
def test_a_stream_is_sent_in_chunks_and_ends_without_an_error(loop: Loop, code: str) -> None:
    run = loop(code, event({}, invocation_id="try-1"), event({}, 2))
    first, second = run.posts
    assert first.path == "/2018-06-01/runtime/invocation/request-1/response"
    assert first.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert first.headers["transfer-encoding"] == "chunked"
    assert first.headers["trailer"] == "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
    assert first.headers["content-type"] == STREAM
    assert first.headers["lambda-runtime-invocation-id"] == "try-1"
    assert "content-length" not in first.headers
    assert first.chunks == ("é".encode(), b"b")
    assert first.trailers == {}
    assert second.path.endswith("request-2/response")
    assert {request.connection for request in run.requests} == {1}
    assert run.stderr == ""


@pytest.mark.parametrize("word", ["", "async "])
def test_each_chunk_leaves_when_it_is_yielded(loop: Loop, word: str) -> None:
    code = f"""
import os, time
{word}def handler(event, context):
    for name in ("one", "two"):
        yield name
        while not os.path.exists(name): time.sleep(0.001)  # Until the other side has it.
    yield "end"
"""

    def arrive(chunk: bytes) -> None:
        (loop.task_root / chunk.decode()).touch()

    assert loop(code, on_chunk=arrive).post.chunks == (b"one", b"two", b"end")


def test_empty_pieces_do_not_end_the_stream(loop: Loop) -> None:
    code = "def handler(event, context):\n    yield ''\n    yield 'a'\n    yield b''\n    yield 'b'"
    assert loop(code).post.chunks == (b"a", b"b")


@pytest.mark.parametrize("word", ["", "async "])
def test_a_generator_without_pieces_is_an_empty_stream(loop: Loop, word: str) -> None:
    run = loop(f"{word}def handler(event, context):\n    if event: yield", event({}), event({}, 2))
    assert [request.body for request in run.posts] == [b"", b""]
    assert run.posts[0].headers["lambda-runtime-function-response-mode"] == "streaming"


def test_a_handler_that_leaves_its_stream_alone_answers_as_any_other(loop: Loop) -> None:
    run = loop("def handler(event, context, response_stream): return {'plain': event}", event(1))
    assert run.result == {"plain": 1}
    assert "lambda-runtime-function-response-mode" not in run.post.headers


def test_a_stream_may_have_another_content_type(loop: Loop) -> None:
    code = """
def handler(event, context, response_stream):
    response_stream.content_type = 'text/csv'
    response_stream.write('a,b')
"""
    assert loop(code).post.headers["content-type"] == "text/csv"


GENERATOR_WITH_PRELUDE = """
def handler(event, context):
    yield {"statusCode": 201, "headers": {"X-é": "1"}, "cookies": ["a=b"]}
    yield "body"
"""
STREAM_WITH_PRELUDE = """
def handler(event, context, response_stream):
    response_stream.http(201, {"X-é": "1"}, ["a=b"])
    response_stream.write("body")
"""


@pytest.mark.parametrize(
    "code", [GENERATOR_WITH_PRELUDE, GENERATOR_WITH_PRELUDE.replace("def", "async def"), STREAM_WITH_PRELUDE]
)
def test_an_http_response_begins_with_its_prelude(loop: Loop, code: str) -> None:
    request = loop(code).post
    assert request.headers["content-type"] == HTTP
    prelude, _, body = request.body.partition(bytes(8))
    assert json.loads(prelude) == {"statusCode": 201, "headers": {"X-é": "1"}, "cookies": ["a=b"]}
    assert body == b"body"
    assert request.chunks[0] == prelude + bytes(8)


def test_an_error_before_the_first_byte_is_an_error_like_any_other(loop: Loop) -> None:
    run = loop(
        "def handler(event, context):\n    if not event: raise ValueError('no')\n    yield 'x'", event(0), event(1, 2)
    )
    assert run.posts[0].path.endswith("request-1/error")
    assert run.posts[0].json["errorMessage"] == "no"
    assert run.posts[1].chunks == (b"x",)


@pytest.mark.parametrize(
    "code",
    [
        "def handler(event, context):\n    yield 'begun'\n    raise ValueError('é')",
        "async def handler(event, context):\n    yield 'begun'\n    raise ValueError('é')",
        "def handler(event, context, response_stream):\n    response_stream.write('begun')\n    raise ValueError('é')",
    ],
    ids=["generator", "async generator", "response stream"],
)
def test_an_error_after_the_first_byte_ends_the_stream_with_trailers(loop: Loop, code: str) -> None:
    run = loop(code, event({}), event({}, 2))
    request = run.posts[0]
    assert request.path.endswith("request-1/response")
    assert request.chunks == (b"begun",)
    assert request.trailers["lambda-runtime-function-error-type"] == "ValueError"
    body = json.loads(base64.b64decode(request.trailers["lambda-runtime-function-error-body"]))
    assert body["errorMessage"] == "é"
    assert "in handler" in body["stackTrace"][0]
    assert len(body["stackTrace"]) == 1
    assert run.stdout.startswith("[ERROR] ValueError: é\r")
    assert run.posts[1].path.endswith("request-2/response")


@pytest.mark.parametrize("piece", ["42", "None", "['list']", "{'statusCode': 200}", "'\\ud800'"])
def test_a_piece_that_cannot_be_sent_ends_the_stream_with_an_error(loop: Loop, piece: str) -> None:
    request = loop(f"def handler(event, context):\n    yield 'begun'\n    yield {piece}").post
    expected = "UnicodeEncodeError" if "ud800" in piece else "Runtime.MarshalError"
    assert request.trailers["lambda-runtime-function-error-type"] == expected


@pytest.mark.parametrize("first", ["42", "{'other': 1}", "{'statusCode': object()}"])
def test_a_first_piece_that_cannot_be_sent_is_a_marshal_error(loop: Loop, first: str) -> None:
    assert loop(f"def handler(event, context):\n    yield {first}").error["errorType"] == "Runtime.MarshalError"


def test_a_handler_that_exits_in_mid_stream_is_told_and_obeyed(loop: Loop) -> None:
    run = loop("import sys\ndef handler(event, context):\n    yield 'begun'\n    sys.exit(7)")
    assert run.exit_code == 7
    assert run.post.trailers["lambda-runtime-function-error-type"] == "Runtime.ExitError"


@pytest.mark.parametrize("cut", [HANG_UP, RESET], ids=["closed", "reset"])
@pytest.mark.parametrize("word", ["", "async "])
def test_a_reader_that_goes_away_ends_the_generator_and_not_the_loop(loop: Loop, word: str, cut: Reply) -> None:
    code = f"""
{word}def handler(event, context):
    try:
        while event:
            yield b"x" * 65536
    finally:
        print("cleaned up")
"""
    gone = Reply(cut.pieces, cut.ending, read=3)
    run = loop(code, event(1), event(0, 2), posts=[gone])
    assert [request.path.split("/")[4] for request in run.posts] == ["request-1", "request-2"]
    assert run.posts[1].body == b""
    assert run.stdout.count("cleaned up\n") == 2
    assert "Runtime API: the response of request-1: " in run.stderr
    assert run.exit_code is None


def test_a_stream_that_is_refused_is_reported_with_the_answer(loop: Loop) -> None:
    code = "def handler(event, context):\n    while event:\n        yield b'x' * 65536\n    yield b'y'"
    refused = Reply((reply("413 Payload Too Large", b"too much", {"Connection": "close"}),), "close", read=2)
    run = loop(code, event(1), event(0, 2), posts=[refused])
    assert run.posts[1].chunks == (b"y",)
    assert "the response of request-1: " in run.stderr


@pytest.mark.parametrize("status", ["400 Bad Request", "500 Internal Server Error"])
def test_a_stream_that_is_refused_at_its_end_is_reported(loop: Loop, status: str) -> None:
    run = loop(FORMS["a generator"], event({}), event({}, 2), posts=[Reply((reply(status, b"why"),))])
    assert f"the response of request-1: the Runtime API answered {status[:3]}: why" in run.stderr
    assert len(run.posts) == 2


def test_a_stream_cannot_be_written_to_when_its_invocation_is_over(loop: Loop) -> None:
    code = """
kept = []
def handler(event, context, response_stream):
    kept.append(response_stream)
    response_stream.write("now")
    if event:
        try:
            kept[0].write("late")
        except ValueError as error:
            response_stream.write(f" {error} {kept[0].closed} {response_stream.closed}")
"""
    run = loop(code, event(0), event(1, 2))
    assert run.posts[1].body == b"now the response is over True False"


def test_a_prelude_after_the_first_byte_is_refused(loop: Loop) -> None:
    code = (
        "def handler(event, context, response_stream):\n    response_stream.write('x')\n    response_stream.http(200)"
    )
    assert loop(code).post.trailers["lambda-runtime-function-error-type"] == "ValueError"


def test_a_large_stream_arrives_whole(loop: Loop) -> None:
    code = "def handler(event, context):\n    for number in range(40): yield bytes([number]) * 500_000"
    body = loop(code).post.body
    assert body == b"".join(bytes([number]) * 500_000 for number in range(40))


def test_a_file_can_be_copied_into_a_stream(loop: Loop, tmp_path: Path) -> None:
    source = loop.write("large", "abc" * 100_000)
    code = f"""
import shutil
def handler(event, context, response_stream):
    with open({str(source)!r}, "rb") as file: shutil.copyfileobj(file, response_stream)
"""
    assert loop(code).post.body == b"abc" * 100_000


def test_a_descriptor_closed_in_mid_stream_costs_that_stream_alone(loop: Loop) -> None:
    code = """
import os
def handler(event, context):
    yield "begun"
    if event:
        os.closerange(3, 1024)
        kept.append(open("mine", "wb"))
    yield "rest"
kept = []
"""
    run = loop(code, event(1), event(0, 2))
    assert run.posts[-1].chunks == (b"begun", b"rest")
    assert (loop.task_root / "mine").read_bytes() == b""
    assert "the response of request-1" in run.stderr
