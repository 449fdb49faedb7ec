"""Where a patch of CPython takes a shorter way, it arrives at the same place."""

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from builder.target import this_machine
from tests.product import CLEAN, TARGET, Layer

VALUES = """
sizes = (0, 1, 2, 5, 29, 30, 31, 59, 60, 62, 63, 64, 90)
integers = sorted({sign * (2**size + off) for sign in (1, -1) for size in sizes for off in (-1, 0, 1)})
texts = ["", "a", "b", "ab", "\\xe4", "\\u0142", "\\u0142a", "\\U0001f600", "abc" * 50, "abc" * 49 + "abd"]
"""


def test_integers_and_strings_compare_in_containers_as_by_themselves(layer: Layer) -> None:
    code = f"""{VALUES}
import heapq
for values in (integers, texts):
    for a in values:
        for b in values:
            equal, less = type(a).__eq__(a, b), type(a).__lt__(a, b)
            copy = b[:1] + b[1:] if values is texts else b + 2**99 - 2**99
            assert (a in [copy]) == (a in (copy,)) == bool([copy].count(a)) == ([a] == [copy]) == equal, (a, b)
            assert ([a] != [copy]) is not equal, (a, b)
            assert min(copy, a) == (a if less else b) and max(copy, a) == (b if less or equal else a), (a, b)
            heap = [copy]
            heapq.heappush(heap, a)
            assert heap[0] == (a if less else b), (a, b)
class Odd(int):
    __eq__ = __lt__ = lambda self, other: True
    __hash__ = int.__hash__
assert 1 in [Odd(2)] and max(Odd(1), Odd(2)) == 2
print("the same")
"""
    assert layer.run("-c", code) == "the same\n"


def test_integers_are_written_as_their_digits(layer: Layer) -> None:
    code = f"""{VALUES}
def digits(n):
    return (digits(n // 10) if n > 9 else "") + "0123456789"[n % 10]
for n in integers:
    written = "-" * (n < 0) + digits(abs(n))
    assert str(n) == repr(n) == f"{{n}}" == "%d" % n == written, n
    assert int(written) == n
print(str(True), repr(-7), f"{{-2**30 + 1}}")
"""
    assert layer.run("-c", code) == "True -7 -1073741823\n"


def test_strings_of_json_end_where_they_end(layer: Layer) -> None:
    code = r"""
import json
for text in ("plain", "\xe4", "\u0142", "\U0001f600"):
    for inner in ("", "x", text, text * 9, "a\\b" + text, text + '"', text + "\t"):
        assert json.loads(json.dumps(inner, ensure_ascii=False)) == inner
    for broken in ('"' + text, '"' + text + "\\", '"' + text + "\n" + '"', '"' + text + "\x1f" + text):
        try:
            json.loads(broken)
        except json.JSONDecodeError as error:
            print(error.msg + (f": {error.pos}" if error.pos == 0 else f": {error.pos - len(text)} and the text"))
    assert json.loads('"' + text + '\n"', strict=False) == text + "\n"
"""
    assert layer.run("-c", code).splitlines() == 4 * [
        "Unterminated string starting at: 0",
        "Unterminated string starting at: 0",
        "Invalid control character at: 1 and the text",
        "Invalid control character at: 1 and the text",
    ]


def test_a_sort_is_stable_and_takes_errors(layer: Layer) -> None:
    code = """
import random
r = random.Random(1)
for make in (lambda: r.random(), lambda: r.randrange(50), lambda: str(r.randrange(50))):
    values = [(make(), number) for number in range(3000)]
    assert sorted(values, key=lambda each: each[0]) == sorted(values)
    assert sorted(values, key=lambda each: each[0], reverse=True) == sorted(values, key=lambda e: (e[0], -e[1]))[::-1]
try:
    sorted([1, "a", 2])
except TypeError as error:
    print(error)
"""
    assert layer.run("-c", code) == "'<' not supported between instances of 'str' and 'int'\n"


def test_archives_are_imported_from_and_no_start_imports_what_does_that(layer: Layer, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("inner/found.py", "print(__name__, type(__loader__).__name__)")
        archive.writestr("__main__.py", "import sys; sys.path[:0] = [sys.path[0] + '/inner']; import found")
    (tmp_path / "no.zip").write_text("not an archive")
    first = [str(tmp_path / name) for name in ("archive.zip/inner", "no.zip", "missing")]
    code = f"""
import sys
early = "zipimport" in sys.modules
sys.path[:0] = {first!r}
import found
print(early, "zipimport" in sys.modules)
"""
    assert layer.run("-c", code) == "found zipimporter\nFalse True\n"
    assert layer.run(str(tmp_path / "archive.zip")) == "found zipimporter\n"


@pytest.mark.skipif(TARGET.cpu != this_machine(), reason="openpty() under qemu: no such device")
def test_terminals_and_shared_memory_are_there_though_their_libraries_are_loaded_late(layer: Layer) -> None:
    code = """
import os, pty
from multiprocessing.shared_memory import SharedMemory
master, terminal = os.openpty()
os.write(terminal, b"through")
print(os.read(master, 7).decode())
child, master = os.forkpty()
if not child:
    os._exit(7 if os.isatty(0) else 8)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
child = os.fork()
if not child:
    os.login_tty(terminal)
    os._exit(9 if os.isatty(1) else 8)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
memory = SharedMemory(create=True, size=16)
memory.buf[:4] = b"same"
other = SharedMemory(memory.name)
print(bytes(other.buf[:4]).decode())
memory.unlink()
try:
    SharedMemory(memory.name)
except FileNotFoundError:
    print("gone")
"""
    assert layer.run("-c", code).split() == ["through", "7", "9", "same", "gone"]


@pytest.mark.parametrize("allocator", ["mimalloc", "mimalloc_debug", "malloc", "malloc_debug", "pymalloc_debug"])
def test_every_allocator_can_be_chosen(layer: Layer, allocator: str) -> None:
    code = "import json; print(len(json.loads(json.dumps([[number] for number in range(50_000)]))))"
    assert layer.run("-c", code, env={"PYTHONMALLOC": allocator}) == "50000\n"


def test_generators_that_have_not_finished_still_do_what_they_must(layer: Layer) -> None:
    code = """
def work():
    try:
        yield 1
        yield 2
    finally:
        print("closed")
for number in work():
    pass
paused = work()
next(paused)
del paused
started = work()
del started
async def never():
    pass
import warnings
warnings.simplefilter("error")
import sys
sys.unraisablehook = lambda said: print(said.exc_value)
never()
"""
    assert layer.run("-c", code).splitlines() == ["closed", "closed", "coroutine 'never' was never awaited"]


def test_at_its_end_a_process_writes_what_is_left_and_calls_what_asked_for_that(layer: Layer, tmp_path: Path) -> None:
    code = f"""
import atexit, sys, threading, time
atexit.register(print, "at exit")
kept = open({str(tmp_path / "left")!r}, "w")
kept.write("not lost")
threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print("end", end=" ")
sys.exit(7)
"""
    command = (layer.python, "-c", code)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=CLEAN, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (7, "end thread\nat exit\n", "")
    assert (tmp_path / "left").read_text(encoding="utf-8") == "not lost"


def test_lines_are_traced_one_after_the_other(layer: Layer) -> None:
    """Where an instruction is not noted, a tracer still sees each line once."""
    code = """
import json, sys
def work(flag):
    a = 1
    while flag:
        if a > 2:
            pass
        else:
            a += 1
            continue
        flag = not flag
        break
    else:
        a = 0
    try:
        assert flag is None
    except AssertionError:
        pass
    return a
lines = []
def tracer(frame, event, arg):
    if frame.f_code.co_name == "work" and event == "line":
        lines.append(frame.f_lineno - work.__code__.co_firstlineno)
    return tracer
sys.settrace(tracer)
work(True)
sys.settrace(None)
print(json.dumps(lines))
"""
    assert json.loads(layer.run("-c", code)) == [1, 2, 3, 6, 7, 2, 3, 6, 7, 2, 3, 4, 8, 9, 12, 13, 14, 15, 16]


def test_a_line_that_goes_on_after_a_yield_is_traced_once(layer: Layer) -> None:
    code = """
import json, sys
def work(flag):
    while True:
        x = (yield 1) if flag else 2
        a = x
        b = [a, a]
        c = {a: b}
        d = (a, b)
        e = str(c)
        f = str(d)
        if not flag:
            return e + f
lines = []
def tracer(frame, event, arg):
    if frame.f_code.co_name == "work" and event == "line":
        lines.append(frame.f_lineno - work.__code__.co_firstlineno)
    return tracer
def run():
    paused = work(True)
    for _ in range(4):
        next(paused)
    paused.close()
    list(work(False))
sys.settrace(tracer)
run()
sys.settrace(None)
print(json.dumps(lines))
"""
    once = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert json.loads(layer.run("-c", code)) == 3 * once + [1, 2] + once + [10]
