"""Coroutines that await others and finish at once."""

from collections.abc import Awaitable


async def leaf(number: int) -> int:
    return number + 1


async def branch(number: int) -> int:
    return await leaf(number) + await leaf(number)


async def main() -> int:
    total = 0
    for number in range(6_000):
        total += await branch(number)
    return total


def run(coroutine: Awaitable[int]) -> int:
    """The result of a coroutine that never waits."""
    try:
        next(coroutine.__await__())
    except StopIteration as end:
        return int(end.value)
    raise AssertionError("it waits")


def work() -> None:
    assert run(main()) == 36_006_000


if __name__ == "__main__":
    work()
