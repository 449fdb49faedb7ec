"""Signals that come while the connection is at work: nothing hangs, nothing half-sent is taken for whole.

Scripts in the loop's own interpreter, with the other side of the connection in a child. A signal that is not noticed
leaves both sides waiting for each other. The child is no thread: one that waits for the interpreter's lock sleeps as
one does that waits for the connection, and the kernel may give either of two the signal.
"""

import subprocess

import pytest

from tools.support.fake_api import BOOTSTRAP, SAFETY_NET

SETTING = """
import os, signal, socket, sys
sys.path.insert(0, sys.argv[1])
from _layer_runtime import Connection

listener = socket.create_server(("127.0.0.1", 0))
endpoint = "{}:{}".format(*listener.getsockname())
connection = Connection(endpoint, ())
LARGE = bytes(50_000_000)
noticed, notice = os.pipe()
ended, lives = os.pipe()

class Interrupted(Exception): ...

def interrupt(*_):
    raise Interrupted

def signal_when_it_waits():
    # Nothing but the connection lets this process's only thread sleep.
    while open(f"/proc/{os.getppid()}/stat").read().rpartition(")")[2].split()[0] != "S":
        pass
    os.kill(os.getppid(), signal.SIGALRM)

def serve(answer):
    if os.fork():
        return
    try:
        os.close(lives)
        other, _ = listener.accept()
        answer(other)
        os.read(ended, 1)  # The connection stays open for as long as the parent lives.
    finally:
        os._exit(0)

def drain(other):
    size = 0
    while size < len(LARGE):
        size += len(other.recv(1 << 20))
"""


@pytest.fixture
def script(interpreter: str) -> list[str]:
    return [interpreter, "-SP", "-c"]


def run(script: list[str], code: str) -> str:
    command = [*script, SETTING + code, str(BOOTSTRAP.parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SAFETY_NET, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_request_that_is_broken_off_is_not_waited_for(script: list[str]) -> None:
    code = """
signal.signal(signal.SIGALRM, interrupt)
def answer(other):
    # What comes after the head is more than the buffers take, and nobody reads it: there the sender sleeps.
    other.recv(len(b"head") + 1, socket.MSG_PEEK | socket.MSG_WAITALL)
    signal_when_it_waits()
serve(answer)
connection.begin(b"head")
try:
    connection.go_on(LARGE)
except Interrupted:
    print("broken off,", connection.go_on(b"more"), end=", ")
try:
    connection.end()
except ConnectionError as error:
    print(error)
"""
    out = run(script, code)
    assert out.startswith("broken off, False, ")
    assert "without an answer" in out


def test_a_handler_runs_while_a_request_is_on_its_way(script: list[str]) -> None:
    code = """
signal.signal(signal.SIGALRM, lambda *_: os.write(notice, b"!"))
def answer(other):
    signal_when_it_waits()
    os.read(noticed, 1)
    drain(other)
    other.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
serve(answer)
print(connection.tell(LARGE))
"""
    assert run(script, code) == "(200, (), b'{}')\n"


def test_a_handler_runs_while_a_body_is_on_its_way(script: list[str]) -> None:
    code = """
signal.signal(signal.SIGALRM, lambda *_: os.write(notice, b"!"))
def answer(other):
    other.recv(100)
    other.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 100000\\r\\n\\r\\n" + bytes(50_000))
    signal_when_it_waits()
    os.read(noticed, 1)
    other.sendall(bytes(50_000))
serve(answer)
status, _, body = connection.tell(b"request")
print(status, len(body))
"""
    assert run(script, code) == "200 100000\n"


def test_a_handler_that_runs_while_nothing_happens_finds_no_signal_held_back(script: list[str]) -> None:
    code = """
held = []
def look(*_): held.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
signal.signal(signal.SIGALRM, look)
def answer(other):
    other.recv(100)
    signal_when_it_waits()
    signal_when_it_waits()
    other.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
serve(answer)
connection.ask(b"request")
look()
print(held)
"""
    assert run(script, code) == "[set(), set(), set()]\n"


def test_the_alarm_of_an_invocation_that_is_over_does_not_end_the_loop(script: list[str]) -> None:
    code = """
from layer_runtime.api import RuntimeApi
def forgotten(*_):
    raise TimeoutError("too slow")
signal.signal(signal.SIGALRM, forgotten)
def answer(other):
    other.recv(1000)
    signal_when_it_waits()
    again, _ = listener.accept()
    again.recv(1000)
    again.sendall(b"HTTP/1.1 200 OK\\r\\nLambda-Runtime-Aws-Request-Id: id\\r\\nContent-Length: 1\\r\\n\\r\\n1")
serve(answer)
print(RuntimeApi(endpoint).next().request_id)
"""
    assert run(script, code) == "id\n"
