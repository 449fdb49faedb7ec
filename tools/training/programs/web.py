"""The web: HTTP requests and responses, headers, mail, cookies, TLS, XML-RPC."""

import email
import email.message
import email.policy
import email.utils
import http.client
import http.cookies
import http.server
import io
import ipaddress
import json
import socket
import ssl
import threading
import urllib.request
import wsgiref.handlers
import wsgiref.util
import xmlrpc.client
from collections.abc import Callable, Iterable
from typing import Any

from .documents import orders

HEAD = (
    "GET /orders/{n}?page=2 HTTP/1.1\r\nHost: example.com\r\nUser-Agent: training/1.0 (Linux)\r\n"
    "Accept: application/json, text/*;q=0.5\r\nAccept-Encoding: gzip, deflate\r\nCookie: session=abc{n}; theme=dark\r\n"
    "X-Forwarded-For: 10.0.0.{n}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {n}\r\n\r\n"
)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body of an answer in one packet

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, "headers": dict(self.headers)}).encode()
        self.answer(body)

    def do_POST(self) -> None:
        data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(json.dumps({"got": len(data)}).encode())

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def client_and_server() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        host, port = server.server_address[:2]
        connection = http.client.HTTPConnection(str(host), port)
        for number in range(90):
            connection.request("GET", f"/a/{number}", headers={"X-Number": str(number)})
            response = connection.getresponse()
            assert json.loads(response.read())["path"] == f"/a/{number}"
            connection.request("POST", "/b", json.dumps(orders(3)), {"Content-Type": "application/json"})
            connection.getresponse().read()
        connection.close()
        for number in range(12):
            with urllib.request.urlopen(f"http://{host}:{port}/c?{number}") as answer:
                json.load(answer)
        server.shutdown()


class _Socket:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self.data)


def messages() -> None:
    for number in range(200):
        lines, headers = HEAD.format(n=number).split("\r\n", 1)
        lines.split(" ")
        parsed = http.client.parse_headers(io.BytesIO(headers.encode()))
        parsed["content-length"], parsed.get_content_type(), parsed.get_param("charset")
        cookies = http.cookies.SimpleCookie(parsed["cookie"])
        cookies["theme"]["max-age"] = 60
        cookies.output()
        chunks = b"".join(b"%x\r\n%s\r\n" % (size, b"x" * size) for size in (5, 300, number + 1))
        answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nServer: x\r\n\r\n" + chunks + b"0\r\n\r\n"
        response = http.client.HTTPResponse(_Socket(answer))
        response.begin()
        assert len(response.read()) == 306 + number
    for number in range(25):
        mail = email.message.EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = (
            f"Grüße {number}",
            "Ann <ann@example.com>",
            "bob@example.com, c@d.org",
        )
        mail["Date"] = email.utils.format_datetime(email.utils.parsedate_to_datetime("Mon, 05 Feb 2024 10:00:00 +0100"))
        mail.set_content("Dear Bob,\n" + "text " * 50)
        mail.add_alternative("<p>text</p>", subtype="html")
        mail.add_attachment(b"\0\1" * 300, maintype="application", subtype="octet-stream", filename="a.bin")
        again = email.message_from_bytes(mail.as_bytes(), policy=email.policy.default)
        [part.get_content_type() for part in again.walk()]
        again["to"].addresses, again["subject"]
    for number in range(300):
        address = ipaddress.ip_address(f"10.1.{number % 256}.{number % 99}")
        address in ipaddress.ip_network("10.1.0.0/17"), str(address), ipaddress.ip_address(f"2001:db8::{number:x}")
    call = xmlrpc.client.dumps(([order["items"] for order in orders(60)],), "store")
    xmlrpc.client.loads(call)


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    status = "200 OK" if environ["PATH_INFO"].startswith("/orders") else "404 Not Found"
    start_response(status, [("Content-Type", "text/plain")])
    return [wsgiref.util.request_uri(environ).encode(), b"\n"]


def gateway() -> None:
    for number in range(150):
        environ: dict[str, Any] = {"PATH_INFO": f"/orders/{number}", "QUERY_STRING": "a=1"}
        wsgiref.util.setup_testing_defaults(environ)
        handler = wsgiref.handlers.SimpleHandler(io.BytesIO(), io.BytesIO(), io.StringIO(), environ)
        handler.run(application)


def encrypted() -> None:
    """TLS between two ends in one process, with a shared key instead of certificates."""
    ends = []
    for purpose in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER):
        context = ssl.SSLContext(purpose)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("PSK")
        if purpose == ssl.PROTOCOL_TLS_CLIENT:
            context.set_psk_client_callback(lambda _: ("training", b"a shared key"))
        else:
            context.set_psk_server_callback(lambda _: b"a shared key")
        ends.append(context)
    for _ in range(6):
        near, far = socket.socketpair()
        server = threading.Thread(target=_mirror, args=(ends[1], far))
        server.start()
        with ends[0].wrap_socket(near) as secure:
            for number in range(60):
                secure.sendall(b"x" * (number * 40 + 1))
                got = 0
                while got < number * 40 + 1:
                    got += len(secure.recv(65536))
            secure.unwrap()
        server.join()
    for _ in range(3):
        ssl.create_default_context()


def _mirror(context: ssl.SSLContext, far: socket.socket) -> None:
    with context.wrap_socket(far, server_side=True) as secure:
        while data := secure.recv(65536):
            secure.sendall(data)
        secure.unwrap()


def work() -> None:
    client_and_server()
    messages()
    gateway()
    encrypted()
