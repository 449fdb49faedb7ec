"""Cycles of lists, tuples, dicts and instances, found by the garbage collector."""

import gc


class Node:
    def __init__(self, number: int) -> None:
        self.itself = self
        self.items = [number, (number, "text"), {"number": number}]


def work() -> None:
    kept = [[number, (number, str(number))] for number in range(4_000)]
    for _ in range(4):
        for number in range(500):
            Node(number)
        gc.collect()
    assert len(kept) == 4_000


if __name__ == "__main__":
    work()
