"""Arithmetic of integers of hundreds of digits."""


def work() -> None:
    factor, total = 3**4_000, 0
    for power in range(60, 260):
        total += factor * 7**power
        total -= factor << power
    assert total.bit_length() == 7_068
    assert (total * total - 1) % (total + 1) == 0


if __name__ == "__main__":
    work()
