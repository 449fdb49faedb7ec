"""What is told about an error beside its own type and message: where it came from, to the log and to X-Ray."""

import json
from typing import Any

import pytest

from tools.support.fake_api import HANG_UP, Loop, Run, as_logged, event

CHAIN = """
def parse(text):
    try:
        return int(text)
    except ValueError as error:
        raise KeyError("bad number") from error

def handler(event, context):
    parse("x")
"""

GROUP = """
def handler(event, context):
    error = ExceptionGroup("several", [ValueError("one"), ExceptionGroup("inner", [TypeError("two")])])
    error.add_note("first note")
    error.add_note("second\\nnote")
    raise error
"""


def xray(run: Run) -> Any:
    return json.loads(run.post.headers["lambda-runtime-function-xray-error-cause"])


def logged(run: Run) -> Any:
    (line,) = run.stdout.splitlines()
    return json.loads(line)


def test_xray_is_told_the_cause_in_a_header(loop: Loop) -> None:
    run = loop(CHAIN)
    path = str(loop.task_root / "function.py")
    assert xray(run) == {
        "working_directory": str(loop.task_root),
        "exceptions": [
            {
                "message": "'bad number'",
                "type": "KeyError",
                "stack": [
                    {"label": "handler", "path": path, "line": 9},
                    {"label": "parse", "path": path, "line": 6},
                ],
            }
        ],
        "paths": [path],
    }


@pytest.mark.parametrize(
    "message", ["Zoë\r\nX-Injected: yes", "\x00\x7f\x80", "\ud800", "😀" * 1000, "tab\there"], ids=ascii
)
def test_xrays_header_can_carry_any_message(loop: Loop, message: str) -> None:
    run = loop(f"def handler(event, context): raise ValueError({message!a})")
    assert "x-injected" not in run.post.headers
    assert xray(run)["exceptions"][0]["message"] == message


@pytest.mark.parametrize(("length", "is_told"), [(1_000_000, True), (1024 * 1024, False), (5_000_000, False)])
def test_xrays_header_is_left_out_when_it_is_too_large(loop: Loop, length: int, is_told: bool) -> None:
    run = loop(f"def handler(event, context): raise ValueError('x' * {length})")
    assert ("lambda-runtime-function-xray-error-cause" in run.post.headers) is is_told
    assert run.error["errorMessage"] == "x" * length


def test_xray_gets_the_managed_runtimes_name_for_a_fault(loop: Loop) -> None:
    assert xray(loop("", event(b"{"), handler="os.path.join"))["exceptions"][0] == {
        "message": (
            "Unable to unmarshal input: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
        ),
        "type": "LambdaValidationError",
        "stack": [],
    }


def test_an_error_in_a_folder_that_is_gone_is_told_all_the_same(loop: Loop) -> None:
    code = """
import os
def handler(event, context):
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir("../gone")
    raise ValueError("lost")
"""
    run = loop(code)
    assert run.error["errorMessage"] == "lost"
    assert xray(run)["working_directory"] == ""


def test_an_init_error_has_no_header_for_xray(loop: Loop) -> None:
    assert "lambda-runtime-function-xray-error-cause" not in loop("", handler="function.missing").post.headers


def test_the_cause_of_an_error_reaches_the_log_and_not_the_caller(loop: Loop) -> None:
    run = loop(CHAIN)
    assert set(run.error) == {"errorMessage", "errorType", "requestId", "stackTrace"}
    path = loop.task_root / "function.py"
    assert run.stdout == (
        "[ERROR] KeyError: 'bad number'\rTraceback (most recent call last):\r"
        + as_logged(run.error["stackTrace"])
        + "\rCaused by: ValueError: invalid literal for int() with base 10: 'x'\r"
        + as_logged([f'  File "{path}", line 4, in parse\n    return int(text)\n'])
        + "\n"
    )


def test_the_error_that_was_being_handled_reaches_the_log(loop: Loop) -> None:
    code = "def handler(event, context):\n    try: {}['a']\n    except KeyError: raise ValueError('b')"
    assert "\rWhile handling: KeyError: 'a'\r" in loop(code).stdout


def test_a_context_that_was_suppressed_is_not_told(loop: Loop) -> None:
    code = "def handler(event, context):\n    try: {}['a']\n    except KeyError: raise ValueError('b') from None"
    assert "KeyError: 'a'" not in loop(code).stdout


def test_notes_and_members_of_a_group_reach_the_log(loop: Loop) -> None:
    run = loop(GROUP)
    assert run.error["errorMessage"] == "several (2 sub-exceptions)"
    assert run.stdout.startswith(
        "[ERROR] ExceptionGroup: several (2 sub-exceptions)\rfirst note\rsecond\rnote\r"
        "Traceback (most recent call last):\r"
    )
    assert run.stdout.endswith(
        "\rException 1 of 2: ValueError: one\rException 2 of 2: ExceptionGroup: inner (1 sub-exception)"
        "\rException 1 of 1: TypeError: two\n"
    )


def test_what_led_to_a_failed_import_reaches_the_log(loop: Loop) -> None:
    run = loop("try:\n    import fast_one\nexcept ImportError:\n    import slow_one")
    assert run.stdout.startswith("[ERROR] Runtime.ImportModuleError: Unable to import module 'function': No module")
    assert "\rWhile handling: ModuleNotFoundError: No module named 'fast_one'\r" in run.stdout


def test_a_result_that_fails_in_the_functions_own_code_is_told_with_its_frames(loop: Loop) -> None:
    code = """
class Odd:
    def _asdict(self):
        raise RuntimeError("no dict today")
def handler(event, context): return Odd()
"""
    error = loop(code).error
    assert error["errorMessage"] == "Unable to marshal response: RuntimeError: no dict today"
    assert "in _asdict" in error["stackTrace"][-1]


STRANGE = {
    "a circle": """
    error = ValueError("round")
    error.__cause__ = KeyError("trip")
    error.__cause__.__cause__ = error
    raise error
""",
    "a long chain": """
    error = None
    for number in range(5000):
        new = ValueError(number)
        new.__cause__ = error
        error = new
    raise error
""",
    "odd notes": """
    error = ValueError()
    error.__notes__ = "no list"
    raise error
""",
    "a large group": """
    raise ExceptionGroup("many", [ValueError(number) for number in range(5000)])
""",
}


@pytest.mark.parametrize("code", STRANGE.values(), ids=list(STRANGE))
def test_strange_relatives_of_an_error_are_told_within_reason(loop: Loop, code: str) -> None:
    run = loop(f"def handler(event, context):\n{code}", event({}), event({}, 2))
    assert len(run.posts) == 2
    assert len(run.stdout) < 10_000


def test_a_message_of_several_lines_is_one_record(loop: Loop) -> None:
    run = loop("def handler(event, context): raise ValueError('one\\ntwo\\r\\nthree')")
    assert run.stdout.startswith("[ERROR] ValueError: one\rtwo\rthree\rTraceback")
    assert run.stdout.count("\n") == 1


def test_an_error_in_json_is_one_object(loop: Loop) -> None:
    loop.variables["AWS_LAMBDA_LOG_FORMAT"] = "json"
    run = loop(CHAIN)
    record = logged(run)
    assert record.pop("timestamp").endswith("Z")
    cause = record.pop("cause")
    assert record == {"level": "ERROR", **run.error}
    assert (cause["errorType"], cause["errorMessage"]) == (
        "ValueError",
        "invalid literal for int() with base 10: 'x'",
    )
    assert "in parse" in cause["stackTrace"][0]


def test_a_group_in_json_has_its_members(loop: Loop) -> None:
    loop.variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
    record = logged(loop(GROUP))
    assert record["notes"] == ["first note", "second\nnote"]
    assert [member["errorType"] for member in record["exceptions"]] == ["ValueError", "ExceptionGroup"]
    assert record["exceptions"][1]["exceptions"][0]["errorMessage"] == "two"


def test_the_loops_own_complaints_are_json_too(loop: Loop) -> None:
    loop.variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
    run = loop("def handler(event, context): pass", posts=[HANG_UP])
    record = json.loads(run.stderr)
    assert record["level"] == "ERROR"
    assert record["requestId"] == "request-1"
    assert record["message"].startswith("Runtime API: POST /invocation/request-1/response: ")
