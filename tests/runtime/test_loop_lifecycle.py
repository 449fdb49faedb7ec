"""How the process ends, how a forked copy of it does, and what a handler may do to its process."""

import json

import pytest

from tools.support.fake_api import HANG_UP, Loop, Reply, event, reply

ECHO = "def handler(event, context): return event"
SIGTERM = 15


def test_atexit_callbacks_run_when_sigterm_comes_while_waiting(loop: Loop) -> None:
    run = loop(f"import atexit\natexit.register(print, 'bye')\n{ECHO}", event(1), signal=SIGTERM)
    assert run.result == 1
    assert run.exit_code == 0
    assert run.stdout == "bye\n"
    assert run.stderr == ""


def test_a_threads_work_does_not_keep_atexit_callbacks_from_running(loop: Loop) -> None:
    code = f"""
import atexit, threading, time
atexit.register(print, 'bye')
threading.Thread(target=time.sleep, args=(3600,)).start()
{ECHO}
"""
    run = loop(code, signal=SIGTERM)
    assert (run.exit_code, run.stdout) == (0, "bye\n")


def test_a_callback_that_the_function_registered_runs_while_waiting(loop: Loop) -> None:
    code = f"""
import atexit, signal, sys
atexit.register(print, 'bye')
def stop(number, frame):
    print('stopping')
    sys.exit(4)
signal.signal(signal.SIGTERM, stop)
{ECHO}
"""
    run = loop(code, signal=SIGTERM)
    assert (run.exit_code, run.stdout) == (4, "stopping\nbye\n")


def test_log_records_are_flushed_at_the_end(loop: Loop) -> None:
    code = """
import logging, logging.handlers
target = logging.FileHandler("out")
memory = logging.handlers.MemoryHandler(1000, target=target)
logging.getLogger().addHandler(memory)
def handler(event, context): logging.error("kept back")
"""
    loop(code, signal=SIGTERM)
    assert (loop.task_root / "out").read_text() == "kept back\n"


def test_sigterm_in_a_handler_is_told_and_ends_the_process(loop: Loop) -> None:
    code = """
import atexit, os, signal, time
atexit.register(print, 'bye')
def handler(event, context):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(3600)
    finally:
        print('finally')
"""
    run = loop(code)
    assert run.exit_code == 0
    assert run.error["errorType"] == "Runtime.ExitError"
    assert run.stdout.startswith("finally\n[ERROR] Runtime.ExitError")
    assert run.stdout.endswith("\nbye\n")


def test_sigterm_while_the_module_is_imported_ends_the_process(loop: Loop) -> None:
    run = loop("import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(3600)")
    assert (run.exit_code, run.requests) == (0, [])


def test_an_exception_in_an_atexit_callback_does_not_stop_the_others(loop: Loop) -> None:
    code = f"import atexit\natexit.register(print, 'last')\natexit.register(lambda: 1 / 0)\n{ECHO}"
    run = loop(code, signal=SIGTERM)
    assert (run.exit_code, run.stdout) == (0, "last\n")
    assert "ZeroDivisionError" in run.stderr


def test_no_extension_is_registered_unless_it_was_asked_for(loop: Loop) -> None:
    assert not [request for request in loop(ECHO).requests if "/extension/" in request.path]


def test_an_extension_without_events_is_registered_for_sigterm(loop: Loop) -> None:
    loop.variables["LAMBDA_GRACEFUL_SHUTDOWN"] = "1"
    run = loop(ECHO, event(1), event(2, 2))
    register, *_ = run.requests
    assert (register.method, register.path) == ("POST", "/2020-01-01/extension/register")
    assert register.headers["lambda-extension-name"] == "static-python-layer"
    assert json.loads(register.body) == {"events": []}
    (waiting,) = [request for request in run.requests if request.path == "/2020-01-01/extension/event/next"]
    assert waiting.headers["lambda-extension-identifier"] == "extension-1"
    assert run.results == [1, 2]
    assert waiting.connection not in {request.connection for request in run.posts}


@pytest.mark.parametrize(
    "answer",
    [
        HANG_UP,
        Reply((reply("403 Forbidden", b"no"),)),
        Reply((reply("200 OK", b"{}"),)),
        Reply((b"huh\r\n\r\n",), "close"),
    ],
    ids=["hangs up", "refuses", "gives no identifier", "speaks no HTTP"],
)
def test_a_function_runs_without_an_extension_when_the_platform(loop: Loop, answer: Reply) -> None:
    loop.variables["LAMBDA_GRACEFUL_SHUTDOWN"] = "1"
    run = loop(ECHO, event(1), extension=answer)
    assert run.result == 1
    assert run.stderr.startswith("[ERROR] No graceful shutdown: ")


@pytest.mark.parametrize(
    ("end", "status"),
    [("return 'from the child'", 0), ("sys.exit(3)", 3), ("raise ValueError('in the child')", 1), ("yield 1", 0)],
)
def test_a_forked_child_that_comes_back_from_the_handler_answers_nothing(loop: Loop, end: str, status: int) -> None:
    code = f"""
import atexit, os, sys
atexit.register(print, "once")
def handler(event, context):
    child = os.fork()
    if child: return answer(child)
    return in_child()
def answer(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
def in_child():
    {end}
"""
    run = loop(code, event({}), event({}, 2))
    expected = 1 if "yield" in end else status  # Its stream is not the child's to write to.
    assert run.results == [expected, expected]
    assert run.stdout == ""


def test_a_forked_child_cannot_write_to_the_parents_stream(loop: Loop) -> None:
    code = """
import os
def handler(event, context):
    yield "parent "
    child = os.fork()
    if child: os.waitpid(child, 0)
    yield "parent" if child else "child"
"""
    run = loop(code, event({}), event({}, 2))
    assert [request.chunks for request in run.posts] == [(b"parent ", b"parent")] * 2


def test_a_forked_child_dies_of_sigterm_as_any_other_process(loop: Loop) -> None:
    code = """
import os, signal, time
def handler(event, context):
    child = os.fork()
    if not child: time.sleep(3600)
    os.kill(child, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""
    assert loop(code).result == -15


def test_multiprocessing_can_fork_and_terminate(loop: Loop) -> None:
    code = """
import multiprocessing, time
def handler(event, context):
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(3600,))
    process.start()
    process.terminate()
    process.join()
    return process.exitcode
"""
    assert loop(code).result == -15


@pytest.mark.parametrize("kind", ["socket.socket()", "socket.socketpair()", "open(__file__)", "os.pipe()"])
def test_a_number_that_was_the_loops_connection_and_is_the_functions_now_is_left_to_the_function(
    loop: Loop, kind: str
) -> None:
    code = f"""
import os, socket
kept = []
def handler(event, context):
    if event == 1:
        os.closerange(3, 1024)
        kept.extend({kind} for _ in range(8))
    return event
def check(event, context): return 'unused'
"""
    run = loop(code, event(1), event(2, 2), event(3, 3))
    assert run.results == [1, 2, 3]
    assert run.stderr == ""


def test_a_socket_that_took_the_connections_number_gets_nothing_of_the_loops(loop: Loop) -> None:
    code = """
import os, socket
def handler(event, context):
    if event == 2:
        return [end.recv(100, socket.MSG_DONTWAIT) if ready(end) else None for end in ends]
    os.closerange(3, 1024)
    for _ in range(4): ends.extend(socket.socketpair())
    return 1
def ready(end):
    import select
    return bool(select.select([end], [], [], 0)[0])
ends = []
"""
    assert loop(code, event(1), event(2, 2)).results == [1, [None] * 8]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_connection_does_not_take_the_number_of_a_stream_that_was_closed(loop: Loop, number: int) -> None:
    code = f"""
import os
os.close({number})
def handler(event, context):
    print("not into the connection")
    return event
"""
    run = loop(code, event(1), event(2, 2))
    if number == 1:
        assert [request.json["errorType"] for request in run.posts] == ["OSError", "OSError"]
    else:
        assert run.results == [1, 2]


def test_a_handler_may_change_directory_and_remove_it(loop: Loop) -> None:
    code = """
import os
def handler(event, context):
    if event == 1:
        os.mkdir("gone")
        os.chdir("gone")
        os.rmdir("../gone")
    import helper
    return helper.answer
"""
    loop.write("helper.py", "answer = 'found'")
    assert loop(code, event(1), event(2, 2)).results == ["found", "found"]


def test_a_handler_that_changes_its_environment_does_not_harm_the_loop(loop: Loop) -> None:
    code = "import os\ndef handler(event, context):\n    os.environ.clear()\n    return event"
    assert loop(code, event(1), event(2, 2)).results == [1, 2]


def test_a_handler_that_ignores_every_signal_it_can_is_answered_for(loop: Loop) -> None:
    code = """
import signal
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(number, signal.SIG_IGN)
def handler(event, context): return event
"""
    assert loop(code, event(1), event(2, 2)).results == [1, 2]


def test_a_signal_while_waiting_does_not_disturb_the_loop(loop: Loop) -> None:
    code = """
import signal, threading, os, time
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
def handler(event, context): return event
"""
    run = loop(code, *(event(number, number) for number in range(1, 30)))
    assert run.results == list(range(1, 30))


def test_a_thread_that_outlives_its_invocation_does_not_harm_the_next(loop: Loop) -> None:
    code = """
import threading, time
def handler(event, context):
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    return event
"""
    assert loop(code, event(1), event(2, 2)).results == [1, 2]


def test_a_stack_limit_or_an_import_of_the_functions_own_does_not_harm_the_report(loop: Loop) -> None:
    code = "import sys\ndef handler(event, context):\n    sys.modules.clear()\n    return 1 / event"
    run = loop(code, event(1))
    assert run.result == 1.0
