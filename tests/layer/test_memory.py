"""What the interpreter does with memory that a program frees: some is kept for the next invocation, the rest goes."""

import pytest

from builder.platform import this_machine
from tools.support.product import CONTAINER_FILES, TARGET, Layer

pytestmark = pytest.mark.skipif(
    CONTAINER_FILES is not None or TARGET.cpu != this_machine(),
    reason="what runs may be qemu, whose memory is its own affair",
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


def test_what_one_invocation_frees_the_next_one_has_without_a_page_fault(layer: Layer) -> None:
    assert int(layer.run("-c", f"{USED}print(faults(60_000, 10))")) < 500  # Given back, it would be 40,000.


def test_it_has_so_still_after_one_that_needed_much(layer: Layer) -> None:
    code = f"{USED}many = [Point(number) for number in range(1_500_000)]\ndel many\nprint(faults(60_000, 10))"
    assert int(layer.run("-c", code)) < 500


def test_memory_that_is_much_goes_back_to_the_system(layer: Layer) -> None:
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
    assert left < 120  # Of which the kernel takes what is lazy when it runs short:
    assert lazy > 20
    assert left - lazy < 60


def test_what_is_made_in_turn_lies_in_turn_in_memory_that_was_used_before(layer: Layer) -> None:
    code = f"""{USED}
def ascending():
    points = [Point(number) for number in range(60_000)]
    places = [id(point) for point in points]
    kept.extend(points[::5000])  # no workspace becomes empty
    points.reverse()  # a list drops its last one first
    return sum(a < b for a, b in zip(places, places[1:])) / len(places)

kept = []
print(ascending(), ascending(), ascending())
"""
    assert all(float(share) > 0.9 for share in layer.run("-c", code).split())  # 0.24 in the order of their release


def test_processes_that_fork_do_not_share_what_is_kept(layer: Layer) -> None:
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


def test_interpreters_with_locks_of_their_own_share_it(layer: Layer) -> None:
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
