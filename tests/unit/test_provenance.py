"""builder.artifacts.provenance: what a layer was made of, in terms that git and in-toto share."""

import hashlib
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from builder.artifacts.manifest import NOT_IN_THE_LAYER
from builder.artifacts.provenance import BUILD_TYPE, DECIDING, attest, git_digest, make_provenance
from builder.pins import load_pins

from .fakes import ROOT
from .test_manifest import PACKAGE, manifest, text

PINS = load_pins()


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(("git", *arguments), cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def statement() -> dict[str, Any]:
    return dict(json.loads(make_provenance(manifest(), {"a.zip": "a" * 64}, 1785932700)))


@pytest.fixture(scope="module")
def materials(statement: dict[str, Any]) -> dict[str, Any]:
    found = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    return {material["name"]: material for material in found}


def test_it_is_an_in_toto_statement_of_slsa_provenance(statement: dict[str, Any]) -> None:
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [{"name": "a.zip", "digest": {"sha256": "a" * 64}}]
    definition = statement["predicate"]["buildDefinition"]
    assert set(definition) == {"buildType", "externalParameters", "internalParameters", "resolvedDependencies"}
    assert statement["predicate"]["runDetails"]["builder"]["id"].startswith("pkg:generic/static-python-layer")


def test_the_parameters_are_those_of_build_layer_and_the_build_type_names_their_page(statement: dict[str, Any]) -> None:
    definition = statement["predicate"]["buildDefinition"]
    assert definition["externalParameters"] == {"python": "3.13", "arch": "x86_64", "stdlib": "lean"}
    assert definition["internalParameters"]["SOURCE_DATE_EPOCH"] == 1785932700
    page = (ROOT / BUILD_TYPE.partition("#")[2]).read_text(encoding="utf-8")
    for name in (*definition["externalParameters"], *definition["internalParameters"]):
        assert f"`{name}`" in page


def test_packages_are_parameters_and_materials() -> None:
    statement = json.loads(make_provenance(manifest(packages=(PACKAGE,)), {}, 0))
    definition = statement["predicate"]["buildDefinition"]
    own = {"runtime": "provided.al2", "packages": [f"tzdata==2026.6 --hash=sha256:{'f' * 64}"]}
    assert definition["externalParameters"] == {"python": "3.13", "arch": "x86_64", "stdlib": "lean", **own}
    assert definition["resolvedDependencies"][-1]["name"] == "tzdata-2026.6-py3-none-any.whl"
    page = (ROOT / BUILD_TYPE.partition("#")[2]).read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in own)


def test_every_pinned_archive_is_a_material_with_its_hash(materials: dict[str, Any]) -> None:
    for name, source in PINS.sources.items():
        for archive in source.archives:
            if name in NOT_IN_THE_LAYER and name != "ziglang":
                assert archive.file not in materials
                continue
            assert materials[archive.file]["digest"] == {"sha256": archive.sha256}
            assert materials[archive.file]["uri"].startswith(("https://", "pkg:"))
            assert materials[archive.file]["annotations"]["source"] == name


def test_the_repositorys_own_materials_are_what_git_calls_them(materials: dict[str, Any], tmp_path: Path) -> None:
    own = list(DECIDING)
    (tmp_path / "index").mkdir()
    environment = ("-c", "core.fileMode=true", f"--git-dir={tmp_path / 'git'}", f"--work-tree={ROOT}")
    git(tmp_path, "init", "--quiet", "--bare", "git")
    git(ROOT, *environment, "add", "--force", *own, ":!*__pycache__*")
    tree = git(ROOT, *environment, "write-tree")
    for name in own:
        assert git(ROOT, *environment, "rev-parse", f"{tree}:{name}") in materials[name]["digest"].values()


def test_a_folder_is_what_git_calls_it_whatever_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for name in (
        "a/b",
        "a.b/c",
        "a-b",
        "ab/__pycache__/x.pyc",
        "ab/empty/again/",
        "\N{LATIN SMALL LETTER E WITH ACUTE}",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(parents=True) if name.endswith("/") else path.write_text(name, encoding="utf-8")
    (folder / "a-b").chmod(0o755)
    (folder / "link").symlink_to("a")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "folder", ":!*__pycache__*")
    assert git_digest(folder) == {"gitTree": git(tmp_path, "rev-parse", f"{git(tmp_path, 'write-tree')}:folder")}
    assert git_digest(folder / "a-b") == {"gitBlob": git(tmp_path, "hash-object", "folder/a-b")}


def test_a_change_of_one_file_is_another_folder(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    digests = []
    for content in ("old", "new"):
        (tmp_path / "recipes" / "zlib.py").write_text(content, encoding="utf-8")
        digests.append(git_digest(tmp_path)["gitTree"])
    assert digests[0] != digests[1]


def test_what_goes_with_a_layer_speaks_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "cpython-3.13.15-x86_64.manifest.json").write_text(text(), encoding="utf-8")
    attestations = attest(tmp_path, datetime(2026, 8, 5, tzinfo=UTC))
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
