"""The patches' fast paths in CPython give the same results as the general ones."""

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from builder.platform import this_machine
from tests.unit.fakes import PATIENCE
from tools.support.product import CLEAN, PLATFORM, Layer

VALUES = """
sizes = (0, 1, 2, 5, 29, 30, 31, 59, 60, 62, 63, 64, 90)
integers = sorted({sign * (2**size + off) for sign in (1, -1) for size in sizes for off in (-1, 0, 1)})
texts = ["", "a", "b", "ab", "\\xe4", "\\u0142", "\\u0142a", "\\U0001f600", "abc" * 50, "abc" * 49 + "abd"]
"""


def test_integers_and_strings_compare_in_containers_as_they_do_on_their_own(layer: Layer) -> None:
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


def test_integers_are_formatted_correctly(layer: Layer) -> None:
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


def test_the_end_of_json_strings_is_found(layer: Layer) -> None:
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


def test_sorting_is_stable_and_propagates_errors(layer: Layer) -> None:
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


def test_archives_are_imported_from_by_zipimport_as_upstream_has_it(layer: Layer, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("inner/found.py", "print(__name__, type(__loader__).__name__)")
        archive.writestr("__main__.py", "import sys; sys.path[:0] = [sys.path[0] + '/inner']; import found")
    (tmp_path / "no.zip").write_text("not an archive")
    first = [str(tmp_path / name) for name in ("archive.zip/inner", "no.zip", "missing")]
    code = f"""
import sys
print(sys.path_hooks[0] is sys.modules["zipimport"].zipimporter)
sys.path[:0] = {first!r}
import found
"""
    assert layer.run("-c", code) == "True\nfound zipimporter\n"
    assert layer.run(str(tmp_path / "archive.zip")) == "found zipimporter\n"


@pytest.mark.fast
def test_start_up_does_not_read_the_time_zone(layer: Layer) -> None:
    assert layer.run("-S", "-c", "import sys; print('time' in sys.modules)") == "False\n"


@pytest.mark.skipif(PLATFORM.cpu != this_machine(), reason="openpty() under qemu: no such device")
def test_terminals_and_shared_memory_work_though_their_libraries_are_loaded_lazily(layer: Layer) -> None:
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
def test_every_allocator_can_be_selected(layer: Layer, allocator: str) -> None:
    code = "import json; print(len(json.loads(json.dumps([[number] for number in range(50_000)]))))"
    assert layer.run("-c", code, env={"PYTHONMALLOC": allocator}) == "50000\n"


def test_unfinished_generators_are_still_finalised(layer: Layer) -> None:
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
sys.unraisablehook = lambda unraisable: print(unraisable.exc_value)
never()
"""
    assert layer.run("-c", code).splitlines() == ["closed", "closed", "coroutine 'never' was never awaited"]


def test_at_exit_a_process_flushes_files_and_calls_registered_functions(layer: Layer, tmp_path: Path) -> None:
    code = f"""
import atexit, sys, threading, time
atexit.register(print, "at exit")
kept = open({str(tmp_path / "left")!r}, "w")
kept.write("not lost")
threading.Thread(target=lambda: (threading.main_thread().join(), print("thread"))).start()
threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
print("end", end=" ")
sys.exit(7)
"""
    command = (layer.python, "-c", code)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=CLEAN, timeout=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr) == (7, "end thread\nat exit\n", "")
    assert (tmp_path / "left").read_text(encoding="utf-8") == "not lost"


def test_lines_are_traced_in_order(layer: Layer) -> None:
    """Even where the current instruction is not saved, a tracer sees each line once."""
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


def test_a_line_that_continues_after_a_yield_is_traced_once(layer: Layer) -> None:
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


def test_json_parses_keys_and_numbers_like_its_pure_python_version(layer: Layer) -> None:
    code = r"""
import itertools, json, json.decoder, json.scanner, random
class Decoder(json.JSONDecoder):
    def __init__(self, **options):
        super().__init__(**options)
        self.parse_string = json.decoder.py_scanstring
        self.scan_once = json.scanner.py_make_scanner(self)
def both(text, **options):
    results = []
    for decoder in (json.JSONDecoder(**options), Decoder(**options)):
        try:
            results.append(repr(decoder.decode(text)))
        except ValueError as error:
            results.append(f"{error}")
    assert results[0] == results[1], (text, results)
rng = random.Random(1)
keys = ["", "a", "aa", "aB", "a\xe9", "\u0142", "\U0001f600", 'q"q', "a\\a", "t\tt", "\x7f", *map(str, range(90))]
for ascii in (True, False):
    for picked in (keys, [key for key in keys if key < "\x80"], [key for key in keys if key < "\u0100"]):
        for _ in range(60):
            rows = [{rng.choice(picked): {rng.choice(picked): number}} for number in range(60)]
            both(json.dumps(rows, ensure_ascii=ascii))
ends = ("", ".5", ".", ".e1", "e5", "E-3", "e", "e400", "." + "3" * 70)
for digits in ("0", "7", "12", "9" * 17, "1" + "0" * 17, "9" * 18, "9" * 19, "9" * 40, "01", "", "-", "1_0", "\u0664"):
    for sign, rest in itertools.product(("", "-", "+"), ends):
        both(sign + digits + rest)
        both(f'{{"k": {sign + digits + rest}, "k":[{sign + digits + rest}]}}')
for broken in ('{"a":1,"a', '{"a":1,"a\n":2}', '{"a":1,"a":', '{"a":1,"a"', '{"a"', '{"a\\', '[{"a":1},{"a":2'):
    both(broken)
both('{"a":1,}')
both('{"a":1,"a\n":2}', strict=False)
both('[1, 2.5]', parse_int=lambda text: text + "!", parse_float=lambda text: text + "?")
rows = json.loads(json.dumps([{"same key": 1}, {"same key": 2}]))
assert len({id(key) for row in rows for key in row}) == 1
print("the same")
"""
    assert layer.run("-c", code) == "the same\n"


def test_json_writes_strings_like_its_pure_python_version(layer: Layer) -> None:
    code = r"""
import json
from json import encoder
class Text(str): pass
def pure(value, **options):
    fast, encoder.c_make_encoder = encoder.c_make_encoder, None
    try:
        return json.dumps(value, **options)
    finally:
        encoder.c_make_encoder = fast
parts = ["", "plain", "~", "\x7f", '"', "\\", "\n", "\0", "\xe4", "\u0142", "\U0001f600", "\ud800", "long " * 99]
texts = [a + b for a in parts for b in parts]
values = [texts, texts[::-1], {text: text for text in texts}, [{text: [text]} for text in texts]]
values += [*texts, *map(Text, texts), {Text("key"): Text("value")}, {1: "a", None: "b", 0.5: "c"}]
for value in values:
    for options in ({}, {"ensure_ascii": False}, {"separators": ("\u0142", "\U0001f600"), "ensure_ascii": False}):
        assert json.dumps(value, **options) == pure(value, **options), (value, options)
print(len(values))
"""
    assert layer.run("-c", code) == "344\n"


@pytest.mark.parametrize(
    ("locale", "encoded"),
    [("C.UTF-8", r"b'/\xc3\xa4' b'\xf0\x9f\x98\x80/a' b'a\xff' None b''"), ("POSIX", r"None None b'a\xff' None b''")],
)
def test_names_of_files_are_encoded_as_the_locale_says(layer: Layer, locale: str, encoded: str) -> None:
    code = r"""
import ctypes
encode = ctypes.pythonapi.Py_EncodeLocale
encode.argtypes, encode.restype = (ctypes.c_wchar_p, ctypes.c_void_p), ctypes.c_char_p
print(*(encode(name, None) for name in ("/\xe4", "\U0001f600/a", "a\udcff", "a\ud800", "")))
"""
    no_utf8_mode = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert layer.run("-c", code, env={**no_utf8_mode, "LC_ALL": locale}) == f"{encoded}\n"


def test_the_search_for_two_literals_finds_what_the_general_search_finds(layer: Layer) -> None:
    """``[a]`` with a NUL in it matches only ``a`` in text without NULs, but is not a literal."""
    code = r"""
import itertools, random, re
rng = random.Random(1)
def pattern(depth):
    parts = [lambda: rng.choice("abc"), lambda: rng.choice("ab") + rng.choice("abc"), lambda: "."]
    if depth:
        parts += [
            lambda: "(" + pattern(depth - 1) + ")",
            lambda: "(?:" + pattern(depth - 1) + "|" + pattern(depth - 1) + ")",
            lambda: rng.choice((".", "[ab]", "a")) + rng.choice(("*", "+", "?", "*?", "+?", "??", "{1,2}", "{2}?")),
            lambda: "(" + rng.choice((".*", ".*?", "a*")) + ")",
            lambda: "(?:" + pattern(0) + ")*",
        ]
    return "".join(rng.choice(parts)() for _ in range(rng.randrange(1, 5)))
texts = ["".join(each) for size in range(6) for each in itertools.product("abc", repeat=size)]
texts = [*rng.sample(texts, 100), "", "ab" * 5 + "c", "a" * 9 + "b"]
texts += [text.replace("c", other) for text in texts[:40] for other in ("\xe9", "\u0142", "\U0001f600")]
for _ in range(1500):
    literal = pattern(2)
    other = re.sub(r"\[ab\]|[abc]", lambda found: found[0] if "[" in found[0] else f"[{found[0]}\0]", literal)
    one, two = re.compile(literal), re.compile(other)
    for text in rng.sample(texts, 12):
        for way in ("search", "match", "fullmatch"):
            mine, its = getattr(one, way)(text), getattr(two, way)(text)
            assert (mine and mine.regs) == (its and its.regs), (literal, text, way, mine, its)
        spans = [[found.regs for found in each.finditer(text, 1, 9)] for each in (one, two)]
        assert spans[0] == spans[1], (literal, text)
print("the same")
"""
    assert layer.run("-c", code) == "the same\n"


def test_tracing_and_monitoring_see_fused_jumps(layer: Layer) -> None:
    code = r"""
import sys
tests = {
    "a < b": [(1, 2), (2, 1), (1.5, 2.5), (2.5, 1.5), ("a", "b"), ("b", "a")],
    "a == b": [(1, 1), (1, 2), (2**70, 2**70), (1.0, 1.0), (float("nan"),) * 2, ("x", "x"), ("x", "y"), ((), ())],
    "a is b": [(None, None), (None, 1)],
    "a in b": [(1, {1}), (2, {1}), (1, {1: 2}), (2, {1: 2}), (1, [1]), (2, (1,))],
    "a": [(each, 0) for each in (True, False, 0, 1, 2**70, [], [1], None, "", "x", object(), {}, 0.0, 1.5)],
}
long = "; ".join(["a = a"] * 300)  # a jump that needs an EXTENDED_ARG
functions = []
for test in tests:
    for shape in (
        "if {0}: return 1\n else: return 2", "if not ({0}): return 1\n return 2", "while {0}: return 1\n return 2",
        "return 1 if ({0}) and not ({0}) else 2", "return [1 for _ in (1, 2) if {0}]", "return ({0}) or 3",
        "if {0}:\n  {1}\n  return 1\n return 2", "if not ({0}):\n  {1}\n  return 1\n return 2", "x = {0}\n return x",
    ):
        names = {}
        exec(f"def work(a, b):\n " + shape.format(test, long), names)
        functions.append((names["work"], tests[test]))
def results():
    return [work(*values) for work, given in functions for values in given * 40]
def tracer(frame, event, arg):
    frame.f_trace_opcodes = True
    seen[event] = seen.get(event, 0) + 1
    return tracer
plain, seen = results(), {}
sys.settrace(tracer)
traced = results()
sys.settrace(None)
branches = []
tool, events = sys.monitoring.DEBUGGER_ID, sys.monitoring.events
sys.monitoring.use_tool_id(tool, "test")
sys.monitoring.register_callback(tool, events.BRANCH, lambda code, at, to: branches.append(code.co_name))
sys.monitoring.set_events(tool, events.BRANCH)
watched = results()
sys.monitoring.set_events(tool, 0)
assert repr(plain) == repr(traced) == repr(watched) == repr(results())
assert seen["opcode"] > 10 * seen["call"] and branches.count("work") >= 8 * len(plain) // 9
print("the same")
"""
    assert layer.run("-c", code) == "the same\n"


def test_base64_by_groups_equals_base64_by_characters(layer: Layer) -> None:
    """A newline after each character, or a dot where it is allowed, forces the path for single characters."""
    code = r"""
import base64, binascii, itertools, string
letters = (string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/").encode()
for size in (*range(12), 57, 1000):
    data = bytes(number * 7 % 256 for number in range(size))
    bits = "".join(f"{byte:08b}" for byte in data) + "0" * (-size * 8 % 6)
    digits = bytes(letters[int(bits[at:at + 6], 2)] for at in range(0, len(bits), 6)) + b"=" * (-size % 3)
    assert binascii.b2a_base64(data) == digits + b"\n" and base64.b64encode(data) == digits
    assert binascii.b2a_base64(data, newline=False) == digits
    for text in (digits, digits + b"\n", b"\n".join(digits[at:at + 1] for at in range(len(digits))), b"." + digits):
        assert base64.b64decode(text) == data, text
    assert binascii.a2b_base64(digits, strict_mode=True) == data
def read(text, strict):
    try:
        return binascii.a2b_base64(text, strict_mode=strict)
    except binascii.Error as error:
        return str(error)
for start, four in itertools.product((b"", b"QUJD", b"="), itertools.product(b"A/=.\xff", repeat=4)):
    text = start + bytes(four) + b"QUI="
    single = b"".join(bytes((byte, 10)) for byte in text)
    assert read(text, False) == read(single, False), text
    whole = read(text, True)
    assert isinstance(whole, str) == any(byte in b"=.\xff" for byte in text[:-1]), (text, whole)
print("the same")
"""
    assert layer.run("-c", code) == "the same\n"


def test_counting_and_splitting_give_the_same_as_one_by_one(layer: Layer) -> None:
    code = r"""
import sys
alone = {sys.getrefcount(part) for part in ["part %d" % number for number in range(3)]}
for char in ("a", "\xe4", "\u0142", "\U0001f600"):
    for length in (*range(20), *range(110, 116), 223, 224, 225, 1000):
        for text in (char * length, ("b" + char) * length, "b" * length + char):
            ones = sum(each == char for each in text)
            assert text.count(char) == ones and text.count(char, 1) == ones - text.startswith(char), (char, length)
            assert text.count(char, 5, -5) == sum(each == char for each in text[5:-5]), (char, length)
            assert text.replace(char, "xy") == "".join("xy" if each == char else each for each in text)
            data = text.encode()
            for byte in {*data, 0xFF}:
                assert data.count(byte) == bytearray(data).count(byte) == sum(each == byte for each in data), data
    for number in (2, 11, 12, 13, 14, 17, 40):
        names = [f"{char} {index}" for index in range(number)]
        for separator in ("\n", "--", "\u20ac"):
            text = separator.join(names)
            for parts in (text.split(separator), text.rsplit(separator), *[text.splitlines()] * (separator == "\n")):
                assert parts == names and {sys.getrefcount(part) for part in parts} == alone, (names, separator)
        words = [name.replace(" ", "-") for name in names]
        for kind in (str, str.encode, lambda text: bytearray(text.encode())):
            text, space = kind(" ".join(words)), kind(" ")
            for parts in (text.split(), text.rsplit(), text.split(space), kind("\n".join(words)).splitlines()):
                assert parts == [kind(word) for word in words] and {sys.getrefcount(part) for part in parts} == alone
            assert space.join(text.split(None, 12)) == space.join(text.rsplit(space, 12)) == text
            assert len(text.split(None, 12)) == len(text.rsplit(space, 12)) == min(number, 13)
print("the same")
"""
    assert layer.run("-c", code) == "the same\n"
