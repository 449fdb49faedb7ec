"""A function that calls itself, compares and adds."""


def fib(number: int) -> int:
    return number if number < 2 else fib(number - 1) + fib(number - 2)


def work() -> None:
    assert fib(20) == 6_765


if __name__ == "__main__":
    work()
