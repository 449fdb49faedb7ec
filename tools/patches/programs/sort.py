"""Lists of numbers and of strings, sorted."""


def work() -> None:
    state, numbers = 12_345, []
    for _ in range(2_000):
        state = (state * 1_103 + 12_345) & 0xFFFFF
        numbers.append(state)
    for _ in range(4):
        assert sorted(numbers)[:1] == [min(numbers)]
        assert len(sorted(map(str, numbers))) == 2_000


if __name__ == "__main__":
    work()
