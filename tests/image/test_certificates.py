"""TLS with the image's own certificate bundle, at the image's own path."""

import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from tests.in_container import BUNDLES
from tools.support.product import CONTAINER_FILES


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The certificate authority that was added to the image's bundle."""
    assert CONTAINER_FILES
    pem = (CONTAINER_FILES / "authority.pem").read_bytes()
    return trustme.CA.from_pem(cert_bytes=pem, private_key_bytes=pem)


@contextmanager
def server(authority: trustme.CA) -> Iterator[int]:
    """A real HTTPS server on the loopback interface; yields its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as running:
        running.socket = context.wrap_socket(running.socket, server_side=True)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_port
        running.shutdown()


def connect(port: int) -> str | None:
    context = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        return tls.version()


def test_the_bundle_is_the_images_own() -> None:
    found = ssl.get_default_verify_paths().cafile
    assert found in BUNDLES
    assert Path(found).read_text("utf-8").count("-----BEGIN CERTIFICATE-----") > 100
    assert ssl.create_default_context().cert_store_stats()["x509_ca"] > 100


def test_a_server_with_a_certificate_from_an_authority_in_the_bundle_is_accepted(authority: trustme.CA) -> None:
    with server(authority) as port:
        assert connect(port) == "TLSv1.3"


def test_a_server_with_a_certificate_from_an_unknown_authority_is_refused() -> None:
    with server(trustme.CA()) as port, pytest.raises(ssl.SSLCertVerificationError):
        connect(port)
