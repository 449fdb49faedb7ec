"""Chunks as they come from a pipe or a socket → whole lines."""

from collections.abc import Callable


def split_lines(callback: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """What takes chunks, and hands on each line when its end is there."""
    rest = b""

    def receive(chunk: bytes) -> None:
        nonlocal rest
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            callback(line)

    return receive
