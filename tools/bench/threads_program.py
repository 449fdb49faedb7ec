"""A program for ``bench -- threads``: ``threads_program.py THREADS SECONDS`` has each thread do the same work.

It runs on each interpreter that is measured. The work is Python alone, on objects that no other thread sees: what is
left is what the interpreter's threads take from each other. Prints how often all of them did it per second.
"""

import sys
import threading
import time

LIMIT = 2000


def work() -> int:
    """Counts the primes below ``LIMIT``: calls, loops, small integers, lists, dictionaries."""
    factors: dict[int, list[int]] = {}
    found = 0
    for number in range(2, LIMIT):
        primes = factors.pop(number, None)
        if primes is None:
            found += 1
            factors[number * number] = [number]
            continue
        for prime in primes:
            factors.setdefault(number + prime, []).append(prime)
    return found


def run(until: float, counts: list[int], place: int) -> None:
    done = 0
    while time.perf_counter() < until:
        assert work() == 303
        done += 1
    counts[place] = done


threads, seconds = int(sys.argv[1]), float(sys.argv[2])
work()  # its instructions become those for its types
counts = [0] * threads
until = time.perf_counter() + seconds
others = [threading.Thread(target=run, args=(until, counts, place)) for place in range(threads)]
for thread in others:
    thread.start()
for thread in others:
    thread.join()
print(sum(counts) / seconds)
