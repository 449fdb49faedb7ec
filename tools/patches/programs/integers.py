"""Arithmetic of integers of one digit."""


def work() -> None:
    state = 12_345
    for _ in range(40_000):
        state = (state * 1_103 + 12_345) & 0xFFFFF
    assert 0 <= state <= 0xFFFFF


if __name__ == "__main__":
    work()
