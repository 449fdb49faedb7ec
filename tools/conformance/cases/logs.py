"""Lines in the log: text, JSON, and frames on the telemetry descriptor."""

from collections.abc import Mapping

from tools.conformance.case import Aspect, Case, Group, Rule, does
from tools.support.fake_api import event

LOGGING = "import logging\nlogger = logging.getLogger('mine')"
JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}
ERROR: Mapping[Aspect, Rule] = {"error type": Rule.ERROR_TYPE}
NOT_ASCII: Mapping[Aspect, Rule] = {**ERROR, "x-ray": Rule.HEADER_SAFE}
RAISED: Mapping[Aspect, Rule] = {
    "headers": Rule.INIT_JSON,
    "warning": Rule.NO_WARNING,
    "bodies": Rule.OWN_FRAMES,
    "log": Rule.OWN_FRAMES,
}
LEVELS = tuple(f"logger.{level}('%s', 'é')" for level in ("debug", "info", "warning", "error", "critical"))
EXCEPTION = ("try: 1 / 0", "except ArithmeticError: logger.exception('it failed')")


def logs(name: str, *lines: str, level: str = "", **options: object) -> Case:
    """A function that logs, in text."""
    variables = {"AWS_LAMBDA_LOG_LEVEL": level} if level else {}
    return does(name, *lines, imports=LOGGING, variables=variables, **options)


def logs_json(name: str, *lines: str, level: str = "", **options: object) -> Case:
    """The same, in JSON."""
    variables = {**JSON, **({"AWS_LAMBDA_LOG_LEVEL": level} if level else {})}
    return does(name, *lines, imports=LOGGING, variables=variables, **options)


TEXT_LOGS = Group(
    "Log in text",
    (
        does("print", "print('a', 'é')", "print('b', end='')"),
        does("print to stderr", "print('a', file=sys.stderr)", imports="import sys"),
        does(
            "sys.stdout.write and writelines",
            "sys.stdout.write('a')",
            "sys.stdout.writelines(['b', 'c\\n'])",
            imports="import sys",
        ),
        does("os.write", "os.write(1, b'a\\n')", imports="import os"),
        does("context.log", "context.log('a')", "context.log(1)"),
        logs("every level", *LEVELS),
        *(
            logs(f"AWS_LAMBDA_LOG_LEVEL={level}", *LEVELS, level=level)
            for level in ("TRACE", "DEBUG", "INFO", "info", "ERROR", "FATAL", "NONSENSE")
        ),
        logs("the root logger", "logging.warning('a')"),
        logs("the root logger's level set", "logging.getLogger().setLevel(logging.INFO)", "logging.info('a')"),
        logs("logger.exception", *EXCEPTION, differs={"log": Rule.NEWLINE}),
        logs("stack_info", "logger.warning('a', stack_info=False)"),
        logs("a message of several lines", "logger.warning('a\\nb')"),
        logs("an object as message", "logger.warning({'a': 1})"),
        logs("basicConfig has no effect", "logging.basicConfig(level=logging.DEBUG)", "logger.info('a')"),
        logs(
            "basicConfig with force",
            "logging.basicConfig(level=logging.INFO, force=True, format='F %(message)s')",
            "logger.info('a')",
        ),
        logs(
            "the request id in a format of one's own",
            "logging.getLogger().handlers[0].setFormatter(logging.Formatter('%(aws_request_id)s %(tenant_id)s\\n'))",
            "logger.warning('a')",
            get_replies=(event({}, aws_tenant_id="t"), event({}, 2)),
        ),
        logs("the root logger's handlers", "return [type(h).__name__ for h in logging.getLogger().handlers]"),
        logs("times are UTC", "return logging.Formatter.converter.__name__"),
        logs(
            "dictConfig",
            "from logging.config import dictConfig",
            "dictConfig({'version': 1, 'disable_existing_loggers': False})",
            "logger.warning('a')",
        ),
        Case("a line while loading", f"{LOGGING}\nlogger.warning('a')\ndef handler(event, context): pass"),
        does("a warning", "warnings.warn('old')", imports="import warnings"),
        does(
            "an error in the handler, with text of three lines",
            "raise ValueError('a\\n b')",
            differs={**ERROR, "log": Rule.ONE_RECORD},
        ),
    ),
)

JSON_LOGS = Group(
    "Log in JSON",
    (
        logs_json("every level, in JSON", *LEVELS),
        logs_json("AWS_LAMBDA_LOG_LEVEL=DEBUG, in JSON", *LEVELS, level="DEBUG"),
        logs_json("a level between two", "logger.log(35, 'a')"),
        logs_json("extra", "logger.warning('a', extra={'k': [1], 'aws': {'b': None}})"),
        logs_json("extra that JSON cannot say", "logger.warning('a', extra={'k': {1, }, 'p': logging.WARNING})"),
        logs_json("a dict as message", "logger.warning({'a': 1, 'é': [2]})"),
        logs_json("a dict as message, with an object", "logger.warning({'a': complex(1)})"),
        logs_json("a list as message", "logger.warning([1])"),
        logs_json("arguments", "logger.warning('%s-%d', 'a', 1)"),
        logs_json("logger.exception, in JSON", *EXCEPTION),
        logs_json("exc_info without an exception", "logger.warning('a', exc_info=False)"),
        logs_json("a tenant's line", "logger.warning('a')", get_replies=(event({}, aws_tenant_id="t"), event({}, 2))),
        logs_json("print stays as it is", "print('a')"),
        logs_json("context.log, in JSON", "context.log('a')"),
        logs_json("an error in the handler, in JSON", "raise ValueError('é')", differs=NOT_ASCII),
        Case("an error while loading, in JSON", "1 / 0", variables=JSON, differs=RAISED),
        Case(
            "a line while loading, in JSON",
            f"{LOGGING}\nlogger.warning('a')\ndef handler(event, context): pass",
            variables=JSON,
        ),
        Case(
            "json in lower case",
            f"{LOGGING}\ndef handler(event, context): logger.warning('a')",
            variables={"AWS_LAMBDA_LOG_FORMAT": "json"},
        ),
    ),
)

FRAMES = Group(
    "Log as frames on the telemetry descriptor",
    (
        logs("frames of every level", *LEVELS, telemetry=True),
        logs("frames of every level, with a level set", *LEVELS, level="DEBUG", telemetry=True),
        logs_json("frames of every level, in JSON", *LEVELS, level="DEBUG", telemetry=True),
        logs("frames of an error", "raise ValueError('é')", telemetry=True, differs=NOT_ASCII),
        logs_json("frames of an error, in JSON", "raise ValueError('é')", telemetry=True, differs=NOT_ASCII),
        does("print and context.log beside frames", "print('a')", "context.log('b')", telemetry=True),
        logs("context.log in a frame", "context.log('b')", telemetry=True),
        does(
            "the descriptor is out of the environment",
            "return '_LAMBDA_TELEMETRY_LOG_FD' in os.environ",
            imports="import os",
            telemetry=True,
        ),
    ),
)
