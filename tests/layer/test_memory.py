"""What happens to memory that a program frees: some is kept for the next invocation, the rest is released."""

import pytest

from builder.platform import this_machine
from tools.support.product import CONTAINER_FILES, PLATFORM, Layer

pytestmark = pytest.mark.skipif(
    CONTAINER_FILES is not None or PLATFORM.cpu != this_machine(),
    reason="the interpreter may run under qemu, whose own memory would be measured",
)

USED = """
import resource

class Point:
    def __init__(self, number):
        self.number = number

def work(size):
    return len([Point(number) for number in range(size)]) + len({number: str(number) for number in range(size)})

def faults(size, times):
    work(size), work(size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        work(size)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
"""


@pytest.mark.fast
def test_the_next_invocation_reuses_freed_memory_without_page_faults(layer: Layer) -> None:
    assert int(layer.run("-c", f"{USED}print(faults(60_000, 10))")) < 500  # If it were released, 40,000.


@pytest.mark.fast
def test_it_still_does_after_one_that_needed_a_lot(layer: Layer) -> None:
    code = f"{USED}many = [Point(number) for number in range(1_500_000)]\ndel many\nprint(faults(60_000, 10))"
    assert int(layer.run("-c", code)) < 500


@pytest.mark.fast
def test_a_lot_of_freed_memory_is_released_to_the_system(layer: Layer) -> None:
    code = f"""{USED}
def mib(key):
    with open("/proc/self/smaps_rollup") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith(key)) // 1024

many = [Point(number) for number in range(1_500_000)]
most = mib("Rss:")
del many
print(most, mib("Rss:"), mib("LazyFree:"))
"""
    most, left, lazy = map(int, layer.run("-c", code).split())
    assert most > 150
    assert left < 120  # The kernel reclaims the lazy part of it when memory runs short:
    assert lazy > 20
    assert left - lazy < 60


@pytest.mark.fast
def test_objects_made_one_after_another_are_adjacent_in_reused_memory(layer: Layer) -> None:
    code = f"""{USED}
def ascending():
    points = [Point(number) for number in range(60_000)]
    addresses = [id(point) for point in points]
    kept.extend(points[::5000])  # no arena becomes empty
    points.reverse()  # a list drops its last one first
    return sum(a < b for a, b in zip(addresses, addresses[1:])) / len(addresses)

kept = []
print(ascending(), ascending(), ascending())
"""
    assert all(
        float(share) > 0.9 for share in layer.run("-c", code).split()
    )  # 0.24 if memory were reused in the order of release


def test_forked_processes_do_not_share_kept_memory(layer: Layer) -> None:
    code = f"""{USED}
import os
work(60_000)
child = os.fork()
kept = [Point(number) for number in range(60_000)]
assert [point.number for point in kept] == list(range(60_000))
if not child:
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert layer.run("-c", code) == "0\n"


def test_interpreters_with_their_own_gil_share_it(layer: Layer) -> None:
    code = f"""
import threading, _interpreters
WORK = {USED!r} + '''
for _ in range(5):
    points = [Point(number) for number in range(40_000)]
    assert [point.number for point in points] == list(range(40_000))
    del points
'''
def run():
    number = _interpreters.create("isolated")
    assert _interpreters.exec(number, WORK) is None
    _interpreters.destroy(number)

threads = [threading.Thread(target=run) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("done")
"""
    assert layer.run("-c", code) == "done\n"
