"""isinstance() that says no, with one class and with several."""


class Some:
    pass


class Other:
    pass


def work() -> None:
    found, objects = 0, (1, "text", 1.5, None, Some())
    for _ in range(4_000):
        for each in objects:
            if not isinstance(each, (list, dict, Other)):
                found += isinstance(each, Some)
    assert found == 4_000


if __name__ == "__main__":
    work()
