"""The handler's name → the callable, or the error that says why not."""

from typing import Any

import pytest

from tools.support.fake_api import Loop, Run, as_logged

UNUSED = ""


def assert_init_error(run: Run, error_type: str) -> Any:
    """The function was not loaded: the API was told, nothing else was asked of it, and the exit code is 1."""
    assert run.exit_code == 1
    (request,) = run.requests
    assert request.path == "/2018-06-01/runtime/init/error"
    assert request.headers["lambda-runtime-function-error-type"] == error_type
    assert request.json["errorType"] == error_type
    assert request.json["requestId"] == ""
    assert run.stdout.startswith(
        f"[ERROR] {error_type}: {request.json['errorMessage']}\rTraceback (most recent call last):"
    )
    return request.json


@pytest.mark.parametrize(
    "name", ["package/sub/module.handler", "package.sub.module.handler", "package/sub.module.handler"]
)
def test_slashes_and_dots_both_lead_into_packages(loop: Loop, name: str) -> None:
    loop.write("package/sub/module.py", "def handler(event, context): return __name__")
    assert loop(UNUSED, handler=name).result == "package.sub.module"


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("function.Service.static", "static"),
        ("function.Service.of_class", "Service"),
        ("function.service.answer", "answer of service"),
        ("function.Service.Inner.static", "inner"),
        ("function.service", "called"),
        ("package.module.Deep.static", "deep"),
        ("package.inside.static", "in package"),
    ],
)
def test_a_handler_may_be_an_attribute_of_an_object_in_the_module(loop: Loop, name: str, result: str) -> None:
    loop.write("package/module.py", "class Deep:\n    static = staticmethod(lambda event, context: 'deep')")
    loop.write("package/__init__.py", "class inside:\n    static = staticmethod(lambda event, context: 'in package')")
    code = """
class Service:
    @staticmethod
    def static(event, context): return 'static'
    @classmethod
    def of_class(cls, event, context): return cls.__name__
    def answer(self, event, context): return 'answer of service'
    def __call__(self, event, context): return 'called'
    class Inner:
        @staticmethod
        def static(event, context): return 'inner'
service = Service()
"""
    assert loop(code, handler=name).result == result


def test_a_module_of_that_name_comes_before_an_attribute(loop: Loop) -> None:
    loop.write("package/__init__.py", "class inner:\n    handler = staticmethod(lambda event, context: 'attribute')")
    loop.write("package/inner.py", "def handler(event, context): return 'module'")
    assert loop(UNUSED, handler="package.inner.handler").result == "module"


def test_an_argument_wins_over_the_environment(loop: Loop) -> None:
    code = "import os\ndef other(event, context): return os.environ['_HANDLER']"
    assert loop(code, handler="function.handler", arguments=["function.other"]).result == "function.other"


@pytest.mark.parametrize("name", ["handler", "", None])
def test_a_name_without_a_dot_is_malformed(loop: Loop, name: str | None) -> None:
    error = assert_init_error(loop(UNUSED, handler=name), "Runtime.MalformedHandlerName")
    assert error["errorMessage"] == f"Bad handler '{name or ''}': it should be module.function"


def test_a_name_that_ends_with_a_dot_names_no_function(loop: Loop) -> None:
    error = assert_init_error(loop(UNUSED, handler="function."), "Runtime.HandlerNotFound")
    assert error["errorMessage"] == "Handler '' missing on module 'function'"


def test_a_name_that_begins_with_a_dot_names_no_module(loop: Loop) -> None:
    assert_init_error(loop(UNUSED, handler=".handler"), "ValueError")


def test_a_built_in_module_cannot_hold_a_handler(loop: Loop) -> None:
    error = assert_init_error(loop(UNUSED, handler="sys.handler"), "Runtime.BuiltInModuleConflict")
    assert error["errorMessage"] == "Cannot use built-in module sys as a handler module"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.handler", "Unable to import module 'missing': No module named 'missing'"),
        ("no/such.handler", "Unable to import module 'no/such': No module named 'no'"),
        (
            "function.missing.handler",
            (
                "Unable to import module 'function.missing': "
                "No module named 'function.missing'; 'function' is not a package"
            ),
        ),
    ],
)
def test_a_missing_module_is_an_import_error_without_a_stack(loop: Loop, name: str, message: str) -> None:
    error = assert_init_error(loop(UNUSED, handler=name), "Runtime.ImportModuleError")
    assert error["errorMessage"] == message
    assert error["stackTrace"] == []


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("import not_there", "No module named 'not_there'"),
        ("from os import not_there", "cannot import name 'not_there' from 'os'"),
        ("raise ImportError('own')", "own"),
    ],
)
def test_an_import_that_fails_inside_the_function_is_shown_with_its_stack(
    loop: Loop, statement: str, reason: str
) -> None:
    inner = loop.write("inner.py", f"\n{statement}\n")
    run = loop("import inner\ndef handler(event, context): pass")
    error = assert_init_error(run, "Runtime.ImportModuleError")
    assert error["errorMessage"].startswith(f"Unable to import module 'function': {reason}")
    assert error["stackTrace"] == [
        f'  File "{loop.task_root / "function.py"}", line 1, in <module>\n    import inner\n',
        f'  File "{inner}", line 2, in <module>\n    {statement}\n',
    ]
    assert run.stdout.endswith(f"\r{as_logged(error['stackTrace'])}\n")


def test_a_syntax_error_names_file_line_and_text(loop: Loop) -> None:
    error = assert_init_error(loop("ok = 1\ndef handler(:\n"), "Runtime.UserCodeSyntaxError")
    assert error["errorMessage"] == "Syntax error in module 'function': invalid syntax (function.py, line 2)"
    assert error["stackTrace"] == [f'  File "{loop.task_root / "function.py"}" Line 2\n    def handler(:\n']


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("function.missing", "Handler 'missing' missing on module 'function'"),
        ("function.Service.missing", "Handler 'Service.missing' missing on module 'function'"),
        ("function.number", "Handler 'number' on module 'function' is a int, not a function"),
    ],
)
def test_a_module_without_that_function_is_a_missing_handler(loop: Loop, name: str, message: str) -> None:
    run = loop("class Service: pass\nnumber = 42", handler=name)
    assert assert_init_error(run, "Runtime.HandlerNotFound")["errorMessage"] == message


def test_what_else_goes_wrong_while_the_module_runs_goes_under_its_own_name(loop: Loop) -> None:
    error = assert_init_error(loop("class Odd(Exception): pass\nraise Odd('at once')"), "Odd")
    assert error["errorMessage"] == "at once"
    assert error["stackTrace"] == [
        f"  File \"{loop.task_root / 'function.py'}\", line 2, in <module>\n    raise Odd('at once')\n"
    ]


def test_a_module_that_exits_is_an_init_error(loop: Loop) -> None:
    error = assert_init_error(loop("import sys\nsys.exit(0)"), "Runtime.ExitError")
    assert error["errorMessage"] == "The function left its process: SystemExit(0)"
