"""Processes from their first instruction: the bare interpreter, usual imports, and the loop with events.

The loop's own caller is a socket, as in `bench.api`: the interpreter under training has no packages.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from .documents import orders

BOOTSTRAP = Path(__file__).parents[3] / "runtime" / "python" / "bootstrap"
MODULES = (
    *("argparse", "ast", "asyncio", "base64", "collections", "concurrent.futures", "configparser", "contextlib", "csv"),
    *("dataclasses", "datetime", "decimal", "email.message", "enum", "fractions", "functools", "gzip", "hashlib"),
    *("html.parser", "http.server", "inspect", "ipaddress", "json", "logging.config", "mimetypes", "multiprocessing"),
    *("pathlib", "pickle", "platform", "queue", "random", "re", "secrets", "shlex", "shutil", "sqlite3", "ssl"),
    *("statistics", "string", "tempfile", "typing", "unittest", "urllib.request", "uuid", "xml.etree.ElementTree"),
    *("zipfile", "zoneinfo"),
)
COMMANDS = (
    ("-I", "-S", "-c", "pass"),
    ("-c", "pass"),
    ("-c", "import json, logging, datetime, re, os"),
    ("-c", "import asyncio, dataclasses, typing, urllib.request"),
    ("-c", f"import {', '.join(MODULES)}"),
)
FUNCTION = """
import json, logging
logger = logging.getLogger()
def handler(event, context):
    logger.warning("order %s", event["id"])
    body = json.dumps({"items": event["items"], "left": context.get_remaining_time_in_millis() > 0})
    if event["id"] % 10 == 9:
        raise ValueError(event["note"])
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body}
async def waiting(event, context):
    return event["address"]
"""
ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'


def event(number: int, body: bytes) -> bytes:
    return (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        f"Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c{number:04}\r\n"
        "Lambda-Runtime-Deadline-Ms: 4102444800000\r\n"
        "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-3:123456789012:function:trained\r\n"
        "Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def request(connection: socket.socket) -> bytes:
    """The next request, whole; empty at the end."""
    data = b""
    while True:
        head, found, body = data.partition(b"\r\n\r\n")
        _, sized, rest = head.lower().partition(b"content-length:")
        if found and len(body) >= (int(rest.split(b"\r\n")[0]) if sized else 0):
            return head
        more = connection.recv(65536)
        if not more:
            return b""
        data += more


def loop(handler: str, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        Path(folder, "function.py").write_text(FUNCTION, encoding="utf-8")
        variables = {
            **os.environ,
            "AWS_LAMBDA_RUNTIME_API": "{}:{}".format(*listener.getsockname()),
            "LAMBDA_TASK_ROOT": folder,
            "_HANDLER": handler,
        }
        command = (sys.executable, "-SPu", str(BOOTSTRAP), handler)
        with subprocess.Popen(
            command, env=variables, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            listener.settimeout(60)  # a loop that does not start must not stop the training
            connection, _ = listener.accept()
            for number, order in enumerate(orders(count)):
                assert b"/next" in request(connection)
                connection.sendall(event(number, json.dumps(order).encode()))
                assert request(connection).startswith(b"POST")
                connection.sendall(ACCEPTED)
            request(connection)
            process.terminate()  # the loop ends in order, and its counters are written


def work() -> None:
    for command in COMMANDS:
        for _ in range(4):
            subprocess.run((sys.executable, *command), check=True, stdin=subprocess.DEVNULL)
    loop("function.handler", 900)
    loop("function.waiting", 300)
