"""A minimal loop in Python, without errors, context or limits: what other loops take longer, these cost."""

import _json
import os
import sys
from _socket import IPPROTO_TCP, TCP_NODELAY, socket

HOST, _, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].partition(":")
NEXT = f"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
ID = b"Lambda-Runtime-Aws-Request-Id: "


class Settings:
    strict, object_hook, object_pairs_hook, parse_float, parse_int, parse_constant = True, None, None, float, int, float


scan = _json.make_scanner(Settings)  # type: ignore[arg-type]
encode = _json.make_encoder(None, None, _json.encode_basestring, None, ": ", ", ", False, False, True)  # type: ignore[arg-type]
connection = socket()
connection.connect((HOST, int(PORT)))
connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
module, _, name = os.environ["_HANDLER"].rpartition(".")
handler = getattr(__import__(module), name)
while True:
    connection.sendall(NEXT)
    head, end, event = connection.recv(65536).partition(b"\r\n\r\n")
    start = head.index(ID) + len(ID)
    request = head[start : head.find(b"\r\n", start)].decode()
    result = "".join(encode(handler(scan(event.decode(), 0)[0], None), 0)).encode()
    path = f"POST /2018-06-01/runtime/invocation/{request}/response HTTP/1.1\r\n"
    connection.sendall(f"{path}Host: {HOST}\r\nContent-Length: {len(result)}\r\n\r\n".encode() + result)
    connection.recv(65536)
