"""Serves and calls over a socket of this machine, plain and with TLS: one answer, a stream, an error, a deadline."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from certificate import issue

released = threading.Event()


def count(request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
    yield from (b"%d" % number for number in range(int(request)))


def refuse(_request: bytes, context: grpc.ServicerContext) -> bytes:
    context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")
    raise AssertionError


def wait(_request: bytes, _context: grpc.ServicerContext) -> bytes:
    released.wait(30)
    return b""


handlers = {
    "echo": grpc.unary_unary_rpc_method_handler(lambda request, _context: request[::-1]),
    "count": grpc.unary_stream_rpc_method_handler(count),
    "refuse": grpc.unary_unary_rpc_method_handler(refuse),
    "wait": grpc.unary_unary_rpc_method_handler(wait),
}
key, certificate = issue("localhost")
with ThreadPoolExecutor(4) as pool:
    server = grpc.server(pool)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop", handlers),))
    plain = server.add_insecure_port("127.0.0.1:0")
    secure = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    server.start()
    credentials = grpc.ssl_channel_credentials(certificate)
    renamed = (("grpc.ssl_target_name_override", "localhost"),)
    for channel in (
        grpc.insecure_channel(f"127.0.0.1:{plain}"),
        grpc.secure_channel(f"127.0.0.1:{secure}", credentials, renamed),
    ):
        with channel:
            assert channel.unary_unary("/shop/echo")(b"x" * 10**6 + b"y", timeout=30)[:2] == b"yx"
            assert list(channel.unary_stream("/shop/count")(b"3", timeout=30)) == [b"0", b"1", b"2"]
            for method, timeout, code in (
                ("refuse", 30, grpc.StatusCode.PERMISSION_DENIED),
                ("wait", 0.2, grpc.StatusCode.DEADLINE_EXCEEDED),
            ):
                try:
                    channel.unary_unary(f"/shop/{method}")(b"", timeout=timeout)
                except grpc.RpcError as error:
                    assert error.code() == code
                else:
                    raise AssertionError(method)
    released.set()
    server.stop(None).wait()
