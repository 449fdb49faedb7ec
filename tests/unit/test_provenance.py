"""builder.artifacts.provenance: what a layer was made of, in terms of in-toto: what its build's steps took in."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from builder.artifacts.provenance import BUILD_TYPE, attest, make_provenance
from builder.plan.keys import Materials
from builder.plan.make import used_sources
from builder.plan.steps import Step

from .fakes import ROOT
from .repository import FILES, PINS, PLATFORMS, PRODUCT, REPOSITORY
from .test_manifest import PACKAGE, WHEEL, manifest, text

STEPS = REPOSITORY.plan(PRODUCT, PLATFORMS[0])
SUBJECTS = {"a.zip": "a" * 64}


@pytest.fixture(scope="module")
def statement() -> dict[str, Any]:
    return dict(json.loads(make_provenance(manifest(), STEPS, SUBJECTS)))


@pytest.fixture(scope="module")
def materials(statement: dict[str, Any]) -> dict[str, Any]:
    found = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert len({material["name"] for material in found}) == len(found)
    return {material["name"]: material for material in found}


def with_remark(path: str) -> tuple[Step, ...]:
    """The plan after one of the repository's files got a line more."""
    files = Materials({**FILES.contents, path: FILES.contents[path] + b"\n# One more remark.\n"})
    return replace(REPOSITORY, files=files).plan(PRODUCT, PLATFORMS[0])


def test_it_is_an_in_toto_statement_of_slsa_provenance(statement: dict[str, Any]) -> None:
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [{"name": "a.zip", "digest": {"sha256": "a" * 64}}]
    definition = statement["predicate"]["buildDefinition"]
    assert set(definition) == {"buildType", "externalParameters", "internalParameters", "resolvedDependencies"}
    assert statement["predicate"]["runDetails"]["builder"]["id"].startswith("pkg:generic/static-python-layer")


def test_the_parameters_are_those_of_build_layer_and_the_build_type_names_their_page(statement: dict[str, Any]) -> None:
    definition = statement["predicate"]["buildDefinition"]
    assert definition["externalParameters"] == {"product": "cpython-3.13", "arch": "x86_64", "stdlib": "lean"}
    page = (ROOT / BUILD_TYPE.partition("#")[2]).read_text(encoding="utf-8")
    for name in (*definition["externalParameters"], *definition["internalParameters"]):
        assert f"`{name}`" in page


def test_packages_are_parameters_and_materials() -> None:
    statement = json.loads(make_provenance(manifest(packages=(PACKAGE,)), STEPS, SUBJECTS))
    definition = statement["predicate"]["buildDefinition"]
    own = {"runtime": "provided.al2", "packages": [f"tzdata==2026.6 --hash=sha256:{'f' * 64}"]}
    assert definition["externalParameters"] == {"product": "cpython-3.13", "arch": "x86_64", "stdlib": "lean", **own}
    assert definition["resolvedDependencies"][-1]["name"] == WHEEL.file
    page = (ROOT / BUILD_TYPE.partition("#")[2]).read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in own)


def test_every_archive_of_what_was_used_is_a_material_with_its_hash(materials: dict[str, Any]) -> None:
    used = {source.key for source in used_sources(PINS, PRODUCT, PLATFORMS[0], FILES)} | {"ziglang"}
    assert used < set(PINS.sources)
    for key, source in PINS.sources.items():
        for archive in source.archives:
            if key not in used:
                assert archive.file not in materials
                continue
            assert materials[archive.file]["digest"] == {"sha256": archive.sha256}
            assert materials[archive.file]["uri"].startswith(("https://", "pkg:"))
            assert materials[archive.file]["annotations"]["source"] == source.name


def test_every_step_is_there_with_its_key(statement: dict[str, Any]) -> None:
    steps = statement["predicate"]["buildDefinition"]["internalParameters"]["steps"]
    assert steps == {step.name: step.key for step in STEPS}


def test_the_repositorys_own_materials_are_the_files_that_steps_took_in(materials: dict[str, Any]) -> None:
    own = {name: found for name, found in materials.items() if found["uri"].startswith("pkg:generic/static-python-")}
    assert set(own) == {path for step in STEPS for path in step.files}
    assert {
        "builder/steps/compile.py",
        "builder/interpreters/cpython/assemble.py",
        "patches/openssl/3.5/needed/0001-use-the-certificates-of-the-running-system.patch",
        "products/cpython-3.13/fast.profdata.xz",
        "products/cpython-3.13/omissions.toml",
        "runtime/python/layer_runtime/loop.py",
    } <= set(own)
    for name, found in own.items():
        assert found["uri"].endswith(f"#{name}")
        assert found["digest"] == {"sha256": hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}


@pytest.mark.parametrize(
    "path", ["builder/emulator/call.py", "builder/aws/publish.py", "builder/cli/__init__.py", "builder/recipes/zlib.py"]
)
def test_an_edit_of_what_no_step_took_in_leaves_it_as_it_was(path: str) -> None:
    assert make_provenance(manifest(), with_remark(path), SUBJECTS) == make_provenance(manifest(), STEPS, SUBJECTS)


@pytest.mark.parametrize("path", ["builder/artifacts/audit.py", "runtime/python/layer_runtime/loop.py"])
def test_an_edit_of_what_a_step_took_in_is_in_it(path: str) -> None:
    assert make_provenance(manifest(), with_remark(path), SUBJECTS) != make_provenance(manifest(), STEPS, SUBJECTS)


def test_what_goes_with_a_layer_speaks_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "cpython-3.13.15-x86_64.manifest.json").write_text(text(), encoding="utf-8")
    attestations = attest(tmp_path, STEPS, datetime(2026, 8, 5, tzinfo=UTC))
    name = "cpython-3.13.15-x86_64"
    assert set(attestations) == {f"{name}.cdx.json", f"{name}.provenance.json"}
    subjects = json.loads(attestations[f"{name}.provenance.json"])["subject"]
    assert {subject["name"]: subject["digest"]["sha256"] for subject in subjects} == {
        f"{name}.zip": "a" * 64,
        f"{name}.manifest.json": hashlib.sha256(text().encode()).hexdigest(),
        f"{name}.cdx.json": hashlib.sha256(attestations[f"{name}.cdx.json"].encode()).hexdigest(),
    }


def test_nothing_of_the_machine_is_in_it(statement: dict[str, Any]) -> None:
    assert str(ROOT) not in json.dumps(statement)
