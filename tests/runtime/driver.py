"""Calls the loop's functions on the interpreter they are made for, for tests that run on another one.

Run by that interpreter: reads pickled ``(name, arguments)`` from stdin, writes pickled ``(kind, value)`` to stdout;
the kind is ``value``, or the name of the exception's class.
"""

import importlib
import logging
import pickle
import sys
from collections.abc import Iterator
from typing import Any

sys.path.insert(0, sys.argv[1])
connection, payload, records, sink = (
    importlib.import_module(f"layer_runtime.{name}") for name in ("connection", "payload", "function_logging", "log")
)


class Pieces:
    """A socket whose other side sent these pieces, and then closed."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.rest = [piece for piece in pieces if piece]

    def recv(self, size: int, flags: int = 0) -> bytes:
        if not self.rest:
            return b""
        piece, left = self.rest[0][:size], self.rest[0][size:]
        self.rest[:1] = [left] if left else []
        return piece


def read_answer(pieces: list[bytes]) -> tuple[int, dict[str, str], bytes, bool]:
    answer, reusable = connection._read_answer(Pieces(pieces), b"")
    return answer.status, answer.headers, answer.body, reusable


def format_record(in_json: bool, fields: dict[str, Any]) -> object:
    sink.log.request_id, sink.log.tenant_id = "request", None
    record = logging.makeLogRecord(fields)
    records.LambdaLoggerFilter().filter(record)
    text = "[%(levelname)s]\t%(aws_request_id)s\t%(message)s\n"
    return (records.JsonFormatter() if in_json else records.TextFormatter(text)).format(record)


FUNCTIONS = {
    "read_answer": read_answer,
    "format_record": format_record,
    "encode": payload.encode_result,
    "decode": payload.from_json,
    "to_ascii": payload.to_ascii_json,
}


def calls() -> Iterator[tuple[str, tuple[Any, ...]]]:
    while True:
        try:
            yield pickle.load(sys.stdin.buffer)
        except EOFError:
            return


if __name__ == "__main__":
    for name, arguments in calls():
        try:
            outcome = ("value", FUNCTIONS[name](*arguments))
        except Exception as error:  # noqa: BLE001 - the outcome, too
            outcome = (type(error).__name__, str(error))
        sys.stdout.buffer.write(pickle.dumps(outcome))
        sys.stdout.buffer.flush()
