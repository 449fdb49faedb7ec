"""builder.artifacts.manifest: what it says follows the published schema, and the schema lets nothing else pass."""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jsonschema
import pytest

from builder.artifacts.audit import Elf
from builder.artifacts.deterministic_zip import EXECUTABLE, FILE, LINK, Entry, Record, Written, write_zip
from builder.artifacts.manifest import NOT_IN_THE_LAYER, describe, make_manifest
from builder.pins import Archive, Pins, Source, load_pins
from builder.platform import CPUS, Target

from .fakes import ROOT

SCHEMA = json.loads((ROOT / "builder" / "artifacts" / "manifest.schema.json").read_text(encoding="utf-8"))
TARGET = Target("3.13.15", CPUS[0])
PINS = load_pins()
WRITTEN = Written(
    "a" * 64,
    1000,
    (
        Record("bin/python3", LINK, 10, 10, "b" * 64),
        Record("bin/python3.13", EXECUTABLE, 2000, 900, "c" * 64),
        Record("lib/caf\N{LATIN SMALL LETTER E WITH ACUTE}", FILE, 0, 0, "d" * 64),
    ),
)
ORIGINS = {record.path: ("cpython", "zlib") for record in WRITTEN.records}
ELVES = (Elf("bin/python3.13", "EM_X86_64", "2.26", ("libc.so.6",), 3000),)
PACKAGE = describe(
    Source("tzdata", "2026.6", "", "", (Archive("tzdata-2026.6-py3-none-any.whl", "f" * 64, 9, pypi="tzdata==2026.6"),))
)
"""Called as a source is."""
PATCHES = MappingProxyType({"openssl": {"patches/openssl/3.5/needed/0001-a.patch": "e" * 64}})


def text(
    pins: Pins = PINS,
    *,
    target: Target = TARGET,
    written: Written = WRITTEN,
    origins: Mapping[str, tuple[str, ...]] = MappingProxyType(ORIGINS),
    packages: Sequence[dict[str, Any]] = (),
) -> str:
    return make_manifest(
        name=target.name,
        target=target,
        pins=pins,
        patches=PATCHES,
        written=written,
        origins=origins,
        elf_files=ELVES,
        compressor="0.9.1",
        packages=packages,
    )


def manifest(*given: Any, **options: Any) -> dict[str, Any]:
    return dict(json.loads(text(*given, **options)))


def check(value: dict[str, Any]) -> None:
    jsonschema.validate(value, SCHEMA, cls=jsonschema.Draft202012Validator)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("cpu", CPUS, ids=lambda cpu: cpu.lambda_name)
def test_a_manifest_follows_the_schema(cpu: Any) -> None:
    check(manifest(target=Target("3.13.15", cpu)))


def test_packages_are_described_as_sources_are() -> None:
    found = manifest(packages=(PACKAGE,))
    check(found)
    assert found["packages"] == [PACKAGE]


def test_a_layer_for_a_newer_glibc_is_for_the_runtimes_that_have_it() -> None:
    assert manifest()["target"]["compatible_runtimes"] == ["provided.al2023", "provided.al2"]
    newer = manifest(target=Target("3.13.15", CPUS[0], "2.34"))
    assert newer["target"]["compatible_runtimes"] == ["provided.al2023"]


def test_a_manifest_of_hand_made_pins_follows_the_schema() -> None:
    archive = Archive("a.tar.gz", "f" * 64, 1, url="https://example.org/a.tar.gz", machine="x86_64")
    sources = {name: Source(name, "1.0", "MIT", "https://example.org/", (archive,)) for name in ("ziglang", "cpython")}
    found = manifest(Pins(sources, {"3.13": "cpython"}, "3.13"))
    check(found)
    assert [source["name"] for source in found["sources"]] == ["cpython"]
    assert found["sources"][0]["archives"] == [
        {"file": "a.tar.gz", "sha256": "f" * 64, "size": 1, "url": "https://example.org/a.tar.gz", "machine": "x86_64"}
    ]


def test_a_manifest_describes_a_zip_as_it_was_written(tmp_path: Path) -> None:
    entries = (
        Entry("bootstrap", b"#!/opt/bin/python3.13\n", EXECUTABLE),
        Entry("lib/x", b"x" * 5000, FILE),
        Entry("bin/python", b"python3.13", LINK),
    )
    written = write_zip(entries, tmp_path / "a.zip")
    found = manifest(written=written, origins={entry.path: ("runtime",) for entry in entries})
    check(found)
    assert found["zip"] == {
        "file": "cpython-3.13.15-x86_64.zip",
        "sha256": written.sha256,
        "size": (tmp_path / "a.zip").stat().st_size,
        "unzipped_size": sum(len(entry.content) for entry in entries),
    }
    assert [(entry["path"], entry["mode"]) for entry in found["entries"]] == [
        ("bin/python", "0777"),
        ("bootstrap", "0755"),
        ("lib/x", "0644"),
    ]


def test_every_entry_has_its_origin() -> None:
    assert [entry["origin"] for entry in manifest()["entries"]] == [["cpython", "zlib"]] * 3
    with pytest.raises(KeyError):
        text(origins={})


def test_sources_are_all_that_ship_and_the_compiler_stands_apart() -> None:
    found = manifest()
    names = [source["name"] for source in found["sources"]]
    assert set(names) == set(PINS.sources) - set(NOT_IN_THE_LAYER)
    assert found["toolchain"]["compiler"]["name"] == "ziglang"
    assert found["toolchain"]["compressor"]["version"] == "0.9.1"


def test_patches_stand_with_the_source_that_they_change() -> None:
    patched = {source["name"]: source["patches"] for source in manifest()["sources"] if source["patches"]}
    assert patched == {"openssl": [{"file": "patches/openssl/3.5/needed/0001-a.patch", "sha256": "e" * 64}]}


def test_every_flag_left_out_module_and_left_out_path_has_its_reason() -> None:
    found = manifest()
    flags = [flag for group in found["flags"].values() for flag in group]
    assert all(flag["text"] and flag["why"] for flag in flags)
    assert all(found["modules"]["absent"].values())
    assert all(omission["why"] for omission in found["omitted"])
    assert (len(flags) > 10, bool(found["modules"]["absent"]), bool(found["omitted"])) == (True, True, True)


def test_the_same_product_gives_the_same_text_wherever_and_whenever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = text()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    monkeypatch.setenv("USER", "mallory")
    assert text() == before
    assert str(ROOT) not in before


def test_the_text_is_plain_and_ends_with_a_line() -> None:
    assert text().endswith("}\n")
    assert "lib/caf\N{LATIN SMALL LETTER E WITH ACUTE}" in text()


def broken(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    found = copy.deepcopy(manifest())
    change(found)
    return found


@pytest.mark.parametrize("key", SCHEMA["required"])
def test_no_part_may_be_missing(key: str) -> None:
    with pytest.raises(jsonschema.ValidationError, match=key):
        check(broken(lambda found: found.pop(key)))


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.update(more=1),
        lambda found: found.update(schema=2),
        lambda found: found.update(entries=[]),
        lambda found: found["target"].update(architecture="aarch64"),
        lambda found: found["target"].update(glibc="2"),
        lambda found: found["zip"].update(sha256="A" * 64),
        lambda found: found["zip"].update(size=-1),
        lambda found: found["sources"][0].pop("licence"),
        lambda found: found["sources"][0].update(archives=[]),
        lambda found: found["sources"][0].update(cpe="python:python"),
        lambda found: found["sources"][0]["archives"][0].update(url="http://example.org/"),
        lambda found: found["flags"]["linker"].append({"text": "-s"}),
        lambda found: found["modules"]["absent"].update(nis=""),
        lambda found: found["omitted"][0].update(why=""),
        lambda found: found["audit"]["elf"][0].update(exports=-1),
        lambda found: found["entries"][0].update(mode="4755"),
        lambda found: found["entries"][0].update(path="/opt/x"),
        lambda found: found["entries"][0].update(origin=[]),
        lambda found: found["entries"][0].update(owner="root"),
    ],
)
def test_what_a_manifest_must_not_say_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check(broken(change))
