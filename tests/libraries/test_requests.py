"""requests, over TLS."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tools.support.fake_api import Loop, event

FUNCTION = """
import os, requests
session = requests.Session()

def handler(event, context):
    response = session.post(os.environ["URL"], json=event, timeout=300)
    return [response.status_code, response.json()]
"""


class _Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def url(authority: trustme.CA) -> Iterator[str]:
    """A server that echoes each request's body."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_port}/"
        server.shutdown()


def test_a_certificate_from_a_known_authority_is_accepted(
    loop: Loop, authority: trustme.CA, url: str, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    loop.variables |= {"URL": url, "REQUESTS_CA_BUNDLE": str(tmp_path / "ca.pem")}
    run = loop(FUNCTION, event({"a": "é"}), event([1], 2))
    assert run.results == [[201, {"a": "é"}], [201, [1]]]


def test_a_certificate_from_an_unknown_authority_is_rejected(loop: Loop, url: str) -> None:
    loop.variables["URL"] = url
    error = loop(FUNCTION, event({})).error
    assert error["errorType"] == "SSLError"
    assert "CERTIFICATE_VERIFY_FAILED" in error["errorMessage"]
