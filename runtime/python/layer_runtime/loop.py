"""Event → handler → answer, again and again."""

from layer_runtime import environment
from layer_runtime.api import ApiError, Invocation, RuntimeApi
from layer_runtime.context import Function, LambdaContext
from layer_runtime.errors import Fault
from layer_runtime.lifecycle import Terminated, leave_copy, process
from layer_runtime.log import flush_output, log
from layer_runtime.payload import Unencodable, decode_event, encode_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    Handler = Callable[[Any, Any], Any]


async def _coroutine() -> None: ...


async def _generator() -> "Any":
    yield


_sample = _coroutine()
_sample.close()
Coroutine = type(_sample)
AsyncGenerator = type(_generator())
Generator = type(_ for _ in ())
MOST_PROBLEMS = 100
"""Times that something is raised with no answer in between: more than signals alone would do."""
TRACE_ID = "_X_AMZN_TRACE_ID"
UNFINISHED = frozenset((Coroutine, AsyncGenerator, Generator))
"""Types of results that are still to be worked out; ``types`` has names for them, and is not imported for that."""


def serve(api: RuntimeApi, handler: "Handler") -> "NoReturn":
    """Answers invocations until the process ends.

    Raises SystemExit when the handler asked for that, and ApiError when there is no next invocation to be had.

    A signal's handler may run, and raise, at any line of this package. Wherever that is, the exception ends up here,
    and what is left of the invocation is brought to its end.
    """
    function = Function()
    problem: Exception | None = None
    count = 0
    while True:
        try:
            if problem is not None:
                _settle(api, problem)
                problem = None
            while True:
                _answer(api, api.next(), handler, function)
                count = 0
        except ApiError:
            raise
        except Exception as error:
            # No call: Python runs no handler of a signal before the try begins anew.
            problem = error
            count += 1
            if count > MOST_PROBLEMS:
                raise


def _settle(api: RuntimeApi, problem: Exception) -> None:
    """Hands in as an error what came in between, if the invocation has no answer yet."""
    if process.is_copy:
        leave_copy(problem)
    if api.invocation is None:
        complain(problem)
    else:
        _fail(api, api.invocation, problem)


def _answer(api: RuntimeApi, invocation: Invocation, handler: "Handler", function: Function) -> None:
    """Runs the handler on one invocation and hands in what came of it."""
    _set_trace_id(invocation.trace_id)
    log.request_id, log.tenant_id = invocation.request_id, invocation.tenant_id
    try:
        body, content_type = _run(api, invocation, handler, function)
    except BaseException as exception:
        if process.is_copy:
            leave_copy(exception)
        _fail(api, invocation, exception)
        return
    if process.is_copy:
        leave_copy(None)
    # What the function printed belongs to this invocation: the process may be frozen once it is answered.
    flush_output()
    try:
        if api.is_streaming:
            api.end_stream(invocation)
        else:
            api.respond(invocation, body, content_type)
    except Exception as error:
        _complain_if_answered(api, error)


def _fail(api: RuntimeApi, invocation: Invocation, exception: BaseException) -> None:
    """Hands in an error; raises SystemExit when it was one to end the process with."""
    from layer_runtime.report import ErrorReport

    report = ErrorReport(exception, invocation.request_id)
    report.write()
    if isinstance(exception, Terminated):
        from layer_runtime.interruptions import hurry

        hurry(api)
    try:
        if api.is_streaming:
            api.end_stream(invocation, report)
        else:
            api.fail(invocation, report)
    except Exception as error:
        _complain_if_answered(api, error)
    if not isinstance(exception, Exception):
        raise exception if isinstance(exception, SystemExit) else SystemExit(1) from None


def _run(api: RuntimeApi, invocation: Invocation, handler: "Handler", function: Function) -> tuple[bytes, str]:
    """The result as body and content type; raises Fault, or whatever the handler raises."""
    context = LambdaContext(function, invocation)
    try:
        event = decode_event(invocation.body, invocation.content_type)
    except (ValueError, RecursionError) as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None
    result = handler(event, context)
    if type(result) in UNFINISHED:
        result = _finish(api, result)
    if api.is_streaming:
        return b"", ""
    try:
        return encode_result(result)
    except Fault:
        raise
    except Exception as error:  # Not only Unencodable: a dict or an _asdict of the function's own may raise anything.
        reason = str(error) if isinstance(error, Unencodable) else f"{type(error).__name__}: {error}"
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {reason}", error) from None


def _finish(api: RuntimeApi, result: "Any") -> "Any":
    """What a coroutine returns; None for a generator, whose pieces have been sent."""
    if type(result) is Coroutine:
        from layer_runtime import coroutines

        return coroutines.run(result)
    from layer_runtime import streaming

    if type(result) is Generator:
        return streaming.send_all(api, result)
    return streaming.send_all_async(api, result)


def _set_trace_id(trace_id: str | None) -> None:
    """X-Ray's SDKs read the trace from the environment."""
    if trace_id is None:
        environment.pop(TRACE_ID)
    else:
        environment.put(TRACE_ID, trace_id)


def _complain_if_answered(api: RuntimeApi, error: Exception) -> None:
    """Raises the error if it came before the answer had begun: ``serve`` begins again."""
    if api.invocation is not None:
        raise error
    complain(error)


def complain(error: Exception) -> None:
    """Says in the log that an answer was not taken, or that a signal's handler broke it off.

    The next invocation is none the worse.
    """
    log.complain(f"Runtime API: {error if isinstance(error, ApiError) else repr(error)}")
