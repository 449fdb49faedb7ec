"""What the function prints and logs, in both formats, on stdout and as frames."""

import json
import re
from typing import Any

import pytest

from tools.support.fake_api import Loop, Run, event

WARN = "import logging\ndef handler(event, context): logging.getLogger('mine').warning('hé %s', event)"
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"


def records(run: Run) -> list[Any]:
    return [json.loads(line) for line in run.stdout.splitlines()]


def in_json(loop: Loop, code: str, level: str = "") -> list[Any]:
    loop.variables |= {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": level}
    return records(loop(code))


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_every_write_is_out_at_once(loop: Loop, stream: str) -> None:
    code = f"import os, sys\ndef handler(event, context):\n    sys.{stream}.write('no line end')\n    os._exit(3)"
    run = loop(code)
    assert run.exit_code == 3
    assert getattr(run, stream) == "no line end"


def test_a_record_is_a_line_with_level_time_and_request(loop: Loop) -> None:
    run = loop(WARN, event("x"), event("y", 2))
    first, second = run.stdout.splitlines()
    assert re.fullmatch(rf"\[WARNING\]\t{STAMP}\.\d{{3}}Z\trequest-1\thé x", first)
    assert second.endswith("\trequest-2\thé y")
    assert run.stderr == ""


def test_a_record_from_before_the_first_event_has_no_request(loop: Loop) -> None:
    run = loop("import logging\nlogging.warning('early')\ndef handler(event, context): pass")
    assert run.stdout.endswith("Z\t\tearly\n")


def test_times_are_in_utc_whatever_the_time_zone(loop: Loop) -> None:
    loop.variables["TZ"] = "Pacific/Kiritimati"
    code = """
import logging
def handler(event, context):
    (handler,) = logging.getLogger().handlers
    record = logging.makeLogRecord({"created": 0.0, "msecs": 0.0, "msg": "then", "levelname": "INFO"})
    handler.filter(record)
    return [handler.format(record), logging.Formatter("%(asctime)s").format(record)]
"""
    assert loop(code).result == [
        "[INFO]\t1970-01-01T00:00:00.000Z\trequest-1\tthen\n",
        "1970-01-01 00:00:00,000",
    ]


def test_a_record_with_an_exception_ends_with_a_line_end(loop: Loop) -> None:
    code = """
import logging
def handler(event, context):
    try: 1 / 0
    except ZeroDivisionError: logging.exception("oh")
    logging.warning("next")
"""
    lines = loop(code).stdout.splitlines()
    assert lines[0].endswith("\trequest-1\toh")
    assert lines[1] == "Traceback (most recent call last):"
    assert "ZeroDivisionError: division by zero" in lines
    assert lines[-1].endswith("\tnext")


def test_the_root_logger_has_its_handler_as_soon_as_logging_is_imported(loop: Loop) -> None:
    code = """
import logging
names = [type(handler).__name__ for handler in logging.getLogger().handlers]
logging.basicConfig(format="never used")
def handler(event, context): return names + [len(logging.getLogger().handlers), logging.getLogger().level]
"""
    assert loop(code).result == ["LambdaLoggerHandler", 1, 30]


def test_a_library_that_is_imported_late_brings_the_handler_too(loop: Loop) -> None:
    code = "def handler(event, context):\n    from concurrent.futures import _base\n    _base.LOGGER.warning('late')"
    assert loop(code).stdout.endswith("\trequest-1\tlate\n")


def test_the_hook_in_the_import_system_is_gone_when_it_is_done(loop: Loop) -> None:
    code = """
import sys
before = [finder.__name__ for finder in sys.meta_path]
import logging
def handler(event, context):
    import importlib
    importlib.reload(logging)
    loader = logging.__spec__.loader
    after = [finder.__name__ for finder in sys.meta_path]
    return [before, after, type(loader).__name__, "exec_module" in vars(loader)]
"""
    before, after, loader, changed = loop(code).result
    assert before == after
    assert loader in {"SourceFileLoader", "SourcelessFileLoader"}
    assert changed is False


def test_logging_that_sitecustomize_has_imported_is_set_up(loop: Loop) -> None:
    loop.write("hooks/sitecustomize.py", "import logging")
    loop.variables["PYTHONPATH"] = str(loop.task_root / "hooks")
    assert loop(WARN, event("x")).stdout.endswith("\trequest-1\thé x\n")


@pytest.mark.parametrize(
    ("level", "lines"), [("TRACE", 3), ("debug", 3), ("INFO", 2), ("ERROR", 1), ("", 1), ("odd", 1)]
)
def test_the_level_of_the_configuration_counts(loop: Loop, level: str, lines: int) -> None:
    loop.variables["AWS_LAMBDA_LOG_LEVEL"] = level
    code = """
import logging
def handler(event, context):
    for level in (logging.DEBUG, logging.INFO, logging.ERROR): logging.getLogger().log(level, "line")
"""
    assert len(loop(code).stdout.splitlines()) == lines


def test_a_record_that_cannot_be_formatted_does_not_harm_the_function(loop: Loop) -> None:
    run = loop("import logging\ndef handler(event, context):\n    logging.error('%d', 'x')\n    return 1")
    assert run.result == 1
    assert "--- Logging error ---" in run.stderr


def test_a_record_with_a_lone_surrogate_is_escaped(loop: Loop) -> None:
    run = loop("import logging\ndef handler(event, context): logging.error('a\\ud800b')")
    assert run.stdout.endswith("\ta\\ud800b\n")


def test_records_go_where_the_function_put_stdout(loop: Loop) -> None:
    code = """
import io, logging, sys
def handler(event, context):
    sys.stdout = io.StringIO()
    logging.error("caught")
    caught, sys.stdout = sys.stdout.getvalue(), None
    logging.error("past it")
    return caught
"""
    run = loop(code)
    assert run.result.endswith("\tcaught\n")
    assert run.stdout.endswith("\tpast it\n")


def test_a_record_in_json_has_its_fields(loop: Loop) -> None:
    (record,) = in_json(loop, WARN)
    assert re.fullmatch(rf"{STAMP}Z", record.pop("timestamp"))
    assert record == {"level": "WARNING", "message": "hé {}", "logger": "mine", "requestId": "request-1"}


def test_a_record_in_json_has_its_exception(loop: Loop) -> None:
    code = """
import logging
def handler(event, context):
    try: 1 / 0
    except ZeroDivisionError: logging.exception("oh")
"""
    (record,) = in_json(loop, code)
    path = loop.task_root / "function.py"
    assert record["errorType"] == "ZeroDivisionError"
    assert record["errorMessage"] == "division by zero"
    assert record["location"] == f"{path}:handler:5"
    assert record["stackTrace"][0].startswith(f'  File "{path}", line 4, in handler\n')


def test_a_record_in_json_has_extra_keys_and_the_tenant(loop: Loop) -> None:
    loop.variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
    code = """
import logging, datetime
def handler(event, context):
    logging.error("m", extra={"order": 7, "when": datetime.date(2026, 1, 2), "none": None, "level": "kept"})
"""
    (record,) = records(loop(code, event({}, aws_tenant_id="blue")))
    assert (record["order"], record["when"], record["tenantId"]) == (7, "2026-01-02", "blue")
    assert "none" not in record
    assert record["level"] == "ERROR"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("{'a': {'b': [1]}}", {"a": {"b": [1]}}),
        ("{'a': {1, }}", {"a": "{1}"}),
        ("[1, 2]", "[1, 2]"),
        ("'\\ud800'", "\ud800"),
        ("'line\\nbreak'", "line\nbreak"),
    ],
)
def test_messages_in_json(loop: Loop, expression: str, message: object) -> None:
    code = f"import logging\ndef handler(event, context): logging.error({expression})"
    (record,) = in_json(loop, code)
    assert record["message"] == message


@pytest.mark.parametrize("value", ["[kept]", "{(1, 2): 3}", "Mute()"])
def test_an_extra_that_has_no_json_form_does_not_cost_the_record(loop: Loop, value: str) -> None:
    code = f"""
import logging
kept = []
kept.append(kept)
class Mute:
    def __str__(self): raise RuntimeError
def handler(event, context): logging.error("seen", extra={{"odd": {value}, "other": 1}})
"""
    (record,) = in_json(loop, code)
    assert (record["message"], record["other"]) == ("seen", 1)


def test_the_level_of_a_record_in_json_is_one_that_the_platform_knows(loop: Loop) -> None:
    code = "import logging\ndef handler(event, context):\n    for level in (35, 99): logging.log(level, 'x')"
    assert [record["level"] for record in in_json(loop, code)] == ["WARNING", "CRITICAL"]


FRAMES = """
import logging, os
logging.getLogger().setLevel(1)
def handler(event, context):
    assert "_LAMBDA_TELEMETRY_LOG_FD" not in os.environ
    for level in (5, 10, 20, 30, 40, 50, 55): logging.log(level, "a\\nb %d", level)
    context.log("plain")
"""


def test_frames_carry_records_whole(loop: Loop) -> None:
    run = loop(FRAMES, telemetry=True)
    assert [hex(frame.kind) for frame in run.frames] == ["0xa55a0003"] * 8
    assert run.frames[0].message.endswith("\ta\nb 5\n")
    assert run.frames[-1].message == "plain"
    assert run.frames[0].time_in_us > 1_700_000_000_000_000
    assert run.stdout == run.stderr == ""


@pytest.mark.parametrize(("form", "base"), [("JSON", 0xA55A0002), ("TEXT", 0xA55A0003)])
def test_frames_name_the_level_where_the_platform_filters(loop: Loop, form: str, base: int) -> None:
    loop.variables |= {"AWS_LAMBDA_LOG_FORMAT": form, "AWS_LAMBDA_LOG_LEVEL": "DEBUG"}
    run = loop(FRAMES, telemetry=True)
    steps = [0, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x18]
    assert [frame.kind for frame in run.frames] == [*(base + step for step in steps), 0xA55A0003]


@pytest.mark.parametrize(("form", "kind"), [("JSON", 0xA55A0016), ("TEXT", 0xA55A0017)])
def test_an_error_is_a_frame_of_its_own(loop: Loop, form: str, kind: int) -> None:
    loop.variables["AWS_LAMBDA_LOG_FORMAT"] = form
    run = loop("def handler(event, context): raise ValueError('seen')", telemetry=True)
    (frame,) = run.frames
    assert frame.kind == kind
    if form == "JSON":
        assert json.loads(frame.message)["errorMessage"] == "seen"
    else:
        assert frame.message.startswith(
            "[ERROR] ValueError: seen\nTraceback (most recent call last):\n\u00a0\u00a0File"
        )
        assert not frame.message.endswith("\n")


@pytest.mark.parametrize("number", ["x", "", "99", "-1", "9" * 30])
def test_a_descriptor_that_is_none_is_reported_and_done_without(loop: Loop, number: str) -> None:
    loop.variables["_LAMBDA_TELEMETRY_LOG_FD"] = number or " "
    run = loop(WARN, event("x"))
    assert run.stdout.endswith("\thé x\n")
    assert "_LAMBDA_TELEMETRY_LOG_FD is " in run.stderr
    assert "Traceback" not in run.stderr


def test_frames_do_not_end_up_in_a_file_that_took_the_descriptors_number(loop: Loop) -> None:
    code = """
import logging, os
def handler(event, context):
    os.closerange(3, 1024)
    kept = [open("mine", "wb") for _ in range(20)]
    logging.error("where to?")
    return os.path.getsize("mine")
"""
    run = loop(code, telemetry=True)
    assert run.result == 0
    assert run.telemetry == b""
    assert run.stdout.endswith("\twhere to?\n")
