"""Integers and strings looked for in lists, compared by min() and max()."""


def work() -> None:
    numbers = list(range(1_000, 1_200))
    words = [f"word-{number}" for number in numbers]
    for number in range(1_100, 1_500):
        found = number in numbers
        assert found == (f"word-{number}" in words) == (numbers.count(number) == 1)
        assert max(numbers) - min(numbers) == 199


if __name__ == "__main__":
    work()
