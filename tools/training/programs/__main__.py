"""Runs all programs, or those that are named, and says how long each took."""

import importlib
import sys
import time

# Program → how often: so that each gets about the same share of the time.
PROGRAMS = {
    "starts": 5,
    "documents": 8,
    "text": 12,
    "numbers": 20,
    "objects": 6,
    "concurrency": 16,
    "storage": 1,
    "web": 4,
    "puzzles": 14,
    "tools": 3,
}

for name in sys.argv[1:] or PROGRAMS:
    work = importlib.import_module(f"{__package__}.{name}").work
    start = time.perf_counter()
    for _ in range(PROGRAMS[name]):
        work()
    print(f"{name:12} {time.perf_counter() - start:6.2f} s", flush=True)
