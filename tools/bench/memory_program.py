"""A program for ``bench -- memory``: ``memory_program.py MIB`` drops buffers and objects, then makes one block.

It runs on each interpreter that is measured. An interpreter may keep what was dropped, and the block finds no place
there. Prints the peak of resident memory, in KiB.
"""

import sys

BUFFERS, BUFFER = 5, 3 << 20
"""Number and bytes: each is smaller than what malloc may keep."""
OBJECTS = 160_000
"""About 55 MiB, three objects each: beside them, there is room in the smallest function, of 128 MB."""
PAGE = 4096


def make_objects() -> int:
    return len([{"number": number, "text": str(number), "list": [number]} for number in range(OBJECTS)])


buffers = [bytearray(BUFFER) for _ in range(BUFFERS)]
del buffers
make_objects()
block = bytearray(int(sys.argv[1]) << 20)
for start in range(0, len(block), PAGE):
    block[start] = 1  # or the kernel would give no memory for it
with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 (importing pathlib would take memory)
    print(next(line.split()[1] for line in status if line.startswith("VmHWM:")))
