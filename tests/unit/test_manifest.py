"""builder.artifacts.manifest: what it says follows the published schema, and the schema lets nothing else pass."""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jsonschema
import pytest

from builder.artifacts.audit import Elf
from builder.artifacts.deterministic_zip import EXECUTABLE, FILE, LINK, Entry, Record, Written, write_zip
from builder.artifacts.manifest import make_manifest
from builder.pins import Archive, Source
from builder.plan.facts import describe, make_facts
from builder.plan.make import used_sources
from builder.plan.steps import Compile
from builder.platform import Platform
from builder.recipes import Recipe

from .fakes import ROOT
from .repository import FILES, PINS, PLATFORMS, PRODUCT, X86_64, pack_of

SCHEMA = json.loads((ROOT / "builder" / "artifacts" / "manifest.schema.json").read_text(encoding="utf-8"))
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
WHEEL = Archive("tzdata-2026.6-py3-none-any.whl", "f" * 64, 9, pypi="tzdata==2026.6")
PACKAGE = Source("tzdata", "tzdata", "2026.6", "", "", (WHEEL,))
"""Called as a source is."""


def text(
    *,
    platform: Platform = PLATFORMS[0],
    facts: Mapping[str, Any] | None = None,
    written: Written = WRITTEN,
    origins: Mapping[str, tuple[str, ...]] = MappingProxyType(ORIGINS),
    packages: Sequence[Source] = (),
) -> str:
    """A manifest of CPython 3.13, or of some facts, and of a small zip."""
    known = facts or pack_of(platform=platform).facts
    return make_manifest(known, written, origins, ELVES, "0.9.1", packages)


def manifest(**options: Any) -> dict[str, Any]:
    return dict(json.loads(text(**options)))


def check(value: dict[str, Any]) -> None:
    jsonschema.validate(value, SCHEMA, cls=jsonschema.Draft202012Validator)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.cpu.lambda_name)
def test_a_manifest_follows_the_schema(platform: Platform) -> None:
    check(manifest(platform=platform))


def test_packages_are_described_as_sources_are() -> None:
    found = manifest(packages=(PACKAGE,))
    check(found)
    assert found["packages"] == [describe(PACKAGE)]


def test_a_layer_for_a_newer_glibc_is_for_the_runtimes_that_have_it() -> None:
    assert manifest()["platform"]["compatible_runtimes"] == ["provided.al2023", "provided.al2"]
    newer = manifest(platform=Platform(X86_64, "2.34"))
    assert newer["platform"]["compatible_runtimes"] == ["provided.al2023"]


def test_a_manifest_names_its_product_in_full() -> None:
    assert manifest()["product"] == {
        "name": "cpython-3.13",
        "interpreter": "cpython",
        "version": "3.13.15",
        "series": "3.13",
        "variant": "fast",
        "stdlib": "lean",
    }


def test_a_manifest_of_a_hand_made_product_follows_the_schema() -> None:
    archive = Archive("a.tar.gz", "f" * 64, 1, url="https://example.org/a.tar.gz", machine="x86_64")
    compiler, thing = (Source(name, name, "1.0", "MIT", "https://example.org/", (archive,)) for name in ("zig", "it"))
    recipe = Recipe("it", (("make",),), kind="interpreter")
    facts = make_facts(
        name="it-1.0-x86_64",
        product=replace(PRODUCT, name="it-1", version="1.0"),
        platform=PLATFORMS[0],
        stdlib="full",
        compiled={"it": Compile(recipe, thing, {}, {"cc": "#!/bin/sh\n"}, "x86_64", 0)},
        compiler=compiler,
        data=(),
        interpreter={"whatever": ["the plug-in", "says"]},
        files=FILES,
    )
    found = manifest(facts=facts)
    check(found)
    assert found["toolchain"]["compiler"]["name"] == "zig"
    assert found["interpreter"] == {"whatever": ["the plug-in", "says"]}
    assert found["recipes"]["it"]["commands"] == [["make"]]
    assert [source["name"] for source in found["sources"]] == ["it"]
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
    assert found["artifacts"] == [
        {
            "kind": "zip",
            "file": "cpython-3.13.15-x86_64.zip",
            "sha256": written.sha256,
            "size": (tmp_path / "a.zip").stat().st_size,
            "unzipped_size": sum(len(entry.content) for entry in entries),
        }
    ]
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
    assert set(names) == {source.name for source in used_sources(PINS, PRODUCT, PLATFORMS[0], FILES)}
    assert {"cpython", "zlib", "tzdata"} < set(names)
    assert not {"ziglang", "emulator", "terraform-aws"} & set(names)
    assert len(set(names)) == len(names)
    assert found["toolchain"]["compiler"]["name"] == "ziglang"
    assert found["toolchain"]["compressor"]["version"] == "0.9.1"


def test_patches_stand_with_the_source_that_they_change() -> None:
    patched = {source["name"]: source["patches"] for source in manifest()["sources"] if source["patches"]}
    assert set(patched) == {"cpython", "openssl"}
    for name, patches in patched.items():
        assert all(patch["file"].startswith(f"patches/{name}/") for patch in patches)
        assert {patch["file"]: patch["sha256"] for patch in patches}.items() <= FILES.sha256.items()
    files = [patch["file"].rpartition("/")[2] for patch in patched["cpython"]]
    series = (FILES.text(f"patches/cpython/3.13/{name}/series") for name in ("fixes", "fast"))
    assert files == " ".join(series).split()


def test_every_flag_option_left_out_module_and_left_out_path_has_its_reason() -> None:
    found = manifest()
    flags = [flag for group in found["flags"].values() for flag in group]
    options = [option for recipe in found["recipes"].values() for option in recipe["options"]]
    assert all(flag["text"] and flag["why"] for flag in flags + options)
    absent, omitted = found["interpreter"]["modules"]["absent"], found["interpreter"]["omitted"]
    assert all(absent.values())
    assert all(omission["why"] for omission in omitted)
    assert (len(flags) > 10, len(options) > 10, bool(absent), bool(omitted)) == (True, True, True, True)


def test_the_profiles_and_the_order_of_symbols_are_there_by_their_bytes() -> None:
    inputs = {given["file"]: given["sha256"] for given in manifest()["inputs"]}
    assert set(inputs) == {"builder/recipes/libraries.profdata.xz", PRODUCT.profile, PRODUCT.symbol_order}
    assert inputs.items() <= FILES.sha256.items()


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
        lambda found: found.update(schema=1),
        lambda found: found.update(entries=[]),
        lambda found: found["platform"].update(architecture="aarch64"),
        lambda found: found["platform"].update(glibc="2"),
        lambda found: found["product"].update(stdlib="fat"),
        lambda found: found["product"].update(version="three"),
        lambda found: found["product"].update(python="3.13"),
        lambda found: found.update(artifacts=[]),
        lambda found: found["artifacts"][0].update(kind="tarball"),
        lambda found: found["artifacts"][0].update(file="dist/a.zip"),
        lambda found: found["artifacts"][0].update(sha256="A" * 64),
        lambda found: found["artifacts"][0].update(size=-1),
        lambda found: found["inputs"][0].update(file="/home/mallory/a.profdata.xz"),
        lambda found: found["sources"][0].pop("licence"),
        lambda found: found["sources"][0].update(archives=[]),
        lambda found: found["sources"][0].update(cpe="python:python"),
        lambda found: found["sources"][0]["archives"][0].update(url="http://example.org/"),
        lambda found: found["flags"]["linker"].append({"text": "-s"}),
        lambda found: found["flags"]["linker"][0].update(why=" "),
        lambda found: found["recipes"]["openssl"]["options"][0].update(why=""),
        lambda found: found["recipes"]["openssl"]["options"][0].pop("why"),
        lambda found: found["recipes"]["openssl"].update(commands=[]),
        lambda found: found["recipes"]["openssl"].update(commands=[["make", 2]]),
        lambda found: found["recipes"]["openssl"].update(kind="program"),
        lambda found: found["recipes"]["openssl"].pop("environment"),
        lambda found: found["recipes"]["zlib"]["files"]["library.mk"].pop("sha256"),
        lambda found: found["recipes"].clear(),
        lambda found: found.update(interpreter=[]),
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
