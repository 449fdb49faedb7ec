"""Interpreters with a GIL of their own, in threads: each allocates, frees and collects, beside the main one.

A program for the build that finds data races; it says "done" at its end. It does not fork: with such interpreters
beside it, the child of stock CPython 3.13 ends by "PyThreadState_Get: the function must be called with the GIL held".
"""

import gc
import os
import threading

import _interpreters  # type: ignore[import-not-found]

CODE = """
import gc, json, hashlib, base64, re
class Node:
    def __init__(self, number):
        self.number, self.me = number, self
    def __del__(self):
        pass
items = [{"a": number, "b": str(number + 1000), "c": (number,)} for number in range(SIZE)]
for turn in range(4):
    read = json.loads(json.dumps(items[: SIZE // 5]))
    numbers = [number * 7 + 300 for number in range(SIZE)]
    nodes = [Node(number) for number in range(SIZE // 10)]
    items = items[::2] + [{"k": [1]} for _ in range(100)]
    text = " ".join(map(str, numbers)).split()
    assert re.findall(r".*?(7)", "a7" * 50) and base64.b64decode(base64.b64encode(b"x" * 999))
    hashlib.blake2b(b"x" * 999).hexdigest()
    del nodes
    gc.collect(turn % 3)
del items, read, numbers, text
"""
SIZE = int(os.environ.get("SIZE", "3000"))
INTERPRETERS, THREADS = 4, 4


def work() -> None:
    for _ in range(INTERPRETERS):
        number = _interpreters.create("isolated")
        failed = _interpreters.exec(number, CODE.replace("SIZE", str(SIZE)))
        assert failed is None, failed
        _interpreters.destroy(number)


def main() -> None:
    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    kept = [[str(number)] * 3 for number in range(SIZE * 5)]
    del kept
    for thread in threads:
        thread.join()
    gc.collect()
    print("done")


if __name__ == "__main__":
    main()
