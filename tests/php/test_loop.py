"""The function runtime: handlers, events, results, errors, streams, and every end of the process."""

import base64
import json
import signal
from typing import Any

import pytest

from tools.support.fake_api import ARN, FAR_FUTURE_MS, HANG_UP, REGISTERED, Loop, Reply, event, reply

ECHO = "<?php function handler($event, $context) { return $event; }"


def handler(body: str, before: str = "") -> str:
    return f"<?php\n{before}\nfunction handler($event, $context) {{ {body} }}\n"


# --- which handler -----------------------------------------------------------------------------------------------

HANDLERS = {
    "a function of a file": ("function.handler", ECHO),
    "one in a namespace": ("function.App\\answer", "<?php namespace App; function answer($event) { return $event; }"),
    "a static method": (
        "function.App::answer",
        "<?php class App { static function answer($event) { return $event; } }",
    ),
    "a closure that the file returns": ("function.php", "<?php return fn ($event) => $event;"),
    "the name of a function that it returns": (
        "function.php",
        "<?php function f($event) { return $event; } return 'f';",
    ),
    "an object that can be called": (
        "function.php",
        "<?php return new class { function __invoke($event, $context) { return $event; } };",
    ),
    "an object of bref's kind": (
        "function.php",
        "<?php return new class { function handle($event, $context) { return $event; } };",
    ),
}


@pytest.mark.parametrize(("name", "code"), HANDLERS.values(), ids=list(HANDLERS))
def test_a_handler_can_be(loop: Loop, name: str, code: str) -> None:
    assert loop(code, event({"a": 1}), handler=name).result == {"a": 1}


def test_a_handler_may_be_in_a_folder_and_its_name_an_argument(loop: Loop) -> None:
    loop.write("deep/er.php", ECHO)
    assert loop("", event(1), handler="deep/er.handler").result == 1
    assert loop("", event(2), handler=None, arguments=["deep/er.handler"]).result == 2


def test_what_a_file_defines_at_its_top_is_global_and_stays(loop: Loop) -> None:
    code = handler("global $count; return [++$count, __FILE__ === getcwd() . '/function.php'];", "$count = 0;")
    assert loop(code, event(1), event(2, 2)).results == [[1, True], [2, True]]


NO_HANDLER: dict[str, tuple[str | None, str, str, str]] = {
    "no name": (None, ECHO, "Runtime.MalformedHandlerName", "Bad handler '': it should be file.function, or file.php"),
    "no dot": ("function", ECHO, "Runtime.MalformedHandlerName", "Bad handler 'function': it should be file.function"),
    "no file": ("other.handler", ECHO, "Runtime.ImportModuleError", "/other.php' for handler 'other.handler'"),
    "no function": (
        "function.other",
        ECHO,
        "Runtime.HandlerNotFound",
        "Handler 'other' missing in file 'function.php'",
    ),
    "nothing returned": (
        "function.php",
        ECHO,
        "Runtime.HandlerNotFound",
        "'function.php' returned no callable, but int",
    ),
    "a parse error": (
        "function.handler",
        "<?php $a = ;",
        "Runtime.UserCodeSyntaxError",
        "syntax error, unexpected",
    ),
    "an exception": ("function.handler", "<?php throw new LogicException('why');", "LogicException", "why"),
    "a fatal error": (
        "function.handler",
        "<?php interface A {} class B extends A {}",
        "Runtime.FatalError",
        "B cannot",
    ),
    "an exit": ("function.handler", "<?php exit(0);", "Runtime.ExitError", "The function left its process: exit()"),
    "a missing class": ("function.handler", "<?php new Missing;", "Error", 'Class "Missing" not found'),
    "another file's parse error": (
        "function.handler",
        "<?php eval('$a = ;');",
        "Runtime.UserCodeSyntaxError",
        "syntax error",
    ),
}


@pytest.mark.parametrize(("name", "code", "kind", "message"), NO_HANDLER.values(), ids=list(NO_HANDLER))
def test_a_function_that_cannot_be_loaded_for(loop: Loop, name: str | None, code: str, kind: str, message: str) -> None:
    run = loop(code, handler=name)
    assert run.exit_code == 1
    assert run.post.path.endswith("/init/error")
    assert run.error["errorType"] == kind
    assert message in run.error["errorMessage"]
    assert run.post.headers["lambda-runtime-function-error-type"] in (kind, f"Function.{kind}")
    assert f"[ERROR] {kind}: " in run.stdout


def test_a_parse_error_tells_where_it_is(loop: Loop) -> None:
    run = loop("<?php\n\n$a = ;", handler="function.handler")
    assert run.error["stackTrace"] == [f"#0 {loop.task_root}/function.php(3): {{main}}"]


def test_no_runtime_api_is_said(loop: Loop) -> None:
    loop.variables = {"AWS_LAMBDA_RUNTIME_API": ""}
    run = loop(ECHO)
    assert (run.exit_code, run.requests) == (1, [])
    assert (
        run.stderr
        == "[ERROR] AWS_LAMBDA_RUNTIME_API is not set: bootstrap runs inside Lambda, or under its emulator.\n"
    )


@pytest.mark.parametrize("endpoint", ["host", "host:", "host:port", ":", "host:99999"])
def test_an_endpoint_that_is_none_is_said(loop: Loop, endpoint: str) -> None:
    loop.variables = {"AWS_LAMBDA_RUNTIME_API": endpoint}
    run = loop(ECHO)
    assert run.exit_code == 1
    assert run.stderr == f"[ERROR] AWS_LAMBDA_RUNTIME_API is '{endpoint}': it should be host:port\n"


# --- event and context -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [None, True, 0, 1.5, 10.0, "text", "ä日\u2028", [], [1, [2]], {"a": {"b": [None]}}, {"ä": "/"}]
)
def test_an_event_comes_back_as_it_was(loop: Loop, value: Any) -> None:
    run = loop(ECHO, event(value))
    assert run.result == value
    assert run.post.headers["content-type"] == "application/json"


def test_what_is_no_json_is_handed_over_as_it_is(loop: Loop) -> None:
    code = handler("return bin2hex($event);")
    assert loop(code, event(b"\x00\xff", content_type="application/octet-stream")).result == "00ff"
    assert loop(handler("return $event;"), event({"a": 1}, content_type="Application/JSON; charset=utf-8")).result


def test_an_event_that_is_broken_json_is_an_error_and_the_next_is_answered(loop: Loop) -> None:
    run = loop(ECHO, event(b"{"), event(2, 2))
    assert run.posts[0].json["errorType"] == "Runtime.UnmarshalError"
    assert run.posts[0].json["errorMessage"] == "Unable to unmarshal input: Syntax error"
    assert run.posts[1].json == 2


def test_the_context_has_what_the_platform_tells(loop: Loop) -> None:
    loop.variables = {
        "AWS_LAMBDA_FUNCTION_NAME": "tested",
        "AWS_LAMBDA_FUNCTION_VERSION": "7",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": "group",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
    }
    code = handler("""
        return [get_object_vars($context), $context->getRemainingTimeInMillis() > 0, getenv('_X_AMZN_TRACE_ID'),
            [$context->getAwsRequestId(), $context->getInvokedFunctionArn(), $context->getTraceId()],
            ini_get('memory_limit'), getenv('AWS_EXECUTION_ENV')];""")
    told = event(
        {},
        client_context='{"custom": {"a": 1}}',
        cognito_identity='{"cognitoIdentityId": "i"}',
        aws_tenant_id="tenant",
    )
    values, remains, trace, getters, limit, environment = loop(code, told).result
    assert values == {
        "requestId": "request-1",
        "deadlineMs": FAR_FUTURE_MS,
        "invokedFunctionArn": ARN,
        "traceId": "Root=1-1",
        "clientContext": {"custom": {"a": 1}},
        "identity": {"cognitoIdentityId": "i"},
        "tenantId": "tenant",
        "functionName": "tested",
        "functionVersion": "7",
        "memoryLimitInMb": 256,
        "logGroupName": "group",
        "logStreamName": "stream",
    }
    assert (remains, trace, getters) == (True, "Root=1-1", ["request-1", ARN, "Root=1-1"])
    assert (limit, environment) == ("232M", "AWS_Lambda_php8.4")


def test_a_trace_id_is_removed_when_there_is_none(loop: Loop) -> None:
    code = handler("return [getenv('_X_AMZN_TRACE_ID'), isset($_SERVER['_X_AMZN_TRACE_ID'])];")
    assert loop(code, event(1), event(2, 2, trace_id=None)).results == [["Root=1-1", True], [False, False]]


def test_a_caller_in_what_is_no_json_is_an_error(loop: Loop) -> None:
    run = loop(ECHO, event({}, client_context="{"))
    assert run.error["errorType"] == "Runtime.LambdaContextUnmarshalError"


def test_an_event_without_a_request_id_ends_the_process(loop: Loop) -> None:
    run = loop(ECHO, event({}, aws_request_id=None))
    assert run.exit_code == 1
    assert run.stderr == "[ERROR] Runtime API: the next invocation has no request id\n"


def test_megabytes_go_both_ways(loop: Loop) -> None:
    text = "é" * 3_000_000
    assert loop(ECHO, event(text), event(1, 2)).results == [text, 1]


# --- results -----------------------------------------------------------------------------------------------------

RESULTS = {
    "nothing": ("", b"null"),
    "a float without a fraction": ("return 1.0;", b"1.0"),
    "slashes and letters as they are": ("return 'a/ä';", '"a/ä"'.encode()),
    "a list and a map": ("return [[1, 2], ['a' => null]];", b'[[1,2],{"a":null}]'),
    "an object": ("$o = new stdClass; $o->a = 1; return $o;", b'{"a":1}'),
    "one that knows its JSON": (
        "return new class implements JsonSerializable { function jsonSerialize(): mixed { return [1]; } };",
        b"[1]",
    ),
}


@pytest.mark.parametrize(("body", "expected"), RESULTS.values(), ids=list(RESULTS))
def test_a_result_is_json_of(loop: Loop, body: str, expected: bytes) -> None:
    assert loop(handler(body)).post.body == expected


def test_a_raw_response_is_sent_as_it_is(loop: Loop) -> None:
    run = loop(handler("return new LayerRuntime\\RawResponse(\"\\x00\\xff\", 'image/x-tested');"))
    assert run.post.path.endswith("/response")
    assert (run.post.body, run.post.headers["content-type"]) == (b"\x00\xff", "image/x-tested")
    run = loop(handler("return new LayerRuntime\\RawResponse('', \"a\\r\\nb: c\");"))
    assert run.error["errorType"] == "ValueError"


UNENCODABLE = {
    "bytes that are no UTF-8": ('return "\\xff";', "Malformed UTF-8 characters"),
    "what contains itself": ("$a = []; $a[0] = &$a; return $a;", "Recursion detected|Maximum stack depth"),
    "a number without end": ("return INF;", "Inf and NaN cannot be JSON encoded"),
    "a file": ("return fopen('php://memory', 'r');", "Type is not supported"),
}


@pytest.mark.parametrize(("body", "message"), UNENCODABLE.values(), ids=list(UNENCODABLE))
def test_what_json_cannot_say_is_an_error(loop: Loop, body: str, message: str) -> None:
    run = loop(handler(body))
    assert run.error["errorType"] == "Runtime.MarshalError"
    assert any(each in run.error["errorMessage"] for each in message.split("|"))
    assert run.exit_code is None


def test_a_serializer_that_throws_has_its_own_error(loop: Loop) -> None:
    code = handler(
        "return new class implements JsonSerializable "
        "{ function jsonSerialize(): mixed { throw new DomainException('mine'); } };"
    )
    assert loop(code).error["errorType"] == "DomainException"


def test_each_answer_echoes_its_invocation_id(loop: Loop) -> None:
    run = loop(ECHO, event(1, invocation_id="try-1"), event(2, 2))
    assert run.posts[0].headers["lambda-runtime-invocation-id"] == "try-1"
    assert "lambda-runtime-invocation-id" not in run.posts[1].headers


# --- errors ------------------------------------------------------------------------------------------------------

DEEP = """<?php
namespace App;
class Missing extends \\RuntimeException {}
function inner() { throw new Missing("line one\\nline two", 0, new \\LogicException("below")); }
function handler($event, $context) { inner(); }
"""


def test_an_error_has_type_message_and_the_functions_own_stack(loop: Loop) -> None:
    run = loop(DEEP, event(1), handler="function.App\\handler")
    path = f"{loop.task_root}/function.php"
    stack = [f"#0 {path}(4): App\\inner", f"#1 {path}(5): App\\handler"]
    assert run.error == {"errorMessage": "line one\nline two", "errorType": "App\\Missing", "stackTrace": stack}
    assert run.post.headers["lambda-runtime-function-error-type"] == "Function.Missing"
    cause = json.loads(run.post.headers["lambda-runtime-function-xray-error-cause"])
    assert cause["exceptions"][0]["stack"][0] == {"label": "App\\inner", "path": path, "line": 4}
    assert cause["paths"] == [path]
    record = f"[ERROR] App\\Missing: line one\rline two\r{stack[0]}\r{stack[1]}\rCaused by LogicException: below\r"
    assert run.stdout.startswith(record)
    assert run.stdout.count("\n") == 1
    assert run.stderr == ""


def test_an_error_in_the_log_is_json_where_that_is_asked_for(loop: Loop) -> None:
    loop.variables = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}
    told = json.loads(loop(DEEP, event(1), handler="function.App\\handler").stdout)
    assert (told["level"], told["requestId"], told["errorType"]) == ("ERROR", "request-1", "App\\Missing")
    assert told["causes"][0]["errorMessage"] == "below"
    assert told["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    "body", ["throw new Exception($event);", "return strlen([]);", "return intdiv(1, 0);", "return $x();"]
)
def test_after_an_error_the_process_goes_on(loop: Loop, body: str) -> None:
    run = loop(handler(f"if ($event !== 'fine') {{ {body} }} return getmypid() > 0;"), event("no"), event("fine", 2))
    assert [post.path.rpartition("/")[2] for post in run.posts] == ["error", "response"]
    assert run.posts[1].json is True
    assert run.exit_code is None


def test_an_error_with_what_is_no_utf_8_is_told(loop: Loop) -> None:
    assert loop(handler('throw new Exception("a\\xffb");')).error["errorMessage"] == "a\ufffdb"


def test_a_warning_is_logged_and_nothing_else(loop: Loop) -> None:
    run = loop(handler("return $missing ?? @file_get_contents('/no') ?: $undefined;"))
    assert run.result is None
    assert "PHP Warning:  Undefined variable $undefined" in run.stderr


ENDS = {
    "exit": ("exit(3);", "Runtime.ExitError", "The function left its process: exit()", 3),
    "exit with a text": ("exit('bye');", "Runtime.ExitError", "The function left its process: exit()", 0),
    "a fatal error": (
        "eval('interface A {} class B extends A {}');",
        "Runtime.FatalError",
        "Class B cannot extend",
        255,
    ),
    "no memory": ("str_repeat('x', 1 << 29);", "Runtime.OutOfMemory", "Allowed memory size of", 255),
    "no memory in small pieces": (
        "$a = []; while (true) $a[] = str_repeat('x', 1000);",
        "Runtime.OutOfMemory",
        "Allowed memory size of",
        255,
    ),
    "an error that the function triggers": (
        "trigger_error('mine', E_USER_ERROR);",
        "Runtime.FatalError",
        "mine",
        255,
    ),
}


@pytest.mark.parametrize(("body", "kind", "message", "code"), ENDS.values(), ids=list(ENDS))
def test_an_end_of_the_process_is_answered_and_leaves_with_its_code(
    loop: Loop, body: str, kind: str, message: str, code: int
) -> None:
    loop.variables = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}
    run = loop(handler(body))
    assert run.exit_code == code
    assert run.post.path.endswith("/request-1/error")
    assert run.error["errorType"] == kind
    assert run.error["errorMessage"].startswith(message)
    assert f"[ERROR] {kind}: {message}" in run.stdout


def test_too_deep_a_recursion_is_an_error_and_the_process_goes_on(loop: Loop) -> None:
    code = handler("if ($event) { $f = fn ($f) => array_map($f, [$f]); $f($f); } return 'fine';")
    run = loop(code, event(True), event(False, 2))
    assert "Maximum call stack size" in run.posts[0].json["errorMessage"]
    assert run.posts[1].json == "fine"


def test_a_copy_of_the_process_answers_nothing(loop: Loop) -> None:
    code = handler("$child = pcntl_fork(); if ($child) pcntl_waitpid($child, $s); return $child > 0;")
    run = loop(code, event(1), event(2, 2))
    assert run.results == [True, True]


# --- output ------------------------------------------------------------------------------------------------------


def test_what_is_echoed_goes_to_the_log(loop: Loop) -> None:
    run = loop(handler("echo 'one '; print('two'); printf(' %d', 3); fwrite(STDERR, 'four'); return 1;"))
    assert (run.result, run.stdout, run.stderr) == (1, "one two 3", "four")


def test_a_buffer_that_is_left_open_is_written_before_the_answer(loop: Loop) -> None:
    code = handler(
        "ob_start(); ob_start(); echo \"of $event\\n\"; if ($event == 2) throw new Exception('x'); return 1;"
    )
    run = loop(code, event(1), event(2, 2), event(3, 3))
    assert run.stdout.startswith("of 1\nof 2\n[ERROR] Exception: x")
    assert run.stdout.endswith("of 3\n")


@pytest.mark.parametrize("closed", ["STDIN", "STDOUT", "STDERR", "STDIN); fclose(STDOUT); fclose(STDERR"])
def test_a_standard_stream_that_is_closed_does_no_harm(loop: Loop, closed: str) -> None:
    """What is opened next gets its number."""
    code = handler(
        f"if ($event === 1) {{ fclose({closed}); }} global $kept; $kept[] = fopen('/dev/null', 'r'); echo 'x';"
        " return $event;"
    )
    assert loop(code, event(1), event(2, 2)).results == [1, 2]


# --- streams -----------------------------------------------------------------------------------------------------


def test_a_generator_is_a_stream(loop: Loop) -> None:
    run = loop(handler("yield 'one'; yield ''; yield 'two';"))
    assert run.post.chunks == (b"one", b"two")
    assert run.post.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert run.post.headers["content-type"] == "application/octet-stream"
    assert run.post.trailers == {}


def test_a_stream_can_begin_as_an_http_response(loop: Loop) -> None:
    run = loop(handler("yield ['statusCode' => 201, 'headers' => ['a' => 'b']]; yield 'body';"))
    assert run.post.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    assert run.post.body == b'{"statusCode":201,"headers":{"a":"b"}}' + bytes(8) + b"body"


def test_a_stream_of_nothing_is_one_too(loop: Loop) -> None:
    assert loop(handler("if ($event === 'never') yield 'x';")).post.body == b""


def test_an_error_in_a_stream_ends_it_with_trailers(loop: Loop) -> None:
    run = loop(handler("yield 'one'; throw new DomainException('cut');"), event(1), event(2, 2))
    assert run.posts[0].body == b"one"
    assert run.posts[0].trailers["lambda-runtime-function-error-type"] == "DomainException"
    told = json.loads(base64.b64decode(run.posts[0].trailers["lambda-runtime-function-error-body"]))
    assert told["errorMessage"] == "cut"
    assert len(run.posts) == 2


@pytest.mark.parametrize(("piece", "kind"), [("5", "int"), ("['a' => 1]", "array"), ("null", "null")])
def test_a_piece_that_is_no_text_is_an_error(loop: Loop, piece: str, kind: str) -> None:
    run = loop(handler(f"yield {piece};"))
    assert run.error["errorType"] == "Runtime.MarshalError"
    assert f"a piece of a stream is a string, not {kind}" in run.error["errorMessage"]


def test_an_exit_in_a_stream_ends_it_with_trailers(loop: Loop) -> None:
    run = loop(handler("yield 'one'; exit(4);"))
    assert run.exit_code == 4
    assert (run.post.body, run.post.trailers["lambda-runtime-function-error-type"]) == (b"one", "Runtime.ExitError")


def test_when_nobody_reads_a_stream_the_generator_is_ended(loop: Loop) -> None:
    code = handler("try { while (true) yield str_repeat('x', 100000); } finally { echo 'ended'; }")
    run = loop(code, event(1), event(2, 2), posts=[Reply((), "reset", read=1), Reply((), "reset", read=1)])
    assert run.stdout == "endedended"


# --- life cycle --------------------------------------------------------------------------------------------------

AT_END = "register_shutdown_function(function () { echo 'cleaned up'; });"


@pytest.mark.parametrize("graceful", ["", "1"])
def test_sigterm_while_it_waits_ends_it_and_what_is_to_be_done_is_done(loop: Loop, graceful: str) -> None:
    loop.variables = {"LAMBDA_GRACEFUL_SHUTDOWN": graceful}
    run = loop(handler("return 1;", AT_END), event(1), signal=signal.SIGTERM)
    assert (run.exit_code, run.stdout, run.stderr) == (0, "cleaned up", "")
    assert len(run.posts) == 1


def test_sigterm_is_the_functions_own_if_it_wants(loop: Loop) -> None:
    mine = "pcntl_signal(SIGTERM, function () { echo 'mine'; exit(9); });"
    run = loop(handler("return 1;", mine), event(1), signal=signal.SIGTERM)
    assert (run.exit_code, run.stdout) == (9, "mine")


def test_an_exception_of_a_signals_handler_while_it_waits_is_logged_and_it_goes_on_waiting(loop: Loop) -> None:
    mine = """
        function came() { static $times = 0; if ($times++) exit(5); pcntl_alarm(1); throw new Exception('alarm'); }
        pcntl_signal(SIGALRM, came(...));"""
    run = loop(handler("return $event;", mine), event(1), signal=signal.SIGALRM)
    assert (run.exit_code, run.result) == (5, 1)
    assert "Exception: alarm" in run.stderr
    assert [request.path.rpartition("/")[2] for request in run.requests] == ["next", "response", "next"]


def test_an_internal_extension_is_registered_where_that_is_asked_for(loop: Loop) -> None:
    loop.variables = {"LAMBDA_GRACEFUL_SHUTDOWN": "1"}
    run = loop(ECHO, event(1), extension=REGISTERED)
    paths = [request.path for request in run.requests if "/extension/" in request.path]
    assert paths == ["/2020-01-01/extension/register", "/2020-01-01/extension/event/next"]
    assert run.result == 1


@pytest.mark.parametrize("answer", [Reply((reply("403 Forbidden", b"why"),)), HANG_UP], ids=["403", "closed"])
def test_without_an_extension_it_says_so_and_goes_on(loop: Loop, answer: Reply) -> None:
    loop.variables = {"LAMBDA_GRACEFUL_SHUTDOWN": "1"}
    run = loop(ECHO, event(1), extension=answer)
    assert run.result == 1
    assert "No graceful shutdown: " in run.stderr


def test_a_wrapper_is_run_once_with_the_interpreter_as_its_arguments(loop: Loop) -> None:
    wrapper = loop.write("wrapper", '#!/bin/sh\necho wrapped >&2\nexport SEEN=yes\nexec "$@"\n')
    wrapper.chmod(0o755)
    loop.variables = {"AWS_LAMBDA_EXEC_WRAPPER": str(wrapper)}
    run = loop(handler("return getenv('SEEN');"))
    assert (run.result, run.stderr) == ("yes", "wrapped\n")


@pytest.mark.parametrize(("mode", "code"), [(None, 127), (0o644, 126)])
def test_a_wrapper_that_cannot_be_run_is_said(loop: Loop, mode: int | None, code: int) -> None:
    wrapper = loop.task_root / "wrapper"
    if mode is not None:
        loop.write("wrapper", "").chmod(mode)
    loop.variables = {"AWS_LAMBDA_EXEC_WRAPPER": str(wrapper)}
    run = loop(ECHO)
    assert run.exit_code == code
    assert f"AWS_LAMBDA_EXEC_WRAPPER: '{wrapper}' " in run.stderr


def test_all_is_asked_over_one_connection_that_is_kept(loop: Loop) -> None:
    run = loop(ECHO, *(event(number, number) for number in range(1, 51)))
    assert run.results == list(range(1, 51))
    assert {request.connection for request in run.requests} == {1}
    assert "PHP/8.4." in run.requests[0].headers["user-agent"]


def test_a_limit_of_time_that_a_handler_sets_ends_with_it(loop: Loop) -> None:
    code = handler("if ($event === 1) set_time_limit(1); return ini_get('max_execution_time');")
    assert loop(code, event(1), event(2, 2)).results == ["1", "0"]
