"""What glibc's own variables say malloc() keeps, they say."""

import pytest

from builder.platform import this_machine
from tools.support.product import CONTAINER_FILES, PLATFORM, Layer

pytestmark = [
    pytest.mark.fast,
    pytest.mark.skipif(
        CONTAINER_FILES is not None or PLATFORM.cpu != this_machine(),
        reason="the interpreter may run under qemu, whose own memory would be measured",
    ),
]

KEPT = """
def mib():
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * 4096 / 2**20

before = mib()
bodies = [bytearray(b"x" * 300_000) for _ in range(45)]
assert mib() - before > 12
del bodies
print(mib() - before)
"""
LARGE = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3008"}


def test_in_a_large_function_the_memory_of_a_few_bodies_is_kept(layer: Layer) -> None:
    assert float(layer.run("-c", KEPT, env=LARGE)) > 11


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MALLOC_TRIM_THRESHOLD_", "65536"),
        ("MALLOC_MMAP_THRESHOLD_", "131072"),
        ("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=65536"),
        ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=3:glibc.malloc.mmap_threshold=131072"),
    ],
)
def test_it_is_not_where_the_user_says_what_is_kept(layer: Layer, name: str, value: str) -> None:
    assert float(layer.run("-c", KEPT, env={**LARGE, name: value})) < 3


@pytest.mark.parametrize(("name", "value"), [("MALLOC_ARENA_MAX", "1"), ("GLIBC_TUNABLES", "glibc.malloc.arena_max=1")])
def test_it_still_is_where_the_user_says_something_else(layer: Layer, name: str, value: str) -> None:
    assert float(layer.run("-c", KEPT, env={**LARGE, name: value})) > 11
