"""Calls the loop's functions on the interpreter they are made for, for tests that run on another one.

Run by that interpreter: reads pickled ``(name, arguments)`` from stdin, writes pickled ``(kind, value)`` to stdout;
the kind is ``value``, or the name of the exception's class.
"""

import importlib
import logging
import pickle
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, sys.argv[1])
payload, records, sink = (
    importlib.import_module(f"layer_runtime.{name}") for name in ("payload", "function_logging", "log")
)
Connection = importlib.import_module("_layer_runtime").Connection


def read_answer(pieces: list[bytes], names: tuple[str, ...]) -> tuple[int, tuple[str | None, ...], bytes, bool]:
    """What the connection makes of an answer, and whether it keeps the connection for the next request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = Connection("{}:{}".format(*listener.getsockname()), names)
        connection.begin(b"request")
        other, _ = listener.accept()
        with other:
            other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                other.sendall(piece)
            other.shutdown(socket.SHUT_WR)
            before = descriptors()
            return (*connection.end(), descriptors() == before)


def descriptors() -> int:
    """How many are open. The other side would learn of a connection that was closed, but not at once."""
    return len(list(Path("/proc/self/fd").iterdir()))


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
