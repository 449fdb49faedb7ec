"""A case: a function, the replies that its runtime gets, where the two runtimes may differ, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from tools.support.fake_api import Reply, event

Aspect = Literal["calls", "error type", "x-ray", "headers", "bodies", "log", "warning", "frames", "exit"]
"""What is compared: the order of calls; the header with an error's type; X-Ray's header; all other headers; bodies;
output to stdout and stderr, except the reference's warning; that warning; frames on the telemetry descriptor; the
exit code."""

FUNCTION = "function.handler"


class Rule(Enum):
    """Why the loop differs: a requirement that exceeds, or departs from, the managed runtime."""

    ASYNC = "Beyond: `async def` handlers."
    CALLABLE = "Beyond: the handler is checked to be callable when the function is loaded."
    CHAINED = "Beyond: causes, contexts, notes and members of groups reach the log."
    CHARSET = "An `application/json` body is decoded, whatever parameters follow the type."
    CONTEXT_TYPE = "Client context that is no object is `Runtime.LambdaContextUnmarshalError`."
    ERROR_TYPE = (
        "`/error` carries `Lambda-Runtime-Function-Error-Type`, as `Function.…` for the function's own: "
        "the platform keeps those, and takes anything else for `Runtime.Unknown`."
    )
    EXIT = "Beyond: a handler that leaves the process has its error posted first, and its exit code kept."
    EXIT_TYPE = "SystemExit is told as `Runtime.ExitError`, wherever it is raised."
    FORM = "`Runtime.MalformedHandlerName` says what form a name should have."
    GOES_ON = "Beyond: a refused answer is logged, and the loop goes on."
    HEADER_SAFE = "Headers are safe for any message: ASCII."
    IMPORT_STACK = "Beyond: an import error has its stack trace, where it is inside the function's own code."
    INIT_ERROR = "Whatever stops the function from loading is reported to `/init/error`, then exit 1."
    INIT_JSON = "`/init/error` gets what `/error` gets: JSON in UTF-8, and a Content-Type that says so."
    NESTED_HANDLER = "Beyond: `module.Class.method` and `module.object.attribute`."
    NEWLINE = "A line with exception info ends with a newline too."
    NO_WARNING = "No LAMBDA_WARNING about updates of the managed runtime: only its user updates a layer."
    ONE_RECORD = "An error in text is one record: all its lines are joined by `\\r`, those of its message too."
    OWN_FRAMES = "The runtime's own frames, and the import system's under them, are removed from stack traces."
    PATH = "Beyond: `Runtime.MarshalError` names the type and the path to it."
    STREAMING = "Beyond: generator handlers stream their response."
    SURROGATE = "Beyond: a lone surrogate is an error that is told, not a dead process."
    USER_AGENT = "The User-Agent names this runtime."
    WORDING = "The same error type; the words are the standard library's, where the reference has simplejson's."


@dataclass(frozen=True)
class Case:
    """One case. ``code`` is the function's module; ``get_replies`` go to ``/next``, ``post_replies`` to POSTs.

    ``differs`` maps each aspect in which the runtimes differ to its rule. ``files`` are more files of the function.
    ``telemetry`` provides a telemetry descriptor. ``every_header`` also compares headers that belong to HTTP itself.
    """

    name: str
    code: str = "def handler(event, context): return event"
    get_replies: tuple[Reply, ...] = (event({}),)
    post_replies: tuple[Reply, ...] = ()
    handler: str = FUNCTION
    files: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    telemetry: bool = False
    every_header: bool = False
    differs: Mapping[Aspect, Rule] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Cases on one subject: a chapter of the document."""

    title: str
    cases: tuple[Case, ...]


def returns(name: str, expression: str, imports: str = "", differs: Mapping[Aspect, Rule] | None = None) -> Case:
    """A handler that returns an expression."""
    code = f"{imports}\ndef handler(event, context):\n    return {expression}\n"
    return Case(name, code, differs=differs or {})


def does(name: str, *lines: str, imports: str = "", **options: object) -> Case:
    """A handler with the given lines as its body."""
    body = "".join(f"    {line}\n" for line in lines)
    return Case(name, f"{imports}\ndef handler(event, context):\n{body}", **options)  # type: ignore[arg-type]
