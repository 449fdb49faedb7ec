"""What programs do to programs: compiling, inspecting, logging, arguments, tracebacks."""

import argparse
import ast
import dis
import importlib.util
import inspect
import io
import json
import linecache
import logging
import marshal
import pathlib
import pprint
import symtable
import textwrap
import tokenize
import traceback
import types
import unittest

HEAVY = ("argparse", "asyncio.base_events", "dataclasses", "decimal", "email.message", "inspect", "typing", "pathlib")
"""Modules whose sources are compiled."""


def compiling() -> None:
    for name in HEAVY:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        source = pathlib.Path(spec.origin).read_text(encoding="utf-8")
        tree = ast.parse(source)
        code = compile(tree, spec.origin, "exec")
        assert marshal.loads(marshal.dumps(code)) == code
        if name in HEAVY[:3]:
            sum(isinstance(node, ast.Call) for node in ast.walk(tree))
            compile(ast.unparse(tree), name, "exec")
            list(tokenize.generate_tokens(io.StringIO(source).readline))
            symtable.symtable(source, name, "exec").get_children()
            sum(
                1
                for constant in code.co_consts
                if isinstance(constant, types.CodeType)
                for _ in dis.get_instructions(constant)
            )
    names = {"x": 3, "y": [1, 2]}
    for number in range(300):
        eval(f"x * {number} + sum(y) if x else [z for z in y]", names)
        exec(f"def f{number}(a, *b, c=1, **d):\n  return a + c\nx = f{number}(1)", names)
        ast.literal_eval(f"{{'a': [1, 2.5, {number}], 'b': (None, True, b'x')}}")
    for wrong in ("def", "a = (1,", "x +* y", "for in", "'open"):
        try:
            compile(wrong, "wrong", "exec")
        except SyntaxError as error:
            traceback.format_exception_only(error)


class Structured(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps({"level": record.levelname, "message": record.getMessage(), "at": record.created})


def logs() -> None:
    root = logging.getLogger("training")
    root.setLevel(logging.INFO)
    root.propagate = False
    child = root.getChild("child")
    for formatter in (logging.Formatter("%(asctime)s %(levelname)-8s [%(name)s] %(message)s"), Structured()):
        out = logging.StreamHandler(io.StringIO())
        out.setFormatter(formatter)
        root.addHandler(out)
    for number in range(700):
        child.info("request %s took %.2f ms", number, number / 3)
        child.debug("details %r", number)
        if number % 50 == 0:
            try:
                raise KeyError(number)
            except KeyError:
                child.exception("failed")
    child.setLevel(logging.WARNING)
    for number in range(3000):
        child.info("dropped %d", number)
    child.setLevel(logging.NOTSET)
    root.handlers.clear()


def arguments() -> None:
    parser = argparse.ArgumentParser("tool", description="A tool.")
    parser.add_argument("--verbose", "-v", action="count", default=0)
    commands = parser.add_subparsers(dest="command")
    for name in ("build", "test", "ship"):
        sub = commands.add_parser(name, help=f"to {name}")
        sub.add_argument("files", nargs="*")
        sub.add_argument("--jobs", type=int, default=1, choices=range(9))
        sub.add_argument("--output", metavar="DIR", help="folder for the results")
    for number in range(60):
        parser.parse_args(["-vv", "build", "--jobs", str(number % 9), "a.c", "b.c", f"--output=out{number}"])
    parser.format_help()


def looking_at() -> None:
    for thing in (textwrap.fill, argparse.ArgumentParser, logging.Logger.info, inspect.signature, pprint.pformat):
        str(inspect.signature(thing))
        inspect.getsource(thing)
        inspect.getdoc(thing)
    inspect.getmembers(argparse.ArgumentParser)
    data = {"orders": [{"id": n, "tags": ["a", "b" * n], "nested": {"x": (n, [n] * 3)}} for n in range(40)]}
    pprint.pformat(data)
    repr(data)

    def fail(depth: int) -> None:
        if depth:
            fail(depth - 1)
        {}["missing"]

    for _ in range(20):
        try:
            fail(10)
        except KeyError as error:
            "".join(traceback.format_exception(error))
            traceback.extract_tb(error.__traceback__)
    linecache.clearcache()


class Checks(unittest.TestCase):
    def setUp(self) -> None:
        self.value = 3

    def test_equal(self) -> None:
        self.assertEqual(self.value, 3)

    def test_raises(self) -> None:
        with self.assertRaisesRegex(ValueError, "x"):
            int("x")

    def test_many(self) -> None:
        for number in range(20):
            with self.subTest(number=number):
                self.assertIn(number, range(20))


def checks() -> None:
    for _ in range(6):
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(Checks)
        assert unittest.TextTestRunner(stream=io.StringIO()).run(suite).wasSuccessful()


def work() -> None:
    compiling()
    logs()
    arguments()
    looking_at()
    checks()
