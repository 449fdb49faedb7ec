"""The zip and its manifest agree, byte by byte."""

import hashlib
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tools.support.product import ROOT, TARGET


@pytest.fixture(scope="module")
def infos(layer_zip: Path) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(layer_zip) as bundle:
        assert bundle.testzip() is None
        return bundle.infolist()


def test_the_manifest_conforms_to_the_published_schema(manifest: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "builder" / "artifacts" / "manifest.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(manifest, schema, cls=jsonschema.Draft202012Validator)


def test_the_manifest_describes_this_zip(layer_zip: Path, manifest: dict[str, Any]) -> None:
    content = layer_zip.read_bytes()
    (artifact,) = manifest["artifacts"]
    assert artifact["kind"] == "zip"
    assert artifact["file"] == layer_zip.name
    assert artifact["sha256"] == hashlib.sha256(content).hexdigest()
    assert artifact["size"] == len(content)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_checksums_cover_the_zip_and_its_attestations(layer_zip: Path) -> None:
    lines = (layer_zip.parent / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    for suffix in (".zip", ".manifest.json", ".cdx.json", ".provenance.json"):
        path = layer_zip.with_suffix(suffix)
        assert sums[path.name] == sha256(path)


def test_the_sbom_is_valid_and_describes_this_zip(layer_zip: Path) -> None:
    text = layer_zip.with_suffix(".cdx.json").read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    layer = json.loads(text)["metadata"]["component"]
    assert layer["hashes"] == [{"alg": "SHA-256", "content": sha256(layer_zip)}]


def test_the_provenance_is_about_these_files(layer_zip: Path) -> None:
    statement = json.loads(layer_zip.with_suffix(".provenance.json").read_text(encoding="utf-8"))
    paths = (layer_zip, layer_zip.with_suffix(".manifest.json"), layer_zip.with_suffix(".cdx.json"))
    expected = [{"name": path.name, "digest": {"sha256": sha256(path)}} for path in paths]
    assert statement["subject"] == expected


def test_every_entry_of_the_zip_is_in_the_manifest_and_vice_versa(
    layer_zip: Path, manifest: dict[str, Any], infos: list[zipfile.ZipInfo]
) -> None:
    with zipfile.ZipFile(layer_zip) as bundle:
        found = [
            {
                "path": info.filename,
                "mode": f"{info.external_attr >> 16 & 0o777:04o}",
                "size": info.file_size,
                "compressed": info.compress_size,
                "sha256": hashlib.sha256(bundle.read(info)).hexdigest(),
            }
            for info in infos
        ]
    assert found == [{key: value for key, value in entry.items() if key != "origin"} for entry in manifest["entries"]]


def test_every_entry_has_an_origin_that_the_manifest_describes(manifest: dict[str, Any]) -> None:
    known = {source["name"] for source in manifest["sources"]} | {"runtime"}
    origins = {origin for entry in manifest["entries"] for origin in entry["origin"]}
    assert origins == known


def test_every_source_ships_its_licence(manifest: dict[str, Any]) -> None:
    paths = [entry["path"] for entry in manifest["entries"]]
    for source in manifest["sources"]:
        assert any(path.startswith(f"share/licenses/{source['name']}/") for path in paths), source["name"]


def test_entries_are_sorted_and_have_one_date_and_no_extra_fields(infos: list[zipfile.ZipInfo]) -> None:
    names = [info.filename.encode() for info in infos]
    assert names == sorted(names)
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert {(info.extra, info.comment, info.create_system) for info in infos} == {(b"", b"", 3)}


def test_local_headers_have_no_extra_fields_either(layer_zip: Path, infos: list[zipfile.ZipInfo]) -> None:
    content = layer_zip.read_bytes()
    for info in infos:
        name_size, extra_size = struct.unpack_from("<HH", content, info.header_offset + 26)
        assert (name_size, extra_size) == (len(info.filename.encode()), 0)


def test_bootstrap_is_at_the_root_and_executable(infos: list[zipfile.ZipInfo]) -> None:
    modes = {info.filename: info.external_attr >> 16 & 0o777 for info in infos}
    assert modes["bootstrap"] == 0o755
    assert modes[f"bin/{TARGET.executable}"] == 0o755
    assert set(modes.values()) == {0o755, 0o644, 0o777}


def test_the_sizes_are_within_budget(manifest: dict[str, Any]) -> None:
    (artifact,) = manifest["artifacts"]
    assert artifact["size"] <= 14_000_000
    assert artifact["unzipped_size"] <= 45_000_000


def test_the_lean_library_ships_only_bytecode(infos: list[zipfile.ZipInfo]) -> None:
    library = [info.filename for info in infos if info.filename.startswith("lib/")]
    assert not [name for name in library if name.endswith(".py")]
    assert len([name for name in library if name.endswith(".pyc")]) > 500


def test_bytecode_is_never_checked_against_a_date(layer_zip: Path, infos: list[zipfile.ZipInfo]) -> None:
    with zipfile.ZipFile(layer_zip) as bundle:
        flags = {bundle.read(info)[4:8] for info in infos if info.filename.endswith(".pyc")}
    assert flags == {b"\1\0\0\0"}  # PEP 552: hash-based, not checked
