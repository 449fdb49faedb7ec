"""What the function logs with ``logging``: a handler on the root logger. Imported when the function imports that.

Class names are the managed runtime's, because libraries look for them.
"""

import logging
import time

from layer_runtime.log import log, timestamp
from layer_runtime.payload import to_log_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TEXT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"

ITS_OWN = {*vars(logging.makeLogRecord({})), "aws_request_id", "tenant_id"} - {"taskName"}
"""Attributes of a record that are not the function's ``extra``. The managed runtime tells the name of a task."""


def set_up() -> None:
    """Puts the handler on the root logger, and the level that the function's configuration has."""
    logging.Formatter.converter = time.gmtime
    root = logging.getLogger()
    handler = (LambdaLoggerHandlerWithFrameType if log.is_json or log.level else LambdaLoggerHandler)(LogSink())
    handler.setFormatter(JsonFormatter() if log.is_json else TextFormatter(TEXT, "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(LambdaLoggerFilter())
    if log.level in logging.getLevelNamesMapping():
        root.setLevel(log.level)
    root.addHandler(handler)


class LambdaLoggerFilter(logging.Filter):
    """Gives every record the invocation it belongs to."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = log.request_id or ""
        record.tenant_id = log.tenant_id
        return True


class LogSink:
    """What the managed runtime's handlers write to, for those who write to it themselves."""

    def log(self, msg: str, frame_type: object = None) -> None:  # noqa: ARG002 - part of its signature
        """Writes the message as it is; with no descriptor for frames, their type is nothing."""
        log.write(msg)


class LambdaLoggerHandler(logging.Handler):
    """Hands records to the log."""

    def __init__(self, log_sink: LogSink) -> None:
        super().__init__()
        self.log_sink = log_sink

    def emit(self, record: logging.LogRecord) -> None:
        try:
            log.write(self.format(record), self._level_of(record), isinstance(self.formatter, JsonFormatter))
        except Exception:
            self.handleError(record)

    def _level_of(self, _record: logging.LogRecord) -> int | None:
        return None


class LambdaLoggerHandlerWithFrameType(LambdaLoggerHandler):
    """With their level, where the platform filters by it. Libraries know it by its name, and leave its format alone."""

    def _level_of(self, _record: logging.LogRecord) -> int | None:
        return _record.levelno


class TextFormatter(logging.Formatter):
    """One line, and what belongs to an exception below it."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if text.endswith("\n") else f"{text}\n"


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "timestamp": timestamp(record.created),
            "level": logging.getLevelName(min(50, max(0, record.levelno)) // 10 * 10),
            "message": record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
            "logger": record.name,
            **self._exception(record),
            "requestId": getattr(record, "aws_request_id", None),
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}" if record.exc_info else None,
            "tenantId": getattr(record, "tenant_id", None),
        }
        extra = {key: value for key, value in vars(record).items() if key not in ITS_OWN and key not in fields}
        return to_log_json({key: value for key, value in (fields | extra).items() if value is not None}) + "\n"

    @staticmethod
    def _exception(record: logging.LogRecord) -> "dict[str, Any]":
        if not record.exc_info or record.exc_info[0] is None:
            return {}
        from traceback import format_tb

        kind, value, frames = record.exc_info
        return {"stackTrace": format_tb(frames), "errorType": kind.__name__, "errorMessage": str(value)}
