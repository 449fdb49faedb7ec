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


def function_of(megabytes: int) -> dict[str, str]:
    """The variable that tells a function how much memory it has."""
    return {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(megabytes)}


@pytest.mark.fast
def test_in_a_large_function_the_next_invocation_reuses_freed_memory_without_page_faults(layer: Layer) -> None:
    code = f"{USED}print(faults(60_000, 10))"
    assert int(layer.run("-c", code, env=function_of(3008))) < 500  # If it were released, 40,000.


@pytest.mark.fast
def test_it_still_does_after_one_that_needed_a_lot(layer: Layer) -> None:
    code = f"{USED}many = [Point(number) for number in range(1_500_000)]\ndel many\nprint(faults(60_000, 10))"
    assert int(layer.run("-c", code, env=function_of(3008))) < 500


KEPT = f"""{USED}
def mib():
    with open("/proc/self/smaps_rollup") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1024

before = mib()
chain = None  # no list, whose buffer malloc() might keep
for number in range(1_000_000):
    chain = (chain, number)
most = mib()
while chain:  # one after the other: nested, they would take of the stack, which keeps its memory
    chain, _ = chain
print(most - before, mib() - before)
"""


@pytest.mark.fast
@pytest.mark.parametrize(("megabytes", "arenas"), [(256, 1), (512, 3), (1769, 12), (3008, 16)])
def test_freed_memory_is_kept_up_to_a_share_of_what_the_function_has(layer: Layer, megabytes: int, arenas: int) -> None:
    needed, left = map(float, layer.run("-c", KEPT, env=function_of(megabytes)).split())
    _, least = map(float, layer.run("-c", KEPT, env=function_of(128)).split())
    assert needed > 80
    assert least < 4
    assert arenas - 1 <= left - least < arenas + 2  # one more may be in use, and a part of another


@pytest.mark.fast
def test_without_a_function_it_is_a_share_of_what_limits_allow(layer: Layer) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_DATA, (128 << 20,) * 2)"
    assert float(layer.run("-c", limit + KEPT).split()[1]) < 4


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
