"""Connects with TLS, libpq's OpenSSL on one side and the interpreter's own on the other, and asks a question.

The database is a thread of this program, just enough of PostgreSQL's protocol: libpq (its OpenSSL is in
``psycopg2_binary.libs``) checks a certificate that ``cryptography`` (a third OpenSSL) made, and that Python's ``ssl``
(the one in the interpreter) serves.
"""

import ctypes
import re
import socket
import ssl
import struct
import tempfile
import threading
from pathlib import Path

import psycopg2
from certificate import issue

SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    plain, _ = listener.accept()
    with plain:
        assert plain.recv(8) == SSL_REQUEST
        plain.sendall(b"S")
        with context.wrap_socket(plain, server_side=True) as connection, connection.makefile("rb") as reader:
            start = reader.read(struct.unpack("!i", reader.read(4))[0] - 4)
            assert b"user\0ada\0" in start
            settings = {"server_version": "17.0", "client_encoding": "UTF8", "standard_conforming_strings": "on"}
            parameters = (message(b"S", f"{name}\0{value}\0".encode()) for name, value in settings.items())
            ready = message(b"Z", b"I")
            connection.sendall(message(b"R", bytes(4)) + b"".join(parameters) + ready)
            while (kind := reader.read(1)) == b"Q":
                query = reader.read(struct.unpack("!i", reader.read(4))[0] - 4).rstrip(b"\0")
                column = b"question\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)
                row = struct.pack("!hi", 1, len(query)) + query
                rows = message(b"T", struct.pack("!h", 1) + column) + message(b"D", row)
                # To BEGIN and COMMIT there are none.
                connection.sendall((rows if b"select" in query else b"") + message(b"C", query + b"\0") + ready)
            assert kind == b"X"


key, certificate = issue("localhost")
with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as listener:
    folder = Path(name)
    (folder / "key").write_bytes(key)
    (folder / "certificate").write_bytes(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    server = threading.Thread(target=serve, args=(listener, context))
    server.start()
    with (
        psycopg2.connect(
            host="localhost",
            hostaddr="127.0.0.1",
            port=listener.getsockname()[1],
            user="ada",
            dbname="shop",
            sslmode="verify-full",
            sslrootcert=str(folder / "certificate"),
            gssencmode="disable",
            connect_timeout=30,
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("select %s", ("é'",))
        assert cursor.fetchone() == ("select 'é'''",)
        assert connection.info.ssl_in_use
        assert connection.info.ssl_attribute("protocol") == "TLSv1.3"
    connection.close()
    server.join()

theirs = set(re.findall(r"\S*/lib(?:ssl|crypto)\S*", Path("/proc/self/maps").read_text(encoding="utf-8")))
assert all("/psycopg2_binary.libs/" in path for path in theirs), theirs
(libcrypto,) = (ctypes.CDLL(path) for path in theirs if "libcrypto" in path)
libcrypto.OpenSSL_version.restype = ctypes.c_char_p
print(f"{libcrypto.OpenSSL_version(0).decode()} in the wheel, {ssl.OPENSSL_VERSION} in the interpreter")
