"""Attributes of instances: read, written, and methods called."""


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x = x
        self.y = y

    def move(self, step: int) -> None:
        self.x += step
        self.y -= step

    @property
    def sum(self) -> int:
        return self.x + self.y


def work() -> None:
    point = Point(3, 4)
    for step in range(20_000):
        point.move(step)
    assert sum(point.sum for _ in range(5_000)) == 35_000


if __name__ == "__main__":
    work()
