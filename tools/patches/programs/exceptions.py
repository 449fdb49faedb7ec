"""Exceptions raised, caught and passed on."""


def fail(number: int) -> int:
    if number % 2:
        raise KeyError(number)
    return number


def attempt(number: int) -> int:
    try:
        return fail(number)
    except KeyError as error:
        raise ValueError(number) from error
    finally:
        number += 1


def work() -> None:
    failures = 0
    for number in range(6_000):
        try:
            attempt(number)
        except ValueError:
            failures += 1
    assert failures == 3_000


if __name__ == "__main__":
    work()
