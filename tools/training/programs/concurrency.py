"""Doing several things: coroutines, tasks, streams, threads, context variables."""

import asyncio
import concurrent.futures
import contextlib
import contextvars
import queue
import random
import socket
import threading
from collections.abc import AsyncIterator

REQUEST = contextvars.ContextVar("request", default=0)


async def leaf(number: int) -> int:
    return number + 1


async def branch(depth: int) -> int:
    """Coroutines that await coroutines and never wait."""
    if depth == 0:
        return await leaf(depth)
    return await branch(depth - 1) + await leaf(depth)


async def ticks(count: int) -> AsyncIterator[int]:
    for number in range(count):
        if number % 50 == 0:
            await asyncio.sleep(0)
        yield number


class Connection:
    async def __aenter__(self) -> "Connection":
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(0)

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return self


async def worker(jobs: asyncio.Queue[int], results: list[int], gate: asyncio.Semaphore) -> None:
    while True:
        number = await jobs.get()
        async with gate:
            REQUEST.set(number)
            await asyncio.sleep(0)
            results.append(REQUEST.get() + await branch(3))
        jobs.task_done()


async def farm() -> None:
    jobs: asyncio.Queue[int] = asyncio.Queue(20)
    results: list[int] = []
    gate, lock, event = asyncio.Semaphore(3), asyncio.Lock(), asyncio.Event()
    workers = [asyncio.create_task(worker(jobs, results, gate)) for _ in range(5)]
    for number in range(500):
        await jobs.put(number)
    await jobs.join()
    for each in workers:
        each.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    asyncio.get_running_loop().call_soon(event.set)
    await event.wait()
    async with asyncio.TaskGroup() as group:
        made = [group.create_task(branch(number % 30)) for number in range(300)]
    assert sum(task.result() for task in made) > 0
    for _ in range(60):
        async with lock, Connection() as connection:
            await connection
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.sleep(1)
    assert sum([number async for number in ticks(2500) if number % 2]) > 0
    for done in asyncio.as_completed([leaf(n) for n in range(120)]):
        await done
    await asyncio.wait_for(asyncio.shield(branch(5)), 5)
    await asyncio.to_thread(sum, range(100))
    for _ in range(40):
        await branch(60)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        size = int(line)
        body = await reader.readexactly(size)
        writer.write(b"%d\n" % size + body[::-1])
        await writer.drain()
    writer.close()


async def ask(port: int, seed: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    dice = random.Random(seed)
    for _ in range(60):
        body = dice.randbytes(dice.randrange(3000))
        writer.write(b"%d\n" % len(body) + body)
        await writer.drain()
        assert await reader.readexactly(int(await reader.readline())) == body[::-1]
    writer.close()
    await writer.wait_closed()


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def network() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        await asyncio.gather(*(ask(server.sockets[0].getsockname()[1], seed) for seed in range(6)))
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    near.setblocking(False)
    await loop.connect_accepted_socket(Echo, far)
    for _ in range(250):
        await loop.sock_sendall(near, b"ping" * 10)
        await loop.sock_recv(near, 100)
    near.close()
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()


def threads() -> None:
    jobs: queue.Queue[int | None] = queue.Queue()
    results: queue.SimpleQueue[int] = queue.SimpleQueue()
    lock, turn = threading.Lock(), threading.Condition()
    counts = {"done": 0}

    def run() -> None:
        while (number := jobs.get()) is not None:
            with lock:
                counts["done"] += 1
            results.put(number * 2)
            with turn:
                turn.notify()

    crew = [threading.Thread(target=run) for _ in range(3)]
    for each in crew:
        each.start()
    for number in range(600):
        jobs.put(number)
    for _ in crew:
        jobs.put(None)
    for each in crew:
        each.join()
    assert counts["done"] == results.qsize() == 600
    local = threading.local()
    for number in range(600):
        local.value = number
        local.value += 1
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(lambda n: n * n, range(200))) > 0
        concurrent.futures.wait([pool.submit(pow, n, 2) for n in range(100)])
    for number in range(500):
        contextvars.copy_context().run(REQUEST.set, number)


def work() -> None:
    asyncio.run(farm())
    asyncio.run(network())
    threads()
