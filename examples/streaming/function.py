"""Sends each line as soon as it is ready; with a RESPONSE_STREAM function URL, the caller sees it immediately."""

import asyncio


async def handler(event, context):
    yield {"statusCode": 200, "headers": {"Content-Type": "text/plain; charset=utf-8"}}
    for number in range(5):
        yield f"line {number}\n"
        await asyncio.sleep(0.2)
