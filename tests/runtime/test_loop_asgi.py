"""``layer_runtime.asgi``: applications of a few lines behind the events of each source."""

import base64
import json
from typing import Any

import pytest

from tools.support.fake_api import Loop, Reply, Request, Run, event

ECHO = """
from layer_runtime import asgi

async def app(scope, receive, send):
    assert scope["type"] == "http"
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message["more_body"]:
            break
    told = {name: value for name, value in scope.items() if name not in ("asgi", "aws.event", "aws.context")}
    told["raw_path"], told["query_string"] = scope["raw_path"].decode(), scope["query_string"].decode()
    told["headers"] = [[name.decode(), value.decode()] for name, value in scope["headers"]]
    text = json.dumps(told | {"body": body.decode("latin-1")}).encode()
    await send({"type": "http.response.start", "status": 201, "headers": HEADERS})
    await send({"type": "http.response.body", "body": text, "more_body": True})
    await send({"type": "http.response.body"})

import json
HEADERS = [(b"Content-Type", b"text/plain"), (b"Vary", b"a"), (b"vary", b"b"),
           (b"set-cookie", b"x=1; Secure"), (b"set-cookie", b"y=2")]
handler = asgi(app)
"""

ANSWER = """
from layer_runtime import asgi

async def answer(send, body=b"", status=200, headers=()):
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

def requests_only(serve):
    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise ValueError(f"only HTTP, not {scope['type']}")
        await serve(scope, receive, send)
    return app
"""
FIELDS: dict[str, Any] = {"headers": {"content-type": "text/plain", "vary": "a, b"}, "cookies": ["x=1; Secure", "y=2"]}
LISTS = {"content-type": ["text/plain"], "vary": ["a", "b"], "set-cookie": ["x=1; Secure", "y=2"]}


def function_url(path: str = "/", method: str = "GET", **more: Any) -> dict[str, Any]:
    """An event of a function URL."""
    domain = "abc.lambda-url.eu-west-3.on.aws"
    http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "curl"}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": domain, "x-forwarded-proto": "https", "x-forwarded-port": "443"},
        "requestContext": {"domainName": domain, "http": http, "stage": "$default"},
        "isBase64Encoded": False,
        **more,
    }


def http_api(path: str, stage: str) -> dict[str, Any]:
    """An event of an HTTP API, whose path is decoded and has the stage in it."""
    sent = function_url(path, headers={"host": "api.example"})
    sent["requestContext"] |= {"domainName": "api.example", "stage": stage}
    return sent


def rest_api(path: str, whole: str, **more: Any) -> dict[str, Any]:
    """An event of a REST API; ``whole`` is the path with the stage."""
    context = {"path": whole, "stage": "prod", "protocol": "HTTP/1.1", "identity": {"sourceIp": "192.0.2.8"}}
    return {"resource": "/{proxy+}", "path": path, "httpMethod": "POST", "requestContext": context, **more}


def load_balancer(**more: Any) -> dict[str, Any]:
    """An event of an Application Load Balancer."""
    return {"requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": "GET", "path": "/a%2Fb", **more}


def served(loop: Loop, *events: object, code: str = ECHO) -> list[Any]:
    """What the application was told of each request."""
    run = loop(code, *(event(sent, number) for number, sent in enumerate(events, 1)))
    assert run.stdout + run.stderr == ""
    return [json.loads(result["body"]) for result in run.results]


def test_a_function_urls_request_and_the_response_to_it(loop: Loop) -> None:
    sent = function_url("/a%20b/%C3%A9", "POST", rawQueryString="q=%20x&q=2&empty", cookies=["a=1", "b=2"], body="é")
    others = list(sent["headers"].items())
    sent["headers"]["cookie"] = "a=1; b=2"
    run = loop(ECHO, event(sent))
    assert run.result == {"statusCode": 201, **FIELDS, "body": run.result["body"], "isBase64Encoded": False}
    assert json.loads(run.result["body"]) == {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": "/a b/é",
        "raw_path": "/a%20b/%C3%A9",
        "root_path": "",
        "query_string": "q=%20x&q=2&empty",
        "headers": [*map(list, others), ["cookie", "a=1; b=2"]],
        "client": ["192.0.2.7", 0],
        "server": ["abc.lambda-url.eu-west-3.on.aws", 443],
        "body": "Ã©",
    }


def test_an_http_apis_path_is_decoded_and_begins_with_its_stage(loop: Loop) -> None:
    told = served(
        loop,
        http_api("/test/50% é", "test"),
        http_api("/test", "test"),
        http_api("/testing", "test"),
        http_api("/", "$default"),
    )
    assert [(each["path"], each["raw_path"], each["root_path"]) for each in told] == [
        ("/test/50% é", "/test/50%25%20%C3%A9", "/test"),
        ("/test/", "/test/", "/test"),
        ("/testing", "/testing", ""),
        ("/", "/", ""),
    ]


def test_a_rest_apis_request_and_the_response_to_it(loop: Loop) -> None:
    sent = rest_api(
        "/a%20b",
        "/prod/a%20b",
        headers={"Host": "last"},
        multiValueHeaders={"Host": ["api.example"], "X-Forwarded-Proto": ["http"], "Accept": ["a", "b"]},
        queryStringParameters={"q": "2"},
        multiValueQueryStringParameters={"q": [" x&", "2"], "r": [""]},
        body=base64.b64encode(b"\xff\x00").decode(),
        isBase64Encoded=True,
    )
    run = loop(ECHO, event(sent))
    assert run.result == {
        "statusCode": 201,
        "multiValueHeaders": LISTS,
        "body": run.result["body"],
        "isBase64Encoded": False,
    }
    told = json.loads(run.result["body"])
    assert (told["path"], told["raw_path"], told["root_path"]) == ("/prod/a b", "/prod/a%20b", "/prod")
    assert told["query_string"] == "q=+x%26&q=2&r="
    assert told["headers"] == [["host", "api.example"], ["x-forwarded-proto", "http"], ["accept", "a"], ["accept", "b"]]
    assert (told["scheme"], told["client"], told["server"]) == ("http", ["192.0.2.8", 0], ["api.example", 80])
    assert told["body"] == "\xff\x00"


def test_other_paths_of_rest_apis(loop: Loop) -> None:
    custom_domain = rest_api("/base/items", "/base/items", headers=None, multiValueHeaders=None)
    told = served(
        loop,
        rest_api("/", "/prod"),
        custom_domain,
        rest_api("/x", "/elsewhere"),
        rest_api("/50%", "/50%", version="1.0"),
    )
    assert [(each["path"], each["root_path"]) for each in told] == [
        ("/prod/", "/prod"),
        ("/base/items", ""),
        ("/x", ""),
        ("/50%", ""),
    ]
    assert told[1]["headers"] == []
    assert told[1]["server"] is None
    assert told[3]["raw_path"] == "/50%25"


def test_a_load_balancers_request_comes_as_it_was_sent(loop: Loop) -> None:
    headers = {"x-forwarded-for": "203.0.113.1, 192.0.2.9", "x-forwarded-port": "8443", "host": "lb.example:8443"}
    single = load_balancer(headers=headers, queryStringParameters={"q": "%20x"}, body="")
    lists = load_balancer(
        multiValueHeaders={name: [value] for name, value in headers.items()},
        multiValueQueryStringParameters={"q": ["%20x", "2"]},
    )
    run = loop(ECHO, event(single), event(lists, 2), event(load_balancer(), 3))
    told = [json.loads(result.pop("body")) for result in run.results for result in [dict(result)]]
    assert [each["query_string"] for each in told] == ["q=%20x", "q=%20x&q=2", ""]
    assert told[0]["headers"] == told[1]["headers"] == [list(item) for item in headers.items()]
    assert (told[0]["path"], told[0]["raw_path"]) == ("/a/b", "/a%2Fb")
    assert (told[0]["client"], told[0]["server"]) == (["192.0.2.9", 0], ["lb.example", 8443])
    assert told[2]["client"] is None
    assert run.results[1]["multiValueHeaders"] == LISTS
    cookies = {"set-cookie": "x=1; Secure", "set-cookiE": "y=2"}
    assert run.results[0]["headers"] == FIELDS["headers"] | cookies


def test_a_body_that_is_not_utf_8_is_in_base64(loop: Loop) -> None:
    code = f"""{ANSWER}
BODIES = {{"/text": "é".encode(), "/image": b"\\x89PNG", "/view": memoryview(b"ab"), "/none": b""}}
async def serve(scope, receive, send):
    await answer(send, BODIES[scope["path"]])
handler = asgi(requests_only(serve))
"""
    run = loop(code, *(event(function_url(path), 1) for path in ("/text", "/image", "/view", "/none")))
    answers = [(each["body"], each["isBase64Encoded"]) for each in run.results]
    assert answers == [("é", False), (base64.b64encode(b"\x89PNG").decode(), True), ("ab", False), ("", False)]


def test_the_event_and_the_context_are_in_the_scope(loop: Loop) -> None:
    code = f"""{ANSWER}
async def serve(scope, receive, send):
    request_id = scope["aws.context"].aws_request_id
    await answer(send, f"{{scope['aws.event']['routeKey']}} {{request_id}} {{'state' in scope}}".encode())
handler = asgi(requests_only(serve))
"""
    assert loop(code, event(function_url())).result["body"] == "$default request-1 False"


@pytest.mark.parametrize("stream", [False, True])
def test_the_answer_to_head_has_headers_and_no_body(loop: Loop, stream: bool) -> None:
    code = f"""{ANSWER}
async def serve(scope, receive, send):
    await answer(send, b"body", headers=[(b"content-length", b"4")])
handler = asgi(requests_only(serve), stream={stream})
"""
    run = loop(code, event(function_url(method="HEAD")))
    if stream:
        assert parts(run.post) == ({"statusCode": 200, "headers": {"content-length": "4"}}, b"")
    else:
        assert run.result["headers"] == {"content-length": "4"}
        assert run.result["body"] == ""


STREAM = f"""{ANSWER}
HEADERS = [(b"content-type", b"text/event-stream"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
async def serve(scope, receive, send):
    path = scope["path"]
    await send({{"type": "http.response.start", "status": 200, "headers": HEADERS}})
    if path == "/early": raise KeyError(path)
    if path != "/empty":
        for number in range(2):
            await send({{"type": "http.response.body", "body": b"data: %d\\n\\n" % number, "more_body": True}})
        if path == "/between": raise KeyError(path)
    await send({{"type": "http.response.body"}})
    if path == "/after": raise KeyError(path)
handler = asgi(requests_only(serve), stream=True)
"""
PRELUDE = {"statusCode": 200, "headers": {"content-type": "text/event-stream"}, "cookies": ["a=1", "b=2"]}


def parts(post: Request) -> tuple[Any, bytes]:
    """A streamed HTTP response: what it begins with, and its body."""
    assert post.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    prelude, _, body = post.body.partition(bytes(8))
    return json.loads(prelude), body


def test_each_piece_of_a_stream_is_sent_at_once(loop: Loop) -> None:
    run = loop(STREAM, event(function_url()), event(function_url("/empty"), 2))
    assert parts(run.posts[0]) == (PRELUDE, b"data: 0\n\ndata: 1\n\n")
    assert run.posts[0].chunks[1:] == (b"data: 0\n\n", b"data: 1\n\n")
    assert parts(run.posts[1]) == (PRELUDE, b"")
    assert run.posts[0].trailers == run.posts[1].trailers == {}


def test_what_an_application_raises_in_a_stream(loop: Loop) -> None:
    """Before the first piece it is an ordinary error; then the stream's end tells it; behind that only the log."""
    names = ("/early", "/between", "/after")
    run = loop(STREAM, *(event(function_url(name), number) for number, name in enumerate(names, 1)))
    early, between, after = run.posts
    assert early.path.endswith("request-1/error")
    assert early.json["errorType"] == "KeyError"
    assert early.json["stackTrace"][-1].endswith('    if path == "/early": raise KeyError(path)\n')
    assert between.path.endswith("request-2/response")
    assert between.trailers["lambda-runtime-function-error-type"] == "KeyError"
    assert parts(after) == (PRELUDE, b"data: 0\n\ndata: 1\n\n")
    assert after.trailers == {}
    assert run.stdout.count("[ERROR] KeyError: '/after'") == 1


def test_what_an_application_raises_with_a_buffered_response(loop: Loop) -> None:
    code = f"""{ANSWER}
async def serve(scope, receive, send):
    path = scope["path"]
    if path == "/silent": return
    if path == "/before": raise KeyError(path)
    await send({{"type": "http.response.start", "status": 500}})
    if path == "/twice": await send({{"type": "http.response.start", "status": 500}})
    if path == "/between": raise KeyError(path)
    await send({{"type": "http.response.body", "body": b"error page"}})
    raise KeyError(path)
handler = asgi(requests_only(serve))
"""
    names = ("/silent", "/before", "/twice", "/between", "/after")
    run = loop(code, *(event(function_url(name), number) for number, name in enumerate(names, 1)))
    *failed, answered = run.posts
    assert [(post.json["errorType"], post.json["errorMessage"]) for post in failed] == [
        ("RuntimeError", "the application returned, and its response is not complete"),
        ("KeyError", "'/before'"),
        ("RuntimeError", "the application sent http.response.start out of turn"),
        ("KeyError", "'/between'"),
    ]
    assert (answered.json["statusCode"], answered.json["body"]) == (500, "error page")
    assert run.stdout.count("[ERROR] KeyError: '/after'") == 1


def test_a_disconnect_comes_when_the_response_is_complete(loop: Loop) -> None:
    code = f"""{ANSWER}
import asyncio
seen = []
async def serve(scope, receive, send):
    async def listen():
        seen.append((await receive())["type"])
    await receive()
    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    seen.append("answered")
    await answer(send, " ".join(seen).encode())
    await listening
handler = asgi(requests_only(serve))
"""
    run = loop(code, event(function_url()), event(function_url(), 2))
    assert [each["body"] for each in run.results] == ["answered", "answered http.disconnect answered"]


def test_a_caller_who_has_gone_is_an_os_error_of_send_and_a_disconnect(loop: Loop) -> None:
    code = f"""{ANSWER}
import asyncio, time
async def serve(scope, receive, send):
    await receive()
    await send({{"type": "http.response.start", "status": 200}})
    try:
        while True:
            await send({{"type": "http.response.body", "body": b"x" * 65536, "more_body": True}})
    except OSError as error:
        print(type(error).__name__, (await receive())["type"])
handler = asgi(requests_only(serve), stream=True)
"""
    gone = Reply((), "reset", read=2)
    run = loop(code, event(function_url()), event({}, 2), posts=[gone])
    assert run.stdout.splitlines()[0] == "BrokenPipeError http.disconnect"
    assert run.requests[-1].path.endswith("/next")


LIFESPAN = f"""{ANSWER}
import asyncio, os
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        scope["state"]["calls"] = []
        while True:
            message = await receive()
            print(message["type"])
            await send({{"type": message["type"] + ".complete"}})
            if message["type"] == "lifespan.shutdown":
                return
    scope["state"]["calls"].append(1)
    scope["state"].setdefault(scope["path"], True)
    if scope["path"] == "/term":
        os.kill(os.getpid(), 15)
        await asyncio.sleep(60)
    await answer(send, f"{{len(scope['state']['calls'])}} {{len(scope['state'])}}".encode())
    if scope["path"] == "/fork" and not os.fork():
        raise SystemExit(0)
    if scope["path"] == "/exit": raise SystemExit(3)
handler = asgi(app)
print("imported")
"""


def test_an_applications_life_lasts_as_long_as_the_process(loop: Loop) -> None:
    """Its state is the same for all requests, and what one of them adds to it is not."""
    loop.variables["LAMBDA_GRACEFUL_SHUTDOWN"] = "1"
    run = loop(LIFESPAN, event(function_url("/a")), event(function_url("/b"), 2), signal=15)
    assert [each["body"] for each in run.results] == ["1 2", "2 2"]
    assert run.stdout.splitlines() == ["lifespan.startup", "imported", "lifespan.shutdown"]
    assert (run.exit_code, run.stderr) == (0, "")


def test_an_application_that_ends_the_process_is_told_and_not_in_a_copy_of_it(loop: Loop) -> None:
    run = loop(LIFESPAN, event(function_url("/fork")), event(function_url("/exit"), 2))
    assert run.exit_code == 3
    assert [line for line in run.stdout.splitlines() if "lifespan" in line] == ["lifespan.startup", "lifespan.shutdown"]


def test_an_application_is_told_of_the_end_that_comes_during_a_request(loop: Loop) -> None:
    run = loop(LIFESPAN, event(function_url("/term")))
    assert run.error["errorType"] == "Runtime.ExitError"
    assert run.stdout.splitlines()[-1] == "lifespan.shutdown"
    assert (run.exit_code, run.stderr) == (0, "")


def started(loop: Loop, lifespan: str) -> Run:
    code = f"""{ANSWER}
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        {lifespan}
    await answer(send, str("state" in scope).encode())
handler = asgi(app)
"""
    return loop(code, event(function_url()))


@pytest.mark.parametrize(
    "lifespan",
    [
        'raise ValueError("only HTTP")',
        "return",
        "pass",
        "await receive()",
        "await receive(); return",
    ],
)
def test_an_application_may_know_nothing_of_a_lifespan(loop: Loop, lifespan: str) -> None:
    run = started(loop, lifespan)
    assert run.result["body"] == "False"
    assert run.stdout + run.stderr == ""


@pytest.mark.parametrize(
    ("lifespan", "error", "message"),
    [
        ("await receive(); raise KeyError('db')", "KeyError", "'db'"),
        ("await send({'type': 'lifespan.startup.failed'}); raise KeyError('db')", "KeyError", "'db'"),
        ("await send({'type': 'lifespan.startup.failed', 'message': 'no db'}); await receive(); await receive()",
         "RuntimeError", "no db"),
        ("await send({'type': 'lifespan.startup.failed'}); return", "RuntimeError", "the application's startup failed"),
    ],
)  # fmt: skip
def test_a_start_up_that_fails_is_an_error_of_the_functions_start(
    loop: Loop, lifespan: str, error: str, message: str
) -> None:
    run = started(loop, lifespan)
    assert run.post.path.endswith("/init/error")
    assert (run.error["errorType"], run.error["errorMessage"]) == (error, message)
    assert run.exit_code == 1
    assert run.stderr == ""


def test_a_shutdown_that_fails_is_told(loop: Loop) -> None:
    loop.variables["LAMBDA_GRACEFUL_SHUTDOWN"] = "1"
    code = LIFESPAN.replace('print(message["type"])', "if message['type'].endswith('shutdown'): raise KeyError('db')")
    run = loop(code, event(function_url()), signal=15)
    assert "KeyError: 'db'" in run.stderr


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        ({"Records": ["secret"], "a": 1}, "an object with the keys 'Records', 'a'"),
        ({"requestContext": {"connectionId": "secret"}}, "an object with the keys 'requestContext'"),
        (["secret"], "list"),
    ],
)
def test_an_event_that_is_no_request_is_an_error_without_its_values(loop: Loop, sent: object, what: str) -> None:
    run = loop(ECHO, event(sent))
    assert run.error["errorType"] == "NoHttpEvent"
    assert run.error["errorMessage"].endswith(f"; this event is {what}")
    assert "secret" not in run.stdout


def test_the_package_offers_nothing_else_and_imports_the_bridge_for_who_asks(loop: Loop) -> None:
    code = """
import sys, layer_runtime
def handler(event, context):
    loaded = [name for name in sys.modules if name in ("layer_runtime.asgi_bridge", "asyncio")]
    return [loaded, hasattr(layer_runtime, "wsgi"), layer_runtime.asgi.__module__]
"""
    assert loop(code).result == [[], False, "layer_runtime.asgi_bridge"]
