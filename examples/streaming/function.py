"""Sends each line when it is ready; behind a function URL with RESPONSE_STREAM the caller sees it at once."""

import asyncio


async def handler(event, context):
    yield {"statusCode": 200, "headers": {"Content-Type": "text/plain; charset=utf-8"}}
    for number in range(5):
        yield f"line {number}\n"
        await asyncio.sleep(0.2)
