"""Signals that come while the connection is at work: nothing hangs, and their handlers run at once.

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
