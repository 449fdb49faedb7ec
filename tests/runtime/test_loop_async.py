"""``async`` handlers: one event loop for all invocations."""

import pytest

from tools.support.fake_api import Loop, as_logged, event


def test_an_async_handler_is_awaited(loop: Loop) -> None:
    code = "import asyncio\nasync def handler(event, context):\n    await asyncio.sleep(0)\n    return event"
    assert loop(code, event({"a": 1}), event("next", 2)).results == [{"a": 1}, "next"]


def test_the_event_loop_is_kept_from_one_invocation_to_the_next(loop: Loop) -> None:
    code = """
import asyncio
kept = []
async def handler(event, context):
    if not kept:
        kept.extend((asyncio.get_running_loop(), asyncio.Queue(), asyncio.Lock()))
        asyncio.create_task(answer_later())
        return "first"
    async with kept[2]:
        return [kept[0] is asyncio.get_running_loop(), await kept[1].get()]
async def answer_later():
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    kept[1].put_nowait("from the task")
"""
    assert loop(code, event(1), event(2, 2)).results == ["first", [True, "from the task"]]


def test_the_event_loop_is_made_before_the_first_event(loop: Loop) -> None:
    code = "import sys\nasync def handler(event, context): return 'asyncio' in sys.modules"
    assert loop(code).result is True
    code = "import sys\ndef handler(event, context): return 'asyncio' in sys.modules"
    assert loop(code).result is False


WRAPPINGS = {
    "a callable object": """
class Service:
    async def __call__(self, event, context): return event
handler = Service()
""",
    "a method": """
class Service:
    async def work(self, event, context): return event
handler = Service().work
""",
    "a partial": """
import functools
async def work(extra, event, context): return event
handler = functools.partial(work, "extra")
""",
    "a decorated one": """
import functools
def wrap(function):
    @functools.wraps(function)
    def inner(*arguments): return function(*arguments)
    return inner
@wrap
async def handler(event, context): return event
""",
    "a coroutine that is returned": """
async def work(event): return event
def handler(event, context): return work(event)
""",
}


@pytest.mark.parametrize("code", WRAPPINGS.values(), ids=list(WRAPPINGS))
def test_async_handlers_in_any_wrapping(loop: Loop, code: str) -> None:
    assert loop(code, event(1), event(2, 2)).results == [1, 2]


def test_an_async_handler_fails_with_its_own_frames_alone(loop: Loop) -> None:
    code = "import asyncio\nasync def handler(event, context):\n    await asyncio.sleep(0)\n    raise ValueError('no')"
    run = loop(code, event(1), event(2, 2))
    frame = f"  File \"{loop.task_root / 'function.py'}\", line 4, in handler\n    raise ValueError('no')\n"
    assert run.posts[0].json["stackTrace"] == [frame]
    assert run.stdout.split("\n")[0].endswith(as_logged([frame]))
    assert [request.path.rpartition("/")[2] for request in run.posts] == ["error", "error"]


def test_a_cancelled_handler_is_an_error_and_the_loop_goes_on(loop: Loop) -> None:
    code = """
import asyncio
async def handler(event, context):
    if event: return event
    asyncio.current_task().cancel()
    await asyncio.sleep(1)
"""
    run = loop(code, event(0), event(1, 2))
    assert run.posts[0].json["errorType"] == "CancelledError"
    assert run.posts[1].json == 1


def test_an_async_handler_may_leave_the_process(loop: Loop) -> None:
    run = loop("import sys\nasync def handler(event, context): sys.exit(5)")
    assert run.exit_code == 5
    assert run.error["errorType"] == "Runtime.ExitError"


def test_what_still_runs_cleans_up_when_the_process_ends(loop: Loop) -> None:
    code = """
import asyncio, signal
async def background():
    try: await asyncio.sleep(3600)
    finally: print("cleaned up")
kept = []
async def handler(event, context):
    kept.append(asyncio.create_task(background()))
    await asyncio.sleep(0)
"""
    run = loop(code, signal=15)
    assert run.exit_code == 0
    assert run.stdout == "cleaned up\n"
    assert run.stderr == ""


def test_a_handler_may_still_run_an_event_loop_of_its_own(loop: Loop) -> None:
    code = "import asyncio\nasync def work(): return 1\ndef handler(event, context): return asyncio.run(work())"
    assert loop(code, event(1), event(2, 2)).results == [1, 1]


def test_an_async_result_that_has_no_json_form_is_a_marshal_error(loop: Loop) -> None:
    assert loop("async def handler(event, context): return {1}").error["errorType"] == "Runtime.MarshalError"
