"""Coroutines and asynchronous generators: driven by hand, by ``asyncio`` on a clock of its own, dropped half way."""

import asyncio
import gc
import re
import sys
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import count
from random import Random
from typing import Any

from .observe import Seen, text

Log = list[str]


class Pause:
    """Gives two values to whoever drives the coroutine that awaits this."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __await__(self) -> Generator[str, Any, str]:
        got = yield f"{self.name} begins"
        yield f"{self.name} got {got}"
        return self.name


class Clock:
    """A selector without files: who waits for a time is there at once."""

    def __init__(self) -> None:
        self.now = 0.0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("waits for ever")
        self.now += timeout
        return []

    def get_map(self) -> dict[int, Any]:
        return {}

    def close(self) -> None:
        """Nothing is open."""


class Task(asyncio.Task[Any]):
    """One that stands in sets by its number, not by its address: asyncio keeps some in sets, and goes through them."""

    def __init__(self, coroutine: Any, number: int, **options: Any) -> None:
        self.number = number
        super().__init__(coroutine, **options)

    def __hash__(self) -> int:
        return self.number


class Loop(asyncio.BaseEventLoop):
    """Runs in no time, and in the same order each time."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = self.clock = Clock()
        numbers = count()
        self.set_task_factory(lambda loop, coroutine, **options: Task(coroutine, next(numbers), loop=loop, **options))

    def time(self) -> float:
        return self.clock.now

    def _process_events(self, _events: Any) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody else wakes it."""


def case(random: Random) -> Seen:
    log: Log = []
    with _listening(log):
        gc.disable()
        match random.randrange(3):
            case 0:
                _by_hand(random, _coroutine(random, 0, log), log)
            case 1:
                _generator_by_hand(random, _numbers(random.randrange(5), log), log)
            case _:
                _by_a_loop(random, log)
        yield "driven", _clean(text(log))
        gc.collect(0)
        yield "at the end", _clean(text(log))


def _clean(shown: str) -> str:
    """Without addresses, and without the names of tasks, which are counted through all cases."""
    return re.sub(r"0x[0-9a-f]+|Task-\d+", "…", shown)


@contextmanager
def _listening(log: Log) -> Iterator[None]:
    """Notes warnings and exceptions that nobody gets."""

    def warn(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        log.append(f"{category.__name__} {message}")

    hook = sys.unraisablehook
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = warn  # the context manager puts the old one back
        sys.unraisablehook = lambda given: log.append(f"unraisable {given.exc_value!r}")
        try:
            yield
        finally:
            sys.unraisablehook = hook


async def _coroutine(random: Random, depth: int, log: Log) -> object:
    """Awaits, guards, returns and raises at random."""
    for _ in range(random.randrange(1, 4)):
        match random.randrange(7 if depth < 3 else 3):
            case 0 | 1:
                log.append(f"awaited {await Pause(f'pause {depth}')}")
            case 2:
                if random.random() < 0.3:
                    raise ValueError(depth)
            case 3:
                try:
                    log.append(f"inner {await _coroutine(random, depth + 1, log)!r}")
                except ValueError as error:
                    log.append(f"caught {error!r}")
            case 4:
                async with Manager(log):
                    await Pause("inside")
            case 5:
                log.append(str([each async for each in _numbers(random.randrange(4), log) if each != 1]))
            case _:
                if random.random() < 0.3:
                    return depth
                await Pause("last")
    return None


class Manager:
    """Awaits on the way in and out, and keeps some exceptions."""

    def __init__(self, log: Log) -> None:
        self.log = log

    async def __aenter__(self) -> str:
        return await Pause("enters")

    async def __aexit__(self, kind: Any, error: Any, _trace: Any) -> bool:
        self.log.append(f"leaves {error!r}")
        await Pause("leaves")
        return kind is ValueError


async def _numbers(count: int, log: Log) -> AsyncGenerator[int, Any]:
    try:
        for number in range(count):
            got = yield number
            log.append(f"numbers got {got}")
            if number == 2:
                await Pause("two")
    except ValueError as error:
        log.append(f"numbers caught {error!r}")
        yield -1
    finally:
        log.append("numbers end")


def _by_hand(random: Random, coroutine: Any, log: Log) -> None:
    steps: tuple[Callable[[], object], ...] = (
        lambda: coroutine.send(None),
        lambda: coroutine.send(None),
        lambda: coroutine.send("sent") if coroutine.cr_suspended else None,
        lambda: coroutine.throw(ValueError("thrown")),
        coroutine.close,
    )
    for _ in range(random.randrange(9)):
        _do(random.choice(steps), log)
        frame = coroutine.cr_frame
        log.append(f"{coroutine.cr_running} {coroutine.cr_suspended} {frame and (frame.f_lasti, frame.f_lineno)}")


def _generator_by_hand(random: Random, made: Any, log: Log) -> None:
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(lambda _: log.append("first"), lambda _: log.append("finalizer"))
    steps: tuple[Callable[[], Any], ...] = (
        made.__anext__,
        made.__anext__,
        lambda: made.asend("sent"),
        lambda: made.athrow(ValueError("thrown")),
        made.aclose,
    )
    try:
        for _ in range(random.randrange(6)):
            step: Any = random.choice(steps)()
            for _ in range(random.randrange(4)):
                _do(random.choice((lambda step=step: step.send(None), lambda step=step: step.throw(KeyError()))), log)
            if random.random() < 0.3:
                step.close()
            log.append(f"{made.ag_running} {made.ag_suspended}")
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _do(step: Callable[[], object], log: Log) -> None:
    try:
        log.append(f"gives {step()!r}")
    except BaseException as error:  # GeneratorExit, too
        log.append(f"raises {error!r} in {error.__context__!r}")


def _by_a_loop(random: Random, log: Log) -> None:
    loop = Loop()
    loop.set_exception_handler(
        lambda _, context: log.append(f"handler {context['message']} {context.get('exception')!r}")
    )
    try:
        log.append(f"ran {loop.run_until_complete(_program(random, log))!r}")
        loop.run_until_complete(loop.shutdown_asyncgens())
    except Exception as error:  # whatever comes out is compared
        log.append(f"failed {error!r}")
    for task in sorted(asyncio.all_tasks(loop), key=hash):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(1))
    log.append(f"time {loop.time():.2f}")
    loop.close()


async def _program(random: Random, log: Log) -> object:
    """A few tasks that wait for each other in one of asyncio's ways."""
    queue: asyncio.Queue[int] = asyncio.Queue(2)
    lock, event = asyncio.Lock(), asyncio.Event()
    workers = [_worker(random, number, queue, lock, event, log) for number in range(random.randrange(1, 5))]
    match random.randrange(5):
        case 0:
            return await asyncio.gather(*workers, return_exceptions=random.random() < 0.5)
        case 1:
            return await _waited(workers)
        case 2:
            async with asyncio.timeout(random.choice((0, 1, 5, 50))):
                return [await each for each in asyncio.as_completed([asyncio.ensure_future(each) for each in workers])]
        case 3:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(each) for each in workers]
                tasks[0].cancel() if random.random() < 0.3 else None
            return [task.cancelled() or task.result() for task in tasks]
        case _:
            shielded = asyncio.shield(workers[0])
            others = [asyncio.ensure_future(each) for each in workers[1:]]
            result = await asyncio.wait_for(shielded, random.choice((0.5, 3, 30)))
            for each in others:
                each.cancel(f"no {len(others)}")
            return result


async def _waited(workers: list[Any]) -> object:
    done, left = await asyncio.wait([asyncio.ensure_future(each) for each in workers], timeout=4)
    for task in left:
        task.cancel()
    return len(done), len(left), sorted(repr(task.exception()) for task in done if not task.cancelled())


async def _worker(
    random: Random, number: int, queue: "asyncio.Queue[int]", lock: asyncio.Lock, event: asyncio.Event, log: Log
) -> int:
    steps: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: asyncio.sleep(0),
        lambda: asyncio.sleep(random.randrange(1, 5)),
        lambda: asyncio.wait_for(queue.get(), 2),
        lambda: asyncio.wait_for(queue.put(number), 3),
        lambda: asyncio.wait_for(event.wait(), random.choice((1, 2))),
        lambda: _locked(lock, log),
        lambda: _failing(number),
    )
    try:
        for _ in range(random.randrange(1, 6)):
            step = random.choice(steps)
            try:
                log.append(f"worker {number}: {await step()!r}")
            except TimeoutError as error:
                log.append(f"worker {number}: late {error!r}")
            if random.random() < 0.2:
                event.set()
    except asyncio.CancelledError as error:
        log.append(f"worker {number}: cancelled {error.args}")
        raise
    finally:
        log.append(f"worker {number}: ends")
    return number


async def _locked(lock: asyncio.Lock, log: Log) -> str:
    async with lock:
        log.append("locked")
        await asyncio.sleep(1)
    return "unlocked"


async def _failing(number: int) -> None:
    await asyncio.sleep(0)
    if number % 3 == 2:
        raise ValueError(number)
