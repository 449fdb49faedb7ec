"""A function's threads beside the loop: with a GIL, and without one, where they run at the same time."""

import json

from tools.support.fake_api import Loop, event
from tools.support.product import TARGET

NO_GIL = "t" in TARGET.abi_flags


def test_the_loop_needs_no_gil(loop: Loop) -> None:
    """A module that does not say so gets every thread of the process the GIL back, and a warning into the log."""
    run = loop("import sys\ndef handler(event, context): return sys._is_gil_enabled()")
    assert run.result == (not NO_GIL)
    assert run.stderr == ""


def test_a_function_may_be_told_to_have_a_gil(loop: Loop) -> None:
    loop.variables["PYTHON_GIL"] = "1"
    assert loop("import sys\ndef handler(event, context): return sys._is_gil_enabled()").result is True


def test_a_result_may_change_while_it_is_written(loop: Loop) -> None:
    """What is sent is JSON all the same: each part as it was at some time."""
    code = """
import threading
shared = {"list": ["é" * 50] * 100, "dict": {f"é{n}": [n] for n in range(100)}}
stop = threading.Event()
def change():
    n = 0
    while not stop.is_set():
        n += 1
        shared["list"].append("é" * (n % 50))
        shared["list"].pop(0)
        shared["dict"][f"é{n}"] = [n]
        del shared["dict"][f"é{n}"]
        shared["dict"]["é1"] = [n] * 3
        if n % 50 == 0:
            shared["list"], shared["dict"] = list(shared["list"]), dict(shared["dict"])
threads = [threading.Thread(target=change, daemon=True) for _ in range(3)]
def handler(event, context):
    if event == 0:
        for thread in threads: thread.start()
    if event == "stop":
        stop.set()
        for thread in threads: thread.join()
    return shared
"""
    run = loop(code, *(event(number, number + 1) for number in range(300)), event("stop", 301))
    assert len(run.posts) == 301
    for post in run.posts:
        found = json.loads(post.body)
        assert {*map(type, found["list"])} <= {str}
        assert {*map(type, found["dict"].values())} <= {list}


def test_pieces_that_several_threads_write_are_whole(loop: Loop) -> None:
    """Each is a chunk of its own, whichever came first; the connection is one, and stays in order."""
    code = """
import threading
def handler(event, context, response_stream):
    response_stream.write("first;")
    def write(name):
        for number in range(200):
            response_stream.write(f"{name}{number}:{'x' * (number * 37 % 3000)};")
    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""
    run = loop(code, event({}), event({}, 2))
    for post in run.posts:
        assert post.chunks[0] == b"first;"
        pieces = [chunk.decode() for chunk in post.chunks[1:]]
        assert len(pieces) == 800
        for name in "abcd":
            expected = [f"{name}{number}:{'x' * (number * 37 % 3000)};" for number in range(200)]
            assert [piece for piece in pieces if piece.startswith(name)] == expected
        assert post.trailers == {}
    assert {request.connection for request in run.requests} == {1}


def test_a_late_threads_pieces_do_not_reach_another_invocations_answer(loop: Loop) -> None:
    code = """
import threading
late = []
def handler(event, context, response_stream):
    for stream, thread in late: thread.join(0.001)
    response_stream.write(f"{event};")
    def write():
        try:
            while True: response_stream.write(f"{event};")
        except (ValueError, BrokenPipeError):
            pass
    thread = threading.Thread(target=write, daemon=True)
    late.append((response_stream, thread))
    thread.start()
"""
    run = loop(code, *(event(f"event {number}", number) for number in range(1, 40)))
    assert len(run.posts) == 39
    for number, post in enumerate(run.posts, 1):
        assert {*post.chunks} == {f"event {number};".encode()}
