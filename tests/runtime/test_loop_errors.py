"""Handler → error: what the Runtime API and the log are told, and what the loop does next."""

import pytest

from tools.support.fake_api import Loop, as_logged, event

FAILING = """
def inner(event):
    raise ValueError("no: " + event)

def handler(event, context):
    return inner(event)
"""


def frame(loop: Loop, line: int, name: str, text: str) -> str:
    return f'  File "{loop.task_root / "function.py"}", line {line}, in {name}\n    {text}\n'


def test_an_exception_is_told_with_the_frames_of_the_function_alone(loop: Loop) -> None:
    run = loop(FAILING, event("é"))
    assert run.post.path == "/2018-06-01/runtime/invocation/request-1/error"
    assert run.post.headers["lambda-runtime-function-error-type"] == "Function.ValueError"
    assert run.post.headers["content-type"] == "application/json"
    assert run.error == {
        "errorMessage": "no: é",
        "errorType": "ValueError",
        "requestId": "request-1",
        "stackTrace": [
            frame(loop, 6, "handler", "return inner(event)"),
            frame(loop, 3, "inner", 'raise ValueError("no: " + event)'),
        ],
    }


def test_an_exception_is_one_record_of_the_log(loop: Loop) -> None:
    run = loop(FAILING, event("x"))
    stack = as_logged(run.error["stackTrace"])
    assert run.stdout == f"[ERROR] ValueError: no: x\rTraceback (most recent call last):\r{stack}\n"
    assert run.stderr == ""


def test_the_loop_goes_on_after_an_exception(loop: Loop) -> None:
    run = loop("def handler(event, context): return 1 / event", event(0), event(1, 2))
    assert [request.path.rpartition("/")[2] for request in run.posts] == ["error", "response"]


def test_a_handler_with_the_wrong_arguments_has_no_frames_to_show(loop: Loop) -> None:
    run = loop("def handler(event): pass")
    assert run.error["errorMessage"] == "handler() takes 1 positional argument but 2 were given"
    assert run.error["stackTrace"] == []
    message = "handler() takes 1 positional argument but 2 were given"
    assert run.stdout == f"[ERROR] TypeError: {message}\rTraceback (most recent call last):\n"


def test_an_endless_recursion_is_told_in_a_few_lines(loop: Loop) -> None:
    error = loop("def handler(event, context): handler(event, context)").error
    assert error["errorType"] == "RecursionError"
    assert len(error["stackTrace"]) < 20
    assert "more times]" in "".join(error["stackTrace"])


@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        ("raise KeyError()", "KeyError", ""),
        ("raise ValueError('\\ud800 \\x00 \"')", "ValueError", '\ud800 \x00 "'),
        ("raise ExceptionGroup('several', [ValueError(1)])", "ExceptionGroup", "several (1 sub-exception)"),
        ("raise Mute()", "Mute", "<Mute whose __str__ fails>"),
        ("raise type('Zoë\\r\\nX: y', (Exception,), {})('m')", "Zoë\r\nX: y", "m"),
    ],
)
def test_any_exception_can_be_told(loop: Loop, code: str, error_type: str, message: str) -> None:
    head = "class Mute(Exception):\n    def __str__(self): raise RuntimeError\n"
    error = loop(f"{head}def handler(event, context):\n    {code}").error
    assert (error["errorType"], error["errorMessage"]) == (error_type, message)


def test_an_error_type_that_no_header_can_carry_is_made_to_fit(loop: Loop) -> None:
    run = loop("class Zoë(Exception): pass\ndef handler(event, context): raise Zoë")
    assert run.post.headers["lambda-runtime-function-error-type"] == "Function.Zo?"


def test_a_function_that_takes_away_what_traceback_needs_still_gets_its_stack(loop: Loop) -> None:
    run = loop(f"{FAILING}\nimport sys\nsys.modules['linecache'] = None", event("x"))
    assert run.error["stackTrace"] == [
        f'  File "{loop.task_root / "function.py"}", line {line}, in {name}\n'
        for line, name in ((6, "handler"), (3, "inner"))
    ]


@pytest.mark.parametrize(
    ("statement", "exit_code", "message"),
    [
        ("sys.exit()", 0, "SystemExit()"),
        ("sys.exit(3)", 3, "SystemExit(3)"),
        ("sys.exit('why')", 1, "SystemExit(why)"),
        ("exit(4)", 4, "SystemExit(4)"),
        ("quit()", 0, "SystemExit()"),
    ],
)
def test_a_handler_that_exits_is_told_and_then_obeyed(loop: Loop, statement: str, exit_code: int, message: str) -> None:
    code = f"""
import sys, atexit
atexit.register(print, 'bye')
def handler(event, context):
    print('out')
    {statement}
"""
    run = loop(code, event({}), event({}, 2))
    assert run.exit_code == exit_code
    assert run.error["errorType"] == "Runtime.ExitError"
    assert run.error["errorMessage"] == f"The function left its process: {message}"
    assert run.error["stackTrace"] == [frame(loop, 6, "handler", statement)]
    assert run.stdout.startswith("out\n[ERROR] Runtime.ExitError: ")
    assert run.stdout.endswith("\nbye\n")


def test_another_base_exception_is_told_and_ends_the_process(loop: Loop) -> None:
    run = loop("def handler(event, context): raise KeyboardInterrupt('odd')", event({}), event({}, 2))
    assert run.exit_code == 1
    assert run.error["errorType"] == "KeyboardInterrupt"
    assert run.stdout.startswith("[ERROR] KeyboardInterrupt: odd\r")
    assert "layer_runtime" not in run.stdout
    assert run.stderr == ""


def test_errors_are_logged_even_when_the_function_took_stdout_away(loop: Loop) -> None:
    run = loop("import io, sys\nsys.stdout = io.StringIO()\ndef handler(event, context): raise ValueError('seen')")
    assert "[ERROR] ValueError: seen" in run.stdout


def test_errors_go_to_stderr_when_the_function_closed_stdout(loop: Loop) -> None:
    run = loop("import os\nos.close(1)\ndef handler(event, context): raise ValueError('seen')")
    assert run.stderr.startswith("[ERROR] ValueError: seen\r")


def test_the_loop_survives_without_any_output(loop: Loop) -> None:
    code = "import os\ndef handler(event, context):\n    os.close(1)\n    os.close(2)\n    return 1 / event"
    run = loop(code, event(0), event(1, 2))
    assert [request.path.rpartition("/")[2] for request in run.posts] == ["error", "error"]
    assert run.posts[1].json["errorType"] == "OSError"
