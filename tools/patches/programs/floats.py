"""Arithmetic of floating-point numbers."""


def work() -> None:
    x, y, total = 0.5, 0.25, 0.0
    for step in range(25_000):
        x = x * 0.5 + y / 3.0
        y = (x - y) * 0.5 + 0.1
        total += x * y - step * 1e-6
    assert -190.0 < total < -189.0


if __name__ == "__main__":
    work()
