"""BLAKE2, both kinds."""

import _blake2


def work() -> None:
    data = bytes(range(256)) * 100
    for _ in range(8):
        assert _blake2.blake2b(data).digest_size == 64
        assert _blake2.blake2s(data).digest_size == 32


if __name__ == "__main__":
    work()
