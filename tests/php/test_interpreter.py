"""The executable: what configures it, what it finds, and that it works wherever it lies."""

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from builder.context import cache_folder
from builder.store import Store
from tests.builds.build_cache import planned
from tools.support.product import PLATFORM, PRODUCT, Layer, output, runner

from .conftest import Php

CERTIFICATE = """
    $key = openssl_pkey_new(['private_key_bits' => 2048]);
    $request = openssl_csr_new(['commonName' => 'localhost'], $key);
    $certificate = openssl_csr_sign($request, null, $key, 1);
    openssl_x509_export($certificate, $text);
    openssl_pkey_export($key, $secret);
    echo json_encode([$text, $secret]);
"""


def run_at_opt(layer: Layer, code: str) -> str:
    """What code prints where the layer is at /opt."""
    return output(layer.at_opt(*runner(), "/opt/bin/php", "-r", code))


# --- the version, and what is told of the build -------------------------------------------------------------------


def test_it_is_the_products_version_without_threads_or_debugging(php: Php) -> None:
    assert json.loads(php("echo json_encode([PHP_VERSION, PHP_ZTS, PHP_DEBUG, PHP_INT_SIZE, PHP_SAPI]);")) == [
        PRODUCT.version,
        0,
        0,
        8,
        "cli",
    ]


def test_nothing_is_told_of_where_it_was_built(php: Php) -> None:
    told = php("phpinfo();")
    assert "../deps" not in told
    assert "/work/" not in told
    assert "'--prefix=/opt'" in told


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("memory_limit", "-1"),
        ("display_errors", "0"),
        ("log_errors", "1"),
        ("ignore_user_abort", "1"),
        ("zend.exception_ignore_args", "1"),
        ("opcache.jit", "disable"),
        ("pcre.jit", "1"),
    ],
)
def test_php_ini_is_found_beside_the_executable(php: Php, setting: str, value: str) -> None:
    assert php(f"echo ini_get('{setting}') ?: '0';") == value
    assert Path(php("echo php_ini_loaded_file();")).parts[-2:] == ("bin", "php.ini")


def test_more_can_be_said_in_a_folder_of_the_functions(php: Php, tmp_path: Path) -> None:
    (tmp_path / "my.ini").write_text("memory_limit = 77M\n", encoding="utf-8")
    assert php("echo ini_get('memory_limit');", PHP_INI_SCAN_DIR=str(tmp_path)) == "77M"
    assert "/opt/php/conf.d:/var/task/php/conf.d" in php("phpinfo(INFO_GENERAL);")


def test_an_ini_file_that_cannot_be_parsed_is_said_and_the_rest_counts(php: Php, tmp_path: Path) -> None:
    (tmp_path / "my.ini").write_text("memory_limit = 77M\n[broken\n", encoding="utf-8")
    done = subprocess.run(
        (str(php.program), "-r", "echo 'goes on';"),
        env={"PHP_INI_SCAN_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (
        f"syntax error, unexpected end of file, expecting ']' in {tmp_path}/my.ini on line 2"
        in done.stdout + done.stderr
    )
    assert done.stdout.endswith("goes on")


# --- opcache ------------------------------------------------------------------------------------------------------

LOOP = "function f($n) { $s = 0; for ($i = 0; $i < $n; $i++) { $s += $i % 7; } return $s; } echo f(3000000);"


@pytest.mark.parametrize("mode", ["disable", "function", "tracing"])
def test_opcache_compiles_to_machine_code_where_that_is_asked_for(php: Php, mode: str) -> None:
    options = ("-dopcache.enable_cli=1", f"-dopcache.jit={mode}")
    assert php(LOOP, *options) == "8999994"
    on = php("echo json_encode(opcache_get_status()['jit']['on'] ?? false);", *options)
    assert on == ("false" if mode == "disable" else "true")


def test_opcache_is_off_by_default_and_there_without_being_loaded(php: Php) -> None:
    assert php("echo json_encode([extension_loaded('Zend OPcache'), @opcache_get_status()]);") == "[true,false]"


# --- OpenSSL ------------------------------------------------------------------------------------------------------


def test_keys_and_certificates_are_made_without_a_configuration_of_the_systems(layer: Layer) -> None:
    certificate, key = json.loads(run_at_opt(layer, CERTIFICATE))
    assert certificate.startswith("-----BEGIN CERTIFICATE-----")
    assert key.startswith("-----BEGIN PRIVATE KEY-----")


def test_elsewhere_than_at_opt_the_configuration_is_named(layer: Layer, php: Php) -> None:
    made = php(CERTIFICATE, OPENSSL_CONF=str(layer.root / "ssl" / "openssl.cnf"))
    assert json.loads(made)[0].startswith("-----BEGIN CERTIFICATE-----")


def test_the_certificates_of_the_running_system_are_found(php: Php) -> None:
    found = php("echo openssl_get_cert_locations()['default_cert_file'];")
    assert Path(found).is_file()


def test_there_is_s_mime_of_pkcs_7_and_none_of_cms(layer: Layer) -> None:
    code = (
        CERTIFICATE.replace("echo json_encode([$text, $secret]);", "")
        + """
        $in = tempnam('/tmp', 'in'); $out = tempnam('/tmp', 'out');
        file_put_contents($in, 'text');
        $signed = openssl_pkcs7_sign($in, $out, $text, $key, []);
        echo json_encode([$signed, str_contains(file_get_contents($out), 'multipart/signed')]);
        unlink($in); unlink($out);
        echo json_encode([function_exists('openssl_cms_sign'), defined('OPENSSL_CMS_TEXT')]);"""
    )
    assert run_at_opt(layer, code) == "[true,true][false,false]"


# --- TLS ----------------------------------------------------------------------------------------------------------


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b"over TLS")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server(layer: Layer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a server with a certificate of its own, and that certificate's file."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = json.loads(run_at_opt(layer, CERTIFICATE))
    (folder / "certificate").write_text(certificate, encoding="ascii")
    (folder / "both").write_text(certificate + key, encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both")
    httpd = HTTPServer(("127.0.0.1", 0), Answers)
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"https://localhost:{httpd.server_port}/", folder / "certificate"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


CURL = """
    $curl = curl_init('%s');
    curl_setopt_array($curl, [CURLOPT_RETURNTRANSFER => true%s]);
    $text = curl_exec($curl);
    echo json_encode([$text, curl_errno($curl)]);
"""


def test_curl_reads_from_a_server_whose_certificate_it_is_told(php: Php, server: tuple[str, Path]) -> None:
    address, certificate = server
    assert json.loads(php(CURL % (address, f", CURLOPT_CAINFO => '{certificate}'"))) == ["over TLS", 0]
    # The variables that OpenSSL reads, too.
    assert json.loads(php(CURL % (address, ""), SSL_CERT_FILE=str(certificate))) == ["over TLS", 0]


def test_curl_refuses_a_certificate_that_nobody_vouches_for(php: Php, server: tuple[str, Path]) -> None:
    assert json.loads(php(CURL % (server[0], ""))) == [False, 60]


def test_streams_read_from_the_same_server(php: Php, server: tuple[str, Path]) -> None:
    address, certificate = server
    code = "echo file_get_contents('%s', false, stream_context_create(['ssl' => ['cafile' => '%s']]));"
    assert php(code % (address, certificate)) == "over TLS"


# --- the system ---------------------------------------------------------------------------------------------------


def test_names_are_resolved(php: Php) -> None:
    assert php("echo gethostbyname('localhost');") == "127.0.0.1"
    assert php("echo json_encode(function_exists('dns_get_record'));") == "true"


def test_a_fiber_runs_and_a_deep_recursion_is_an_error(php: Php) -> None:
    fiber = "$f = new Fiber(fn () => Fiber::suspend(1) * 2); $f->start(); $f->resume(21); echo $f->getReturn();"
    assert php(fiber) == "42"
    deep = "try { $f = fn ($f) => array_map($f, [$f]); $f($f); } catch (Error $e) { echo $e->getMessage(); }"
    assert php(deep).startswith("Maximum call stack size of")


def test_programs_are_started(php: Php) -> None:
    assert php("echo shell_exec('echo out'), proc_close(proc_open(['false'], [], $pipes));") == "out\n1"


def test_a_library_that_is_no_extension_is_refused_and_named(php: Php) -> None:
    done = subprocess.run(
        (str(php.program), "-dextension=/lib/x86_64-linux-gnu/libm.so.6", "-r", "echo 'goes on';"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Invalid library (maybe not a PHP library) '/lib/x86_64-linux-gnu/libm.so.6'" in done.stdout + done.stderr
    assert done.stdout.endswith("goes on")


# --- extensions that are loaded -----------------------------------------------------------------------------------

MODULE = r"""
typedef struct { /* zend_module_entry, of Zend/zend_modules.h */
    unsigned short size; unsigned int zend_api; unsigned char zend_debug, zts;
    const void *ini_entry, *deps; const char *name; const void *functions;
    int (*startup)(int type, int number); void *shutdown, *request_startup, *request_shutdown, *info;
    const char *version; unsigned long globals_size; void *globals, *constructor, *destructor, *post_deactivate;
    int module_started; unsigned char type; void *handle; int module_number; const char *build_id;
} Module;
void zend_register_long_constant(const char *, unsigned long, long, int, int);
static int startup(int type, int number) { zend_register_long_constant("GIVEN", 5, 42, 0, number); return 0; }
static Module module = { sizeof(Module), API, 0, 0, 0, 0, "given", 0, startup, .build_id = "APIAPI_TEXT,NTS" };
Module *get_module(void) { return &module; }
"""


def compiled(folder: Path, api: str) -> Path:
    """An extension for a module API of PHP, made with the compiler of the build."""
    text = MODULE.replace("API_TEXT", api).replace(", API,", f", {api},")
    (folder / "given.c").write_text(text, encoding="utf-8")
    compiler = Store(cache_folder()).result(planned()["toolchain"]) / "ziglang" / "zig"
    target = f"{PLATFORM.triplet}.{PLATFORM.glibc}"
    made = folder / "given.so"
    output((str(compiler), "cc", "-target", target, "-shared", "-fPIC", "-o", str(made), str(folder / "given.c")))
    return made


def test_an_extension_for_this_api_is_loaded_and_links_to_php(php: Php, tmp_path: Path) -> None:
    made = compiled(tmp_path, "20240924")
    assert php("echo GIVEN;", f"-dextension={made}") == "42"


def test_an_extension_for_another_api_is_refused_with_both_numbers(php: Php, tmp_path: Path) -> None:
    made = compiled(tmp_path, "20230831")
    command = (str(php.program), f"-dextension={made}", "-r", "echo 'goes on';")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert "given: Unable to initialize module" in said
    assert "20230831" in said
    assert "20240924" in said
    assert done.stdout.endswith("goes on")
