"""FastAPI, Starlette, Django and Quart as handlers: one application each, buffered and streamed, and through Mangum."""

import json
from typing import Any

import pytest

from tests.runtime.test_loop_asgi import function_url, parts, rest_api
from tools.support.fake_api import Loop, event

FASTAPI = """
from contextlib import asynccontextmanager
from typing import Annotated
from fastapi import BackgroundTasks, FastAPI, Header, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

@asynccontextmanager
async def lifespan(app):
    print("started")
    yield {"started": True}
    print("ended")

app = FastAPI(lifespan=lifespan)

class Item(BaseModel):
    name: str

@app.post("/items/{number}")
def create(number: int, item: Item, request: Request, tasks: BackgroundTasks, q: str = ""):
    tasks.add_task(print, "created", item.name)
    return {"number": number, "name": item.name, "q": q, "url": str(request.url), "started": request.state.started}

@app.get("/events")
async def events():
    async def pieces():
        for number in range(2):
            yield f"data: {number}\\n\\n"
    return StreamingResponse(pieces(), media_type="text/event-stream")

@app.get("/cookies")
def cookies(request: Request, response: Response):
    response.set_cookie("seen", request.cookies["seen"] + "1")
    response.set_cookie("more", "é".encode().hex())
    return None

@app.get("/image")
def image():
    return Response(b"\\x89PNG", media_type="image/png")

@app.get("/fail")
def fail():
    raise KeyError("no such tea")
"""
STARLETTE = """
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

async def page(request):
    return PlainTextResponse(f"{request.method} {request.url.path} {(await request.body()).decode()}")

async def pieces(request):
    return StreamingResponse((f"{number} of " for number in range(2)), background=BackgroundTask(print, "sent"))

app = Starlette(routes=[Route("/page", page, methods=["POST"]), Route("/pieces", pieces)])
"""
DJANGO = """
from django.conf import settings
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="key")
from django.core.asgi import get_asgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

def page(request):
    return HttpResponse(f"{request.method} {request.path} {request.body.decode()}")

async def pieces(request):
    async def each():
        for number in range(2):
            yield f"{number} of "
    return StreamingHttpResponse(each())

urlpatterns = [path("page", page), path("pieces", pieces)]
app = get_asgi_application()
"""
QUART = """
from quart import Quart, request

app = Quart(__name__)

@app.before_serving
async def start():
    print("started")

@app.post("/page")
async def page():
    return f"{request.method} {request.root_path}{request.path} {(await request.get_data()).decode()}"

@app.get("/pieces")
async def pieces():
    async def each():
        for number in range(2):
            yield f"{number} of ".encode()
    return each()
"""
BRIDGE = "\nfrom layer_runtime import asgi\nhandler = asgi(app, stream={stream})\n"
MANGUM = "\nfrom mangum import Mangum\nhandler = Mangum(app)\n"
POSTED: dict[str, Any] = {"headers": {"host": "api.example", "content-type": "application/json"}}


def create(path: str = "/items/7") -> dict[str, Any]:
    return function_url(path, "POST", rawQueryString="q=a%20b", body=json.dumps({"name": "é"}), **POSTED)


def test_fastapi_reads_requests_and_answers_them(loop: Loop) -> None:
    loop.variables["LAMBDA_GRACEFUL_SHUTDOWN"] = "1"
    events = [create(), create("/items/x"), function_url("/cookies", cookies=["seen=1"]), function_url("/image")]
    code = FASTAPI + BRIDGE.format(stream=False)
    run = loop(code, *(event(sent, number) for number, sent in enumerate(events, 1)), signal=15)
    created, refused, cookies, image = run.results
    assert json.loads(created["body"]) == {
        "number": 7,
        "name": "é",
        "q": "a b",
        "url": "https://api.example/items/7?q=a%20b",
        "started": True,
    }
    assert refused["statusCode"] == 422
    assert cookies["cookies"] == ["seen=11; Path=/; SameSite=lax", "more=c3a9; Path=/; SameSite=lax"]
    assert (image["headers"]["content-type"], image["body"], image["isBase64Encoded"]) == (
        "image/png",
        "iVBORw==",
        True,
    )
    assert run.stdout.splitlines() == ["started", "created é", "ended"]
    assert run.exit_code == 0


def test_fastapi_behind_a_stage_of_a_rest_api(loop: Loop) -> None:
    sent = rest_api("/items/7", "/prod/items/7", body='{"name": "a"}', **POSTED)
    run = loop(
        FASTAPI + BRIDGE.format(stream=False), event(sent), event(rest_api("/items/", "/prod/items/", **POSTED), 2)
    )
    assert json.loads(run.results[0]["body"])["url"] == "https://api.example/prod/items/7"
    assert run.results[1]["statusCode"] == 404


def test_fastapi_streams_and_an_exception_is_a_page_for_the_caller_and_an_error_in_the_log(loop: Loop) -> None:
    run = loop(FASTAPI + BRIDGE.format(stream=True), event(function_url("/events")), event(function_url("/fail"), 2))
    prelude, body = parts(run.posts[0])
    assert prelude["headers"]["content-type"] == "text/event-stream; charset=utf-8"
    assert body == b"data: 0\n\ndata: 1\n\n"
    assert run.posts[0].chunks[1:3] == (b"data: 0\n\n", b"data: 1\n\n")
    prelude, body = parts(run.posts[1])
    assert (prelude["statusCode"], body) == (500, b"Internal Server Error")
    assert run.stdout.count("[ERROR] KeyError: 'no such tea'") == 1


@pytest.mark.parametrize("code", [STARLETTE, DJANGO, QUART], ids=["starlette", "django", "quart"])
def test_other_frameworks_answer_and_stream(loop: Loop, code: str) -> None:
    pages = [
        function_url("/page", "POST", body="tea"),
        rest_api("/page", "/prod/page", body="tea", headers={"host": "a"}),
    ]
    run = loop(code + BRIDGE.format(stream=False), *(event(sent, number) for number, sent in enumerate(pages, 1)))
    assert [each["body"] for each in run.results] == ["POST /page tea", "POST /prod/page tea"]
    assert [each["statusCode"] for each in run.results] == [200, 200]
    run = loop(code + BRIDGE.format(stream=True), event(function_url("/pieces")))
    prelude, body = parts(run.post)
    assert prelude["statusCode"] == 200
    assert body == b"0 of 1 of "
    assert run.post.chunks[1:3] == (b"0 of ", b"1 of ")
    assert run.stderr == ""


def test_mangum_answers_with_what_the_bridge_does(loop: Loop) -> None:
    """It waits for a whole response: there is no stream of it. Its lifespan is one for each invocation."""
    events = [
        event(sent, number)
        for number, sent in enumerate((create(), function_url("/events"), function_url("/image")), 1)
    ]
    bridge = loop(FASTAPI + BRIDGE.format(stream=False), *events)
    mangum = loop(FASTAPI + MANGUM, *events)
    assert [post.json for post in mangum.posts] == [post.json for post in bridge.posts]
    assert mangum.stdout.count("started") == 3
    assert bridge.stdout.count("started") == 1
