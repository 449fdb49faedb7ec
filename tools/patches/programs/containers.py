"""Lists, tuples, dicts and sets: displays, comprehensions, indexing, unpacking."""


def work() -> None:
    counts: dict[int, int] = {}
    for number in range(8_000):
        first, second, third = [number, number + 1, number + 2]
        pair = (first, third)
        counts[second % 97] = counts.get(second % 97, 0) + pair[1]
    seen = {key for key in counts if key % 2}
    rows = [[column * row for column in range(20)] for row in range(200)]
    assert len(seen) == 48
    assert sum(row[3] for row in rows) == 59_700


if __name__ == "__main__":
    work()
