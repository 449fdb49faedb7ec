"""Integers written into strings."""


def work() -> None:
    size = 0
    for number in range(12_000):
        size += len(f"{number}:{-number}") + len(str(number * 7))
    assert size == 180_190


if __name__ == "__main__":
    work()
