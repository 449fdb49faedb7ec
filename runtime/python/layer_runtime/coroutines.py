"""``async`` handlers: one event loop for all invocations. Imported for functions that need it.

What the handler leaves running stands still between invocations, and goes on with the next one.
"""

import asyncio
import atexit

from layer_runtime.errors import Fault
from layer_runtime.report import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine
    from typing import Any

    from layer_runtime.streaming import ResponseStream

event_loop = asyncio.new_event_loop()
asyncio.set_event_loop(event_loop)


def run(coroutine: "Coroutine[Any, Any, Any]") -> "Any":
    """What the coroutine returns, or raises."""
    try:
        return event_loop.run_until_complete(coroutine)
    except asyncio.CancelledError as error:
        # A BaseException, but no wish to end the process.
        raise Fault("CancelledError", text_of(error), error) from error


async def send_all(generator: "AsyncGenerator[Any]", stream: "ResponseStream") -> None:
    """Sends what an asynchronous generator yields, each piece at once."""
    try:
        async for piece in generator:
            stream.send_piece(piece)
    finally:
        await generator.aclose()


def _close() -> None:
    """Lets what still runs clean up: cancelled tasks, unfinished generators."""
    if event_loop.is_running() or event_loop.is_closed():
        return  # The process ends in the midst of a handler.
    tasks = asyncio.all_tasks(event_loop)
    for task in tasks:
        task.cancel()
    event_loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    event_loop.run_until_complete(event_loop.shutdown_asyncgens())
    event_loop.close()


atexit.register(_close)
