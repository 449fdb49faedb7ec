"""Generators that are run to their end, one inside of the other."""

from collections.abc import Iterator


def count(limit: int) -> Iterator[int]:
    yield from range(limit)


def pairs(limit: int) -> Iterator[tuple[int, int]]:
    for number in count(limit):
        yield number, number + 1


def work() -> None:
    total = 0
    for limit in range(150):
        total += sum(first * second for first, second in pairs(limit))
    assert total == 41_623_150


if __name__ == "__main__":
    work()
