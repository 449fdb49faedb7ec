"""Threads of one interpreter: all of them allocate, collect, and use what the patches change, with and without a GIL.

A program for the builds that find data races or have no GIL; it says "done" at its end.
"""

import asyncio
import base64
import gc
import hashlib
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

TIMES = int(os.environ.get("TIMES", "30"))
SHARED: list[Any] = []
"""What all threads append to and read."""


class Node:
    """In a cycle."""

    def __init__(self, number: int) -> None:
        self.number, self.me = number, self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.number == other.number

    def __hash__(self) -> int:
        return self.number


def numbers() -> None:
    total = 0
    for number in range(2000):
        total += number * 2**35 if number & 1 else -number
        if total > 10**12 and total == number:
            break
    assert str(total)
    assert max(range(300, 900)) in list(range(300, 900))


def containers() -> None:
    items = [Node(number) for number in range(200)]
    SHARED.append({"node": items[0], "tuple": (1, (2, 3))})
    assert sorted(map(str, range(300)))
    assert Node(150) in items
    assert all(isinstance(item, (str, Node, list)) for item in items)
    if len(SHARED) > 500:
        del SHARED[:250]


def texts() -> None:
    written = json.dumps([{"id": number, "name": str(number)} for number in range(100)])
    assert json.loads(written)[5]["id"] == 5
    assert written.split(",").count(" ") == 0
    assert written.count("a") > 10
    assert re.search(r".*(name)", written)
    assert base64.b64decode(base64.b64encode(written.encode()))
    hashlib.blake2s(written.encode()).hexdigest()


def generators() -> None:
    def count(limit: int) -> Iterator[int]:
        yield from range(limit)

    async def both() -> int:
        first, second = await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2))
        return first + second

    half = count(10)
    next(half)
    assert sum(count(500))
    assert asyncio.run(both()) == 3


def classes() -> None:
    made = type("Made", (), {"__len__": lambda _: 3, "__add__": lambda _, other: other})
    assert len(made()) == 3
    assert made() + 1 == 1
    type.__setattr__(made, "__len__", lambda _: 4)
    assert len(made()) == 4


def collections() -> None:
    gc.collect(0)


JOBS: tuple[Callable[[], None], ...] = (numbers, containers, texts, generators, classes, collections)


def work(first: int) -> None:
    for turn in range(TIMES):
        JOBS[(first + turn) % len(JOBS)]()


def main() -> None:
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    print("done")


if __name__ == "__main__":
    main()
