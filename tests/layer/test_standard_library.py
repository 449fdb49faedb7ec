"""The modules that use the libraries inside the interpreter work."""

import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from builder.platform import version_number
from tools.support.product import TARGET, Layer

Evaluate = Callable[[str], Any]
since_3_14 = pytest.mark.skipif(version_number(TARGET.series) < (3, 14), reason="new in CPython 3.14")

# Each system's path of its bundle, below /etc.
BUNDLES = {
    "Amazon Linux": "pki/tls/certs/ca-bundle.crt",
    "Debian": "ssl/certs/ca-certificates.crt",
}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls_server(authority: trustme.CA) -> Iterator[int]:
    """A real HTTPS server on the loopback interface; yields its port."""

    class Hello(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def _get(layer: Layer, port: int, etc: Path) -> Any:
    """The result of a client on the layer at /opt, on a system with this /etc."""
    code = f"""
import json, ssl, socket
context = ssl.create_default_context()
try:
    with socket.create_connection(("127.0.0.1", {port})) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            print(json.dumps([tls.version(), ssl.get_default_verify_paths().cafile]))
except ssl.SSLCertVerificationError as error:
    print(json.dumps(["refused", error.verify_message]))
"""
    return json.loads(layer.run_at_opt("-c", code, setup=f"mount --bind {etc} /etc"))


@pytest.mark.mounts
@pytest.mark.parametrize("system", BUNDLES)
def test_a_tls_server_is_verified_with_the_systems_bundle(
    layer: Layer, tls_server: int, authority: trustme.CA, tmp_path: Path, system: str
) -> None:
    bundle = tmp_path / BUNDLES[system]
    bundle.parent.mkdir(parents=True)
    authority.cert_pem.write_to_path(str(bundle))
    assert _get(layer, tls_server, tmp_path) == ["TLSv1.3", f"/etc/{BUNDLES[system]}"]


@pytest.mark.mounts
@pytest.mark.parametrize("system", BUNDLES)
def test_a_server_that_the_system_does_not_trust_is_refused(
    layer: Layer, tls_server: int, tmp_path: Path, system: str
) -> None:
    bundle = tmp_path / BUNDLES[system]
    bundle.parent.mkdir(parents=True)
    trustme.CA().cert_pem.write_to_path(str(bundle))
    assert _get(layer, tls_server, tmp_path)[0] == "refused"


@pytest.mark.mounts
def test_time_zones_work_without_a_database_on_the_machine(layer: Layer, tmp_path: Path) -> None:
    code = """
from datetime import datetime
from zoneinfo import TZPATH, ZoneInfo
import os
assert not any(os.path.exists(f"{folder}/Europe/Paris") for folder in TZPATH)
print(datetime(2026, 7, 14, tzinfo=ZoneInfo("Europe/Paris")).isoformat())
"""
    hidden = layer.run_at_opt("-c", code, setup=f"mount --bind {tmp_path} /usr/share/zoneinfo")
    assert hidden == "2026-07-14T00:00:00+02:00\n"
    assert layer.run_at_opt("-S", "-c", code, setup=f"mount --bind {tmp_path} /usr/share/zoneinfo") == hidden


def test_sqlite_has_the_commonly_used_features(evaluate: Evaluate) -> None:
    code = """
import json, sqlite3
db = sqlite3.connect(":memory:")
db.execute("create virtual table text using fts5(words)")
db.execute("insert into text values ('a quick brown fox')")
db.execute("create virtual table boxes using rtree(id, x0, x1)")
db.execute("insert into boxes values (1, 0, 10)")
db.enable_load_extension(True)
print(json.dumps([
    sqlite3.sqlite_version,
    sqlite3.threadsafety,
    db.execute("select count(*) from text where text match 'fox'").fetchone()[0],
    db.execute("select id from boxes where x0 <= 5 and x1 >= 5").fetchone()[0],
    db.execute("select '{\\"a\\": [1, 2]}' -> 'a' ->> 1").fetchone()[0],
    db.execute("select sqrt(16)").fetchone()[0],
    db.execute("select count(*) > 0 from dbstat").fetchone()[0],
    len(sqlite3.connect(":memory:").serialize()) >= 0,
]))
"""
    assert evaluate(code) == ["3.53.4", 3, 1, 1, 2, 4.0, 1, True]


def test_hashes_work_including_the_legacy_providers(evaluate: Evaluate) -> None:
    code = """
import hashlib, json, ssl
names = ["md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b", "blake2s", "ripemd160", "sm3"]
sizes = {name: len(hashlib.new(name, b"x").digest()) for name in names}
scrypt = hashlib.scrypt(b"p", salt=b"s", n=16, r=1, p=1)
print(json.dumps([ssl.OPENSSL_VERSION.split()[:2], sizes, len(scrypt)]))
"""
    sizes = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64, "sha3_256": 32, "blake2b": 64, "blake2s": 32}
    assert evaluate(code) == [["OpenSSL", "3.5.7"], sizes | {"ripemd160": 20, "sm3": 32}, 64]


def test_compressors_round_trip(evaluate: Evaluate) -> None:
    code = """
import bz2, json, lzma, zlib
data = b"the same words again and again " * 1000
print(json.dumps([
    [len(m.compress(data)) < 1000 and m.decompress(m.compress(data)) == data for m in (bz2, lzma, zlib)],
    zlib.ZLIB_RUNTIME_VERSION,
]))
"""
    assert evaluate(code) == [[True, True, True], "1.3.2"]


@since_3_14
def test_zstd_round_trips_also_with_several_threads(evaluate: Evaluate) -> None:
    code = """
import json
from compression import zstd
data = b"the same words again and again " * 1000
threads = {zstd.CompressionParameter.nb_workers: 2}
print(json.dumps([
    zstd.zstd_version,
    len(zstd.compress(data)) < 1000,
    [zstd.decompress(zstd.compress(data, options=options)) == data for options in (None, threads)],
]))
"""
    assert evaluate(code) == ["1.5.7", True, [True, True]]


def test_ctypes_calls_libc_and_gets_callbacks(evaluate: Evaluate) -> None:
    code = """
import ctypes, json
libc = ctypes.CDLL(None)
kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
values = (ctypes.c_int * 5)(5, 3, 1, 4, 2)
libc.qsort(values, 5, ctypes.sizeof(ctypes.c_int), kind(lambda a, b: a[0] - b[0]))
print(json.dumps([libc.strlen(b"four"), list(values)]))
"""
    assert evaluate(code) == [4, [1, 2, 3, 4, 5]]


@since_3_14
def test_ctypes_calls_functions_of_complex_numbers(evaluate: Evaluate) -> None:
    code = """
import ctypes, json
root = ctypes.CDLL("libm.so.6").csqrt
root.argtypes, root.restype = [ctypes.c_double_complex], ctypes.c_double_complex
print(json.dumps(str(root(-4 + 0j))))
"""
    assert evaluate(code) == "2j"


def test_processes_threads_and_shared_memory_work(layer: Layer) -> None:
    code = """
import concurrent.futures, multiprocessing, multiprocessing.shared_memory, asyncio, sys
if __name__ == "__main__":
    with concurrent.futures.ThreadPoolExecutor(2) as pool: assert list(pool.map(abs, [-1, -2])) == [1, 2]
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool: assert pool.map(abs, [-1, -2]) == [1, 2]
    block = multiprocessing.shared_memory.SharedMemory(create=True, size=16); block.close(); block.unlink()
    assert asyncio.run(asyncio.wait_for(asyncio.sleep(0, "done"), 600)) == "done"
    print("ok")
"""
    assert layer.run("-c", code) == "ok\n"


def test_unique_identifiers_come_from_libuuid(evaluate: Evaluate) -> None:
    found = evaluate(
        "import json, uuid, _uuid; print(json.dumps([_uuid.has_uuid_generate_time_safe, uuid.uuid1().version]))"
    )
    assert found == [1, 1]


def test_decimals_are_computed_by_the_c_library(evaluate: Evaluate) -> None:
    assert (
        evaluate("import json, decimal, _decimal; print(json.dumps(str(decimal.Decimal(1) / 7)))")
        == "0.1428571428571428571428571429"
    )


def test_xml_and_text_codecs_work(evaluate: Evaluate) -> None:
    code = """
import json, xml.etree.ElementTree as tree
codecs = ["shift_jis", "gb18030", "euc_kr", "big5", "iso2022_jp", "cp037", "utf-7", "idna", "punycode"]
root = tree.fromstring("<a><b c='d'>e</b></a>")
print(json.dumps([root.find("b").attrib["c"], ["a".encode(c).decode(c) for c in codecs]]))
"""
    assert evaluate(code) == ["d", ["a"] * 9]
