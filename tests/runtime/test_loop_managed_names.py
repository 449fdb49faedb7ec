"""The managed runtime's modules, for code that reaches into them: names, classes, and what is put in their place."""

import json
import subprocess

import pytest

from tools.support.fake_api import ARN, Loop, event
from tools.support.product import CONTAINER_FILES, PRODUCT
from tools.support.wheels import install_wheels

ECHO = "def handler(event, context): return event"


def test_none_of_them_is_loaded_unless_somebody_asks(loop: Loop) -> None:
    code = """
import sys
def handler(event, context):
    return [name for name in sys.modules if name.startswith("awslambdaric") or name == "layer_runtime.managed"]
"""
    assert loop(code).result == []


def test_the_contexts_class_can_be_imported(loop: Loop) -> None:
    code = """
from awslambdaric.lambda_context import Client, ClientContext, CognitoIdentity, LambdaContext
def handler(event, context: LambdaContext):
    return [
        isinstance(context, LambdaContext),
        isinstance(context.identity, CognitoIdentity),
        isinstance(context.client_context, ClientContext),
        isinstance(context.client_context.client, Client),
        isinstance(event, LambdaContext),
    ]
"""
    run = loop(code, event({}, client_context='{"client": {}}'))
    assert run.result == [True, True, True, True, False]


def test_a_context_can_be_made_as_the_managed_runtimes(loop: Loop) -> None:
    code = """
from awslambdaric.lambda_context import LambdaContext
class Mine(LambdaContext): ...
def handler(event, context):
    client = {"custom": 1, "w3c": {"traceparent": "00", "x": "y"}}
    made = Mine("id", client, {"cognitoIdentityId": "c"}, 1000, "arn", "t")
    return [
        made.aws_request_id, made.client_context.custom, made.w3c(), made.identity.cognito_identity_id,
        made.get_remaining_time_in_millis(), made.invoked_function_arn, made.tenant_id, isinstance(made, LambdaContext),
        isinstance(context, Mine), context.w3c(),
    ]
"""
    assert loop(code).result == ["id", 1, {"traceparent": "00"}, "c", 0, "arn", "t", True, False, {}]


def test_the_contexts_private_names_are_the_managed_runtimes(loop: Loop) -> None:
    code = "def handler(event, context): return [context._epoch_deadline_time_in_ms, context._w3c_fields]"
    run = loop(
        code, event({}, deadline_ms="1234"), event({}, 2, deadline_ms="1", client_context='{"w3c": {"baggage": "b"}}')
    )
    assert run.results == [[1234, {}], [1, {"baggage": "b"}]]


def test_a_copy_in_the_functions_package_is_not_the_one_that_runs(loop: Loop) -> None:
    loop.write("awslambdaric/__init__.py", "raise RuntimeError('the copy')")
    code = "import awslambdaric\ndef handler(event, context): return awslambdaric.__version__"
    assert loop(code).result == "4.2.2"


LOOKUPS = {
    "by its name": "import awslambdaric.bootstrap as bootstrap",
    "in __main__": "import __main__; bootstrap = __main__.awslambdaricmain.bootstrap",
    "in sys.modules": "import sys; bootstrap = getattr(sys.modules['__main__'], 'awslambdaricmain').bootstrap",
}
TRACKER = """
import functools
told = []

def wrap_handler(handler):
    def wrapped(event, context, *more, **named):
        try:
            return handler(event, context, *more, **named)
        except Exception as error:
            told.append(repr(error))
            raise
    return wrapped

def before(function, name):
    @functools.wraps(function)
    def inner(*arguments, **named):
        told.append(name)
        return function(*arguments, **named)
    return inner

original = bootstrap.handle_event_request
def handle(client, handler, *arguments, **named):
    return original(client, wrap_handler(handler), *arguments, **named)
bootstrap.handle_event_request = handle
Client = bootstrap.LambdaRuntimeClient
Client.post_invocation_result = before(Client.post_invocation_result, "result")
Client.post_invocation_error = before(Client.post_invocation_error, "error")
Client.post_init_error = before(Client.post_init_error, "init error")
"""
FAILS = """
def handler(event, context):
    if event == "told": return told
    return 1 / event
"""


@pytest.mark.parametrize("lookup", LOOKUPS.values(), ids=list(LOOKUPS))
def test_what_an_error_tracker_puts_in_their_place_is_used(loop: Loop, lookup: str) -> None:
    run = loop(lookup + TRACKER + FAILS, event(2), event(0, 2), event("told", 3), event(4, 4, invocation_id="try-1"))
    assert [request.path.rpartition("/runtime/")[2] for request in run.posts] == [
        "invocation/request-1/response",
        "invocation/request-2/error",
        "invocation/request-3/response",
        "invocation/request-4/response",
    ]
    assert run.posts[0].json == 0.5
    assert run.posts[1].json["errorType"] == "ZeroDivisionError"
    assert json.loads(run.posts[1].headers["lambda-runtime-function-xray-error-cause"])["exceptions"]
    assert run.posts[2].json == ["result", "ZeroDivisionError('division by zero')", "error"]
    assert run.posts[3].headers["lambda-runtime-invocation-id"] == "try-1"
    assert "[ERROR] ZeroDivisionError: division by zero" in run.stdout


def test_an_error_is_the_same_with_a_tracker_as_without(loop: Loop) -> None:
    head = LOOKUPS["by its name"] + TRACKER
    code = "def handler(event, context): raise ValueError('é\\ud800')"
    with_it = loop(head + code, event(1)).post
    without = loop("\n" * head.count("\n") + code, event(1)).post
    frames = with_it.json["stackTrace"]
    assert frames[-1:] == without.json["stackTrace"]
    assert with_it.json["errorMessage"] == without.json["errorMessage"]
    assert with_it.headers["lambda-runtime-function-error-type"] == "Function.ValueError"


def test_what_a_handler_puts_in_their_place_is_used_from_the_next_invocation_on(loop: Loop) -> None:
    code = f"""
told = []
def handler(event, context):
    if event == 1:
        exec({LOOKUPS["by its name"] + TRACKER!r}, globals())
    return told
"""
    assert loop(code, event(1), event(2, 2), event(3, 3)).results == [[], [], ["result"]]


def test_a_stream_can_be_told_of_too(loop: Loop) -> None:
    code = """
def handler(event, context):
    yield str(told)
    if event == "fail": raise ValueError("in the middle")
"""
    run = loop(LOOKUPS["by its name"] + TRACKER + code, event(1), event("fail", 2), event(3, 3))
    assert [post.body.decode() for post in run.posts] == ["[]", "['result']", "['result', 'error']"]
    assert "lambda-runtime-function-error-body" in run.posts[1].trailers


def test_a_function_that_cannot_be_loaded_is_told_of(loop: Loop) -> None:
    code = LOOKUPS["by its name"] + TRACKER + "import atexit\natexit.register(lambda: print(told))\nraise KeyError('k')"
    run = loop(code)
    assert run.exit_code == 1
    assert run.error["errorType"] == "KeyError"
    assert run.post.headers["lambda-runtime-function-error-type"] == "KeyError"
    assert "['init error']" in run.stdout


def test_a_marshaller_of_the_functions_own_is_used(loop: Loop) -> None:
    code = """
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient
from awslambdaric.lambda_runtime_exception import FaultException
class Marshaller:
    def unmarshal_request(self, request, content_type="application/json"): return request.decode()
    def marshal_response(self, response):
        if response == "2": raise FaultException(FaultException.MARSHAL_ERROR, "not 2")
        return f"<{response}>", "text/xml"
LambdaRuntimeClient.marshaller = Marshaller()
def handler(event, context): return event
"""
    run = loop(code, event(1), event(2, 2))
    assert (run.posts[0].body, run.posts[0].headers["content-type"]) == (b"<1>", "text/xml")
    assert run.posts[1].json["errorType"] == "Runtime.MarshalError"
    assert run.posts[1].json["errorMessage"] == "not 2"


def test_the_clients_own_marshaller_says_what_the_loop_says(loop: Loop) -> None:
    code = """
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller, to_json
class Mine(LambdaMarshaller):
    def unmarshal_request(self, *arguments): return [super().unmarshal_request(*arguments)]
LambdaRuntimeClient.marshaller = Mine()
def handler(event, context): return {1} if event == ["set"] else [event, to_json(event)]
"""
    run = loop(code, event({"a": "é"}), event("set", 2), event(b"{", 3))
    assert run.posts[0].json == [[{"a": "é"}], '[{"a": "é"}]']
    assert [post.json["errorType"] for post in run.posts[1:]] == ["Runtime.MarshalError", "Runtime.UnmarshalError"]


def test_the_wait_for_the_next_invocation_can_be_replaced(loop: Loop) -> None:
    code = """
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient as Client
seen = []
original = Client.wait_next_invocation
def wait(self):
    request = original(self)
    seen.append([request.invoke_id, request.event_body.decode(), request.invoked_function_arn])
    return request
Client.wait_next_invocation = wait
def handler(event, context): return seen
"""
    run = loop(code, event(1), event(2, 2))
    assert run.results[1] == [["request-1", "1", ARN], ["request-2", "2", ARN]]


def test_a_wait_that_always_fails_ends_the_process(loop: Loop) -> None:
    code = f"""
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient as Client
def wait(self): raise RuntimeError("no way to wait")
Client.wait_next_invocation = wait
{ECHO}"""
    run = loop(code, event(1))
    assert run.exit_code == 1
    assert "RuntimeError: no way to wait" in run.stderr


def test_what_looks_for_the_handler_can_be_replaced_by_sitecustomize(loop: Loop) -> None:
    code = """
import awslambdaric.bootstrap as bootstrap
original = bootstrap._get_handler
def find(name):
    handler = original(name)
    return lambda event, context: ["wrapped", handler(event, context)]
bootstrap._get_handler = find
"""
    loop.write("hooks/sitecustomize.py", code)
    loop.variables["PYTHONPATH"] = str(loop.task_root / "hooks")
    assert loop(ECHO, event(1)).result == ["wrapped", 1]


IMPORT_HOOK = """
import functools, importlib, os
original = importlib.import_module

@functools.wraps(original)
def import_and_wrap(name, *more):
    module = original(name, *more)
    modname, _, attribute = os.environ["_HANDLER"].rpartition(".")
    if name == modname.replace("/", "."):
        handler = getattr(module, attribute)
        setattr(module, attribute, lambda event, context: ["wrapped", handler(event, context)])
    return module

importlib.import_module = import_and_wrap
"""


@pytest.mark.parametrize("handler", ["function.handler", "package/module.handler"])
def test_a_handler_can_be_wrapped_by_what_a_pth_file_puts_in_the_place_of_import_module(
    loop: Loop, handler: str
) -> None:
    loop.write("import_hook.py", IMPORT_HOOK)
    loop.write("tracer.pth", "import import_hook\n")
    loop.write("package/module.py", ECHO)
    assert loop(ECHO, event(1), handler=handler).result == ["wrapped", 1]


def test_handlers_in_classes_and_missing_ones_are_found_out_through_such_a_replacement(loop: Loop) -> None:
    loop.write("import_hook.py", IMPORT_HOOK)
    loop.write("tracer.pth", "import import_hook\n")
    code = "class Greeter:\n    @staticmethod\n    def hello(event, context): return event"
    assert loop(code, event(1), handler="function.Greeter.hello").result == 1
    assert loop(code, event(1), handler="absent.handler").error["errorType"] == "Runtime.ImportModuleError"


def test_importlib_itself_stays_out_of_the_stack_trace(loop: Loop) -> None:
    loop.write("tracer.pth", "import importlib\n")
    frames = loop("raise KeyError('k')").error["stackTrace"]
    assert [frame.count("function.py") for frame in frames] == [1]


def test_a_handler_can_be_found_by_name(loop: Loop) -> None:
    loop.write("package/other.py", "def real(event, context): return ['real', event]")
    code = """
from awslambdaric.bootstrap import _get_handler
def handler(event, context): return _get_handler("package/other.real")(event, context)
"""
    assert loop(code, event(1)).result == ["real", 1]


@pytest.mark.parametrize(
    ("place", "problem"), [("pass", "has not handed in an answer"), ("raise ValueError('mine')", "mine")]
)
def test_a_replacement_that_gives_no_answer_is_the_invocations_error(loop: Loop, place: str, problem: str) -> None:
    code = f"""
import awslambdaric.bootstrap as bootstrap
original = bootstrap.handle_event_request
def handle(client, handler, request, body, *more):
    if body == b"1": {place}
    else: original(client, handler, request, body, *more)
bootstrap.handle_event_request = handle
{ECHO}"""
    run = loop(code, event(1), event(2, 2))
    assert problem in run.posts[0].json["errorMessage"]
    assert run.posts[1].json == 2


HANDLERS = """
import logging
def handler(event, context): return [type(each).__name__ for each in logging.getLogger().handlers]
"""


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "LambdaLoggerHandler"),
        ({"AWS_LAMBDA_LOG_LEVEL": "INFO"}, "LambdaLoggerHandlerWithFrameType"),
        ({"AWS_LAMBDA_LOG_FORMAT": "JSON"}, "LambdaLoggerHandlerWithFrameType"),
    ],
)
def test_the_handler_of_logging_has_its_name_in_each_mode(loop: Loop, variables: dict[str, str], name: str) -> None:
    loop.variables |= variables
    assert loop(HANDLERS).result == [name]


def test_a_library_that_looks_for_the_text_handler_leaves_json_alone(loop: Loop) -> None:
    loop.variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
    code = """
import logging
for each in logging.getLogger().handlers:
    if each.__class__.__name__ == "LambdaLoggerHandler":
        each.setFormatter(logging.Formatter("text: %(message)s\\n"))
def handler(event, context): logging.getLogger("app").error("order %s failed", 7, extra={"order": 7})
"""
    record = json.loads(loop(code).stdout)
    assert (record["message"], record["order"], record["level"]) == ("order 7 failed", 7, "ERROR")


def test_its_classes_are_where_the_managed_runtime_has_them(loop: Loop) -> None:
    code = """
import logging
from awslambdaric import bootstrap
def handler(event, context):
    (each,) = logging.getLogger().handlers
    each.log_sink.log("as it is\\n")
    (its_filter,) = each.filters
    its = [isinstance(each, bootstrap.LambdaLoggerHandler), isinstance(its_filter, bootstrap.LambdaLoggerFilter)]
    return [*its, hasattr(bootstrap, "odd")]
"""
    run = loop(code)
    assert run.result == [True, True, False]
    assert run.stdout == "as it is\n"


# --- files with names of the standard library --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["types", "enum", "re", "json", "logging", "collections", "weakref"])
def test_a_file_is_not_taken_for_what_the_managed_runtime_has_imported(loop: Loop, name: str) -> None:
    loop.write(f"{name}.py", "Event = dict")
    code = f"import dataclasses, {name}\ndef handler(event, context): return hasattr({name}, 'Event')"
    assert loop(code).result is False


@pytest.mark.parametrize("name", ["queue", "statistics", "calendar", "secrets", "inspect_", "platform"])
def test_another_file_of_the_functions_comes_first(loop: Loop, name: str) -> None:
    loop.write(f"{name}.py", "Event = dict")
    assert loop(f"import {name}\ndef handler(event, context): return hasattr({name}, 'Event')").result is True


def test_a_submodule_of_such_a_name_is_the_packages(loop: Loop) -> None:
    loop.write("app/types.py", "Event = dict")
    code = "from app import types\ndef handler(event, context): return types.Event is dict"
    assert loop(code).result is True


def test_what_is_on_pythonpath_comes_first_as_it_does_there(loop: Loop) -> None:
    loop.write("hooks/textwrap.py", "mine = True")
    loop.variables["PYTHONPATH"] = str(loop.task_root / "hooks")
    assert loop("import textwrap\ndef handler(event, context): return textwrap.mine").result is True


@pytest.mark.skipif(CONTAINER_FILES is not None, reason="awslambdaric is not there")
@pytest.mark.skipif(PRODUCT.preview, reason="no packages are locked for a preview")
def test_the_list_is_what_the_reference_imports(
    loop: Loop, interpreter: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = install_wheels("conformance", tmp_path_factory.mktemp("reference"))
    imports = "import json, logging, os, site, sys, time, traceback, warnings, awslambdaric.__main__"
    show = "import _imp\nfor name, module in list(sys.modules.items()):"
    show += "\n in_file = '.py' in str(getattr(module, '__file__', '')) and not _imp.is_frozen(name)"
    show += "\n if name in sys.stdlib_module_names and in_file:"
    show += "\n  print(name)"
    command = (interpreter, "-c", f"{imports}\n{show}")
    environment = {"PYTHONPATH": str(site)}
    names = set(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split())
    code = "from layer_runtime import imports\ndef handler(event, context): return sorted(imports.IMPORTED_THERE)"
    assert sorted(names | {"encodings", "linecache"}) == loop(code).result
