"""`audit-cves`: SBOMs of layers, against a service that answers as NVD's does, and against copies of its files."""

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from builder import DIST, ROOT
from builder.errors import BadPins, FetchFailed, ManifestMismatch
from builder.vulnerabilities import databases
from builder.vulnerabilities.audit import ASSESSED, audit, read_assessed, read_sbom
from builder.vulnerabilities.databases import open_database
from builder.vulnerabilities.records import Component, concerning, version_key

from .fakes import RecordingReport

OPENSSL = Component("openssl", "3.5.7", "cpe:2.3:a:openssl:openssl:3.5.7:*:*:*:*:*:*:*")
PYTHON = Component("cpython", "3.14.0", "cpe:2.3:a:python:python:3.14.0:*:*:*:*:*:*:*")


def a_record(identifier: str = "CVE-2026-0001", product: str = "openssl:openssl:*", **match: Any) -> dict[str, Any]:
    """In NVD's format, version 2.0; ``match`` are limits of the range of versions."""
    criteria = f"cpe:2.3:a:{product}:*:*:*:*:*:*:*"
    found = {"vulnerable": True, "criteria": criteria, "matchCriteriaId": "", **match}
    return {
        "cve": {
            "id": identifier,
            "vulnStatus": "Analyzed",
            "descriptions": [{"lang": "es", "value": "Un fallo"}, {"lang": "en", "value": "A fault\n of some kind."}],
            "metrics": {"cvssMetricV31": [{"cvssData": {"baseScore": 7.5, "baseSeverity": "HIGH"}}]},
            "configurations": [{"nodes": [{"operator": "OR", "negate": False, "cpeMatch": [found]}]}],
        }
    }


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({}, True),
        ({"versionEndExcluding": "3.5.8"}, True),
        ({"versionEndExcluding": "3.5.7"}, False),
        ({"versionEndIncluding": "3.5.7"}, True),
        ({"versionEndIncluding": "3.5.6"}, False),
        ({"versionStartIncluding": "3.5.0", "versionEndExcluding": "3.5.10"}, True),
        ({"versionStartIncluding": "3.5.7"}, True),
        ({"versionStartExcluding": "3.5.7"}, False),
        ({"versionStartIncluding": "3.6.0", "versionEndExcluding": "3.6.4"}, False),
        ({"vulnerable": False}, False),
    ],
)
def test_a_range_has_a_version_or_not(match: dict[str, Any], expected: bool) -> None:
    assert bool(concerning(OPENSSL, a_record(**match))) is expected


@pytest.mark.parametrize(
    ("component", "product", "expected"),
    [
        (OPENSSL, "openssl:openssl:3.5.7", True),
        (OPENSSL, "openssl:openssl:3.5.6", False),
        (OPENSSL, "openssl:openssl_fips:*", False),
        (OPENSSL, "someone:openssl:*", False),
        (PYTHON, "python:python:3.14.0", True),
    ],
)
def test_a_product_is_known_by_vendor_and_name(component: Component, product: str, expected: bool) -> None:
    assert bool(concerning(component, a_record(product=product))) is expected


def test_a_candidate_is_another_version() -> None:
    record = a_record(product="python:python:3.14.0")
    match = record["cve"]["configurations"][0]["nodes"][0]["cpeMatch"][0]
    match["criteria"] = "cpe:2.3:a:python:python:3.14.0:rc1:*:*:*:*:*:*"
    assert concerning(PYTHON, record) is None


def test_a_rejected_record_says_nothing() -> None:
    record = a_record()
    record["cve"]["vulnStatus"] = "Rejected"
    assert concerning(OPENSSL, record) is None


def test_a_record_that_nobody_has_analysed_yet_matches_nothing() -> None:
    record = a_record()
    del record["cve"]["configurations"], record["cve"]["metrics"]
    assert concerning(OPENSSL, record) is None


def test_what_is_told_of_a_vulnerability() -> None:
    found = concerning(OPENSSL, a_record())
    assert found
    assert (found.identifier, found.severity, found.summary) == ("CVE-2026-0001", "HIGH 7.5", "A fault of some kind.")


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [("1.0.2", "1.0.2k"), ("1.0.2k", "1.0.2zd"), ("1.0.2k", "1.0.10"), ("3.5.7", "3.50.0"), ("3.9", "3.10")],
)
def test_versions_are_compared_as_upstreams_count(smaller: str, larger: str) -> None:
    assert version_key(smaller) < version_key(larger)


class Service(ThreadingHTTPServer):
    """Answers as https://services.nvd.nist.gov/rest/json/cves/2.0 does, two records a page."""

    def __init__(self, records: dict[str, list[dict[str, Any]]], failures: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.records, self.failures, self.asked = records, failures, list[tuple[str, int]]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/rest/json/cves/2.0"


class _Answer(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        product, first = query["virtualMatchString"][0], int(query["startIndex"][0])
        self.server.asked.append((product, first))
        if self.server.failures:
            self.server.failures -= 1
            self.send_error(503)
            return
        records = self.server.records.get(product, [])
        page = records[first : first + 2]
        answer = {"resultsPerPage": len(page), "startIndex": first, "totalResults": len(records)}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({**answer, "vulnerabilities": page}).encode())

    def log_message(self, *arguments: object) -> None:
        pass


Serve = Callable[..., Service]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    monkeypatch.setattr(databases, "PAUSE", 0.0)
    monkeypatch.setattr(databases, "PAUSES", (0.0, 0.0))
    servers = []

    def start(*arguments: Any) -> Service:
        server = Service(*arguments)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


PRODUCT = "cpe:2.3:a:openssl:openssl"


def test_the_service_is_asked_for_each_product_page_by_page(serve: Serve, report: RecordingReport) -> None:
    records = [a_record(f"CVE-2026-000{number}") for number in range(5)]
    server = serve({PRODUCT: records})
    result = audit([OPENSSL, OPENSSL, Component("tzdata", "2026.6", "")], open_database(server.url, report), {})
    assert [each.identifier for each in result.open] == [f"CVE-2026-000{number}" for number in range(5)]
    assert server.asked == [(PRODUCT, 0), (PRODUCT, 2), (PRODUCT, 4)]
    assert [each.name for each in result.unnamed] == ["tzdata"]


def test_a_service_that_fails_for_a_while_is_asked_again(serve: Serve, report: RecordingReport) -> None:
    server = serve({PRODUCT: [a_record()]}, 2)
    assert len(audit([OPENSSL], open_database(server.url, report), {}).open) == 1


def test_a_service_that_goes_on_failing_is_an_error(serve: Serve, report: RecordingReport) -> None:
    with pytest.raises(FetchFailed, match="503"):
        audit([OPENSSL], open_database(serve({}, 99).url, report), {})


def test_a_product_without_records_has_none(serve: Serve, report: RecordingReport) -> None:
    assert audit([OPENSSL], open_database(serve({}).url, report), {}).open == ()


def a_copy(folder: Path, **years: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    for year, records in years.items():
        content = gzip.compress(json.dumps({"format": "NVD_CVE", "vulnerabilities": records}).encode())
        (folder / f"nvdcve-2.0-{year}.json.gz").write_bytes(content)
    return folder


def test_copies_of_the_yearly_files_do_as_well(tmp_path: Path, report: RecordingReport) -> None:
    copy = a_copy(tmp_path / "nvd", y2025=[a_record("CVE-2025-1")], y2026=[a_record("CVE-2026-1", "zlib:zlib:*")])
    assert [each.identifier for each in audit([OPENSSL], open_database(str(copy), report), {}).open] == ["CVE-2025-1"]
    one = copy / "nvdcve-2.0-y2026.json.gz"
    assert audit([OPENSSL], open_database(str(one), report), {}).open == ()


@pytest.mark.parametrize(
    "content", [b"", b"\x1f\x8b cut", b"{}", b'{"vulnerabilities": []}', gzip.compress(b"[1, 2]"), b"<html>"]
)
def test_what_is_no_database_is_told(tmp_path: Path, report: RecordingReport, content: bytes) -> None:
    file = tmp_path / ("a.json.gz" if content[:2] == b"\x1f\x8b" else "a.json")
    file.write_bytes(content)
    with pytest.raises(FetchFailed, match=r"no database .*a\.json"):
        open_database(str(file), report)


def test_a_place_that_is_not_there_is_told(tmp_path: Path, report: RecordingReport) -> None:
    with pytest.raises(FetchFailed, match="nowhere"):
        open_database(str(tmp_path / "nowhere"), report)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FetchFailed, match="it has no records"):
        open_database(str(tmp_path / "empty"), report)


def test_the_tracked_sboms_have_a_cpe_for_what_is_compiled() -> None:
    for path in sorted(DIST.glob("*.cdx.json")):
        unnamed = {each.name for each in read_sbom(path) if not each.cpe}
        assert unnamed <= {"static-python-layer", "tzdata", "ziglang"}, path.name


@pytest.mark.parametrize("text", ["", "{}", '{"bomFormat": "SPDX"}', '{"bomFormat": "CycloneDX"}', "[]"])
def test_what_is_no_sbom_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "sbom.json").write_text(text, encoding="utf-8")
    with pytest.raises(ManifestMismatch, match=r"sbom\.json is no SBOM"):
        read_sbom(tmp_path / "sbom.json")


def test_the_assessed_ones_have_reasons() -> None:
    read_assessed(ASSESSED.read_text(encoding="utf-8"))
    assert read_assessed('[[assessed]]\nid = "CVE-1"\nwhy = "it is not compiled"') == {"CVE-1": "it is not compiled"}
    for text in ('[[assessed]]\nid = "CVE-1"', '[[assessed]]\nid = "A"\nwhy = "b"\n' * 2):
        with pytest.raises(BadPins):
            read_assessed(text)


def test_an_assessed_one_is_no_error_and_is_told(tmp_path: Path, report: RecordingReport) -> None:
    database = open_database(str(a_copy(tmp_path / "nvd", y=[a_record("CVE-1"), a_record("CVE-2")])), report)
    result = audit([OPENSSL], database, {"CVE-1": "not compiled", "CVE-3": "of something else"})
    assert ([each.identifier for each in result.open], result.assessed) == (["CVE-2"], {"CVE-1": "not compiled"})


def test_the_command_ends_with_its_own_code(tmp_path: Path) -> None:
    def run(database: Path) -> "subprocess.CompletedProcess[str]":
        command = (sys.executable, "-m", "builder", "audit-cves", f"--database={database}")
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    older = a_record(versionEndExcluding="3.0")
    done = run(a_copy(tmp_path / "nvd", y=[older, a_record("CVE-2026-7", "zlib:zlib:*")]))
    assert done.returncode == 54
    assert "CVE-2026-7  HIGH 7.5  zlib " in done.stdout
    assert "CVE-2026-0001" not in done.stdout
    assert "1 vulnerabilities are known of zlib." in done.stderr
    done = run(a_copy(tmp_path / "quiet", y=[older]))
    assert (done.returncode, "nothing is known" in done.stdout) == (0, True)
