"""builder.artifacts.sbom: valid CycloneDX, all that ships with where it is from, and the same bytes every time."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from builder.artifacts.sbom import make_sbom
from builder.plan.make import used_sources

from .fakes import ROOT
from .repository import FILES, PINS, PLATFORMS, PRODUCT, REPOSITORY, pack_of
from .test_manifest import PACKAGE, manifest

DATE = datetime(2026, 8, 5, 12, 25, tzinfo=UTC)


@pytest.fixture(scope="module")
def bom() -> dict[str, Any]:
    return dict(json.loads(make_sbom(manifest(), DATE)))


@pytest.fixture(scope="module")
def components(bom: dict[str, Any]) -> dict[str, Any]:
    return {component["name"]: component for component in bom["components"]}


def test_it_follows_the_schema_of_cyclonedx_strictly() -> None:
    text = make_sbom(manifest(), DATE)
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"purl"', '"prul"')) is not None


def test_it_is_about_the_zip(bom: dict[str, Any]) -> None:
    layer = bom["metadata"]["component"]
    assert (layer["name"], layer["version"]) == ("cpython-3.13.15-x86_64", "3.13.15")
    assert layer["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    properties = {entry["name"].removeprefix("static-python-layer:"): entry["value"] for entry in layer["properties"]}
    assert properties == {
        "architecture": "x86_64",
        "cpu": "x86_64_v2",
        "glibc": "2.26",
        "interpreter": "cpython",
        "variant": "fast",
    }


def test_everything_that_ships_is_in_it_and_the_compiler_as_what_does_not(components: dict[str, Any]) -> None:
    shipping = {name for name, component in components.items() if component.get("scope") != "excluded"}
    assert shipping == {source["name"] for source in manifest()["sources"]} | {"static-python-layer"}
    assert set(components) - shipping == {"ziglang"}


def test_each_source_has_version_licence_hash_and_package_url(components: dict[str, Any]) -> None:
    for source in (*used_sources(PINS, PRODUCT, PLATFORMS[0], FILES), PINS["ziglang"]):
        component, first = components[source.name], source.archives[0]
        assert component["version"] == source.version
        assert component["licenses"] == [{"license": {"id": source.licence}}]
        assert component["hashes"][0]["content"] == first.sha256
        purl = PackageURL.from_string(component["purl"])
        assert (purl.name, purl.version) == (source.name, source.version)
        assert purl.qualifiers["checksum"] == f"sha256:{first.sha256}"


def test_a_source_under_two_licences_has_them_as_an_expression() -> None:
    text = make_sbom(manifest(facts=pack_of(REPOSITORY.products.by_name["cpython-3.14"]).facts), DATE)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    (zstd,) = (component for component in json.loads(text)["components"] if component["name"] == "zstd")
    assert zstd["licenses"] == [{"expression": "BSD-3-Clause AND MIT"}]


def test_each_form_of_a_source_is_there_with_its_hash(components: dict[str, Any]) -> None:
    found = {
        reference["comment"]: (reference["url"], reference["hashes"][0]["content"])
        for reference in components["zlib"]["externalReferences"]
        if reference["type"] == "source-distribution"
    }
    upstream, debian = PINS["zlib"].archives
    assert found[upstream.file] == (upstream.url, upstream.sha256)
    assert found[debian.file][0].startswith("pkg:deb/debian/zlib@1:1.3.dfsg%2Breally1.3.2-3?arch=source")
    assert found[debian.file][1] == debian.sha256


def test_names_in_lists_of_vulnerabilities_are_there_where_they_are_known(components: dict[str, Any]) -> None:
    assert components["openssl"]["cpe"] == f"cpe:2.3:a:openssl:openssl:{PINS['openssl'].version}:*:*:*:*:*:*:*"
    unknown = {name for name, component in components.items() if "cpe" not in component}
    assert unknown == {"static-python-layer", "tzdata", "ziglang"}


def test_a_patched_source_says_so(components: dict[str, Any]) -> None:
    (patch,) = components["openssl"]["pedigree"]["patches"]
    assert patch["diff"]["url"].startswith("patches/openssl/3.5/needed/0001-")
    assert len(components["cpython"]["pedigree"]["patches"]) > 30
    assert "pedigree" not in components["zlib"]


def test_the_layer_depends_on_all_that_ships_and_the_interpreter_on_what_is_linked_into_it(bom: dict[str, Any]) -> None:
    needs = {dependency["ref"]: set(dependency.get("dependsOn", ())) for dependency in bom["dependencies"]}
    shipping = {c["bom-ref"] for c in bom["components"] if c.get("scope") != "excluded"}
    assert needs["cpython-3.13.15-x86_64"] == shipping
    linked = ("bzip2", "libffi", "openssl", "sqlite", "util-linux", "xz", "zlib")
    assert needs[f"cpython@{PINS['cpython-3.13'].version}"] == {f"{name}@{PINS[name].version}" for name in linked}


def test_the_moment_is_the_interpreters_release_and_the_serial_number_the_contents(bom: dict[str, Any]) -> None:
    assert bom["metadata"]["timestamp"] == "2026-08-05T12:25:00+00:00"
    other = manifest()
    other["artifacts"][0]["sha256"] = "b" * 64
    assert json.loads(make_sbom(other, DATE))["serialNumber"] != bom["serialNumber"]


AGAIN = """
import json, sys
from datetime import UTC, datetime
from builder.artifacts.sbom import make_sbom
from builder.plan.make import used_sources
sys.stdout.write(make_sbom(json.load(sys.stdin), datetime(2026, 8, 5, 12, 25, tzinfo=UTC)))
"""


def test_another_process_elsewhere_writes_the_same_bytes() -> None:
    environment = {"PYTHONHASHSEED": "7", "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONPATH": str(ROOT)}
    command = (sys.executable, "-c", AGAIN)
    given = json.dumps(manifest())
    done = subprocess.run(command, cwd="/", env=environment, input=given, capture_output=True, text=True, check=True)
    assert done.stdout == make_sbom(manifest(), DATE)


def test_a_package_is_a_component_beside_a_source_of_the_same_name() -> None:
    text = make_sbom(manifest(packages=(PACKAGE,)), DATE)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    (package,) = (component for component in bom["components"] if component["bom-ref"] == "pypi:tzdata@2026.6")
    assert package["purl"].startswith("pkg:pypi/tzdata@2026.6?")
    assert package["hashes"] == [{"alg": "SHA-256", "content": "f" * 64}]
    assert "licenses" not in package
    depends = {dependency["ref"]: dependency.get("dependsOn", ()) for dependency in bom["dependencies"]}
    assert {"pypi:tzdata@2026.6", "tzdata@2026.6"} <= set(depends["cpython-3.13.15-x86_64"])
