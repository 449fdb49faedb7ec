"""Errors in the handler."""

from collections.abc import Mapping

from tools.conformance.case import Aspect, Case, Group, Rule, does
from tools.support.fake_api import Reply, event, reply

ERROR: Mapping[Aspect, Rule] = {"error type": Rule.ERROR_TYPE}
LOGGED: Mapping[Aspect, Rule] = {**ERROR, "log": Rule.CHAINED}
FRAMES: Mapping[Aspect, Rule] = {
    **ERROR,
    "bodies": Rule.OWN_FRAMES,
    "x-ray": Rule.OWN_FRAMES,
    "log": Rule.OWN_FRAMES,
}
LINES: Mapping[Aspect, Rule] = {**ERROR, "log": Rule.ONE_RECORD}
NOT_ASCII: Mapping[Aspect, Rule] = {**ERROR, "x-ray": Rule.HEADER_SAFE}
REFUSED: Mapping[Aspect, Rule] = {"calls": Rule.GOES_ON}
TWICE = (event({}), event({}, 2))

ERRORS = Group(
    "Error in the handler",
    (
        does("an exception", "raise ValueError('no')", get_replies=TWICE, differs=ERROR),
        does("an exception without a message", "raise ValueError", differs=ERROR),
        does("a message that is not ASCII", "raise ValueError('é世界😀')", differs=NOT_ASCII),
        does("a message of several lines", "raise ValueError('a\\n  b\\r\\nc')", differs=LINES),
        does("a KeyError", "return {}['k']", differs=ERROR),
        does("assert", "assert event == 1, 'not one'", differs=ERROR),
        does("an OSError", "open('/nowhere')", differs=ERROR),
        does("frames of several functions", "f()", imports="def f(): g()\ndef g(): 1 / 0", differs=ERROR),
        Case(
            "a frame of another module",
            "from a import handler",
            files={"a.py": "def handler(e, c): 1 / 0"},
            differs=ERROR,
        ),
        does("an exception from the standard library", "json.loads('{')", imports="import json", differs=ERROR),
        does("a class in a class", "raise A.B('x')", imports="class A:\n    class B(Exception): pass", differs=ERROR),
        does("an endless recursion", "handler(event, context)", differs=ERROR),
        Case("a wrong number of arguments", "def handler(event): pass", differs=FRAMES),
        Case("code that has no source", "exec(compile('def handler(e, c): 1 / 0', '<made>', 'exec'))", differs=ERROR),
        does("a cause", "try: 1 / 0", "except ArithmeticError as e: raise ValueError('no') from e", differs=LOGGED),
        does("a context", "try: 1 / 0", "except ArithmeticError: raise ValueError('no')", differs=LOGGED),
        does(
            "a cause that is hidden",
            "try: 1 / 0",
            "except ArithmeticError: raise ValueError('no') from None",
            differs=ERROR,
        ),
        does("a note", "e = ValueError('no')", "e.add_note('because')", "raise e", differs=LOGGED),
        does("a group", "raise ExceptionGroup('g', [ValueError('a'), KeyError('b')])", differs=LOGGED),
        does("a message of 2 MiB", "raise ValueError('x' * 2**21)", differs=ERROR),
        does("control characters in a message", "raise ValueError('\\x00\\x1b\\x7f')", differs=ERROR),
        does(
            "an exception named like the platform's", "raise type('Runtime.Mine', (Exception,), {})('x')", differs=ERROR
        ),
        does("an exception after chdir", "os.chdir('/')", "1 / 0", imports="import os", differs=ERROR),
        does("an exception after lines in the log", "print('a')", "1 / 0", differs=ERROR),
        does("SystemExit", "raise SystemExit(3)", differs={"calls": Rule.EXIT}),
        does("sys.exit without a code", "sys.exit()", imports="import sys", differs={"calls": Rule.EXIT}),
        does("KeyboardInterrupt", "raise KeyboardInterrupt", differs={"calls": Rule.EXIT}),
        does("os._exit", "os._exit(7)", imports="import os"),
        does(
            "a lone surrogate in a message",
            "raise ValueError('\\ud800')",
            get_replies=TWICE,
            differs={"calls": Rule.SURROGATE},
        ),
    ),
)

REFUSALS = Group(
    "Refusals of the Runtime API",
    (
        Case(
            "413 to a response",
            get_replies=TWICE,
            post_replies=(Reply((reply("413 Payload Too Large", b"{}"),)),),
            differs=REFUSED,
        ),
        Case(
            "400 to a response",
            get_replies=TWICE,
            post_replies=(Reply((reply("400 Bad Request", b"{}"),)),),
            differs=REFUSED,
        ),
        Case(
            "500 to a response",
            get_replies=TWICE,
            post_replies=(Reply((reply("500 Internal", b"{}"),)),),
            differs=REFUSED,
        ),
        does(
            "413 to an error",
            "1 / 0",
            get_replies=TWICE,
            post_replies=(Reply((reply("413 Payload Too Large", b"{}"),)),),
            differs=REFUSED,
        ),
    ),
)
