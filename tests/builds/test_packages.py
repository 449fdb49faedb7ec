"""`--packages`: wheels from PyPI in the layer, reproducible, and on the loop's path."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from builder.emulator.call import unzip
from builder.interpreters.cpython.packages.abi import check_loadable, lacking
from builder.interpreters.cpython.packages.install import install_wheels, missing
from builder.interpreters.cpython.packages.requirements import read_requirements
from builder.interpreters.cpython.packages.wheels import download_wheels
from builder.platform import CPUS, Platform
from builder.store import Store
from tests.builds.build_cache import BuildCache
from tests.unit import elf_factory as elf_files
from tests.unit.elf_factory import ElfFile
from tests.unit.fake_pypi import open_index
from tests.unit.fakes import RecordingReport
from tools.support.product import CACHE_TAG, NAME, ROOT, SITE_PACKAGES, TARGET, Layer, build_layer
from tools.support.wheels import lock_file

REQUIREMENTS = lock_file("wheels")
EXTENSION = ElfFile(
    needed=("libc.so.6", "libX11.so.6"), segments=(*ElfFile.segments, (elf_files.PT_DYNAMIC, elf_files.READ))
)
NAME = f"{NAME}-packages"


def build_with_packages(
    folder: Path, cache: Path, requirements: Path = REQUIREMENTS, **options: Any
) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "STATIC_PYTHON_CACHE": str(cache), **options.pop("env", {})}
    packages = f"--packages={requirements}"
    return build_layer(folder, packages, env=environment, capture_output=True, **options)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory, shared_build_cache: BuildCache) -> Path:
    folder = tmp_path_factory.mktemp("packages") / "dist"
    done = build_with_packages(folder, shared_build_cache.cache)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def manifest(dist: Path) -> dict[str, Any]:
    return dict(json.loads((dist / f"{NAME}.manifest.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def layer(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Layer:
    root = tmp_path_factory.mktemp("layer") / "opt"
    unzip(dist / f"{NAME}.zip", root)
    return Layer(root)


def test_a_second_build_in_a_different_environment_gives_the_same_bytes(
    dist: Path, shared_build_cache: BuildCache, tmp_path: Path
) -> None:
    store = Store(shared_build_cache.cache).folder
    for step in (*store.glob("packages-*"), *store.glob("layer-*-packages")):
        step.rename(tmp_path / step.name)
    other = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "USER": "mallory", "HOME": str(tmp_path)}
    done = build_with_packages(tmp_path / "dist", shared_build_cache.cache, env=other, umask=0o077)
    assert done.returncode == 0, done.stderr
    assert "✓ packages" in done.stderr
    for path in dist.iterdir():
        assert (tmp_path / "dist" / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_interpreter_imports_them_from_bytecode(layer: Layer) -> None:
    site = layer.root / SITE_PACKAGES
    code = "import cffi, simplejson; print(simplejson.dumps(cffi.FFI().sizeof('int')), simplejson.__cached__)"
    output = layer.run("-v", "-c", code, env={"PYTHONPATH": str(site)}).split()
    assert output == ["4", f"{site}/simplejson/__pycache__/__init__.{CACHE_TAG}.pyc"]


def test_every_module_has_unchecked_bytecode(layer: Layer) -> None:
    modules = sorted((layer.root / "python").rglob("*.py"))
    assert len(modules) > 20
    for module in modules:
        content = (module.parent / "__pycache__" / f"{module.stem}.{CACHE_TAG}.pyc").read_bytes()
        assert content[4:8] == b"\1\0\0\0"  # PEP 552: hash-based, not to be checked


def test_metadata_and_record_match_the_files(layer: Layer) -> None:
    site = layer.root / SITE_PACKAGES
    code = """
import hashlib, base64
from importlib.metadata import distributions
for found in distributions(path=[%r]):
    for file in found.files:
        if file.hash:
            digest = base64.urlsafe_b64encode(hashlib.sha256(file.locate().read_bytes()).digest()).rstrip(b"=").decode()
            assert digest == file.hash.value, file
    print(found.name)
"""
    assert sorted(layer.run("-c", code % str(site)).split()) == ["cffi", "pycparser", "simplejson"]


def test_the_manifest_lists_the_wheels_and_the_origin_of_each_file(manifest: dict[str, Any]) -> None:
    assert [package["name"] for package in manifest["packages"]] == ["cffi", "pycparser", "simplejson"]
    (wheel,) = manifest["packages"][0]["archives"]
    assert f"{TARGET.abi}-{TARGET.abi}-manylinux" in wheel["file"]
    assert wheel["sha256"] in REQUIREMENTS.read_text(encoding="utf-8")
    origins = {entry["path"]: entry["origin"] for entry in manifest["entries"]}
    site = SITE_PACKAGES
    assert origins[f"{site}/simplejson/__pycache__/decoder.{CACHE_TAG}.pyc"] == ["pypi:simplejson"]
    compiled = [elf for elf in manifest["audit"]["elf"] if elf["path"].startswith(site)]
    assert len(compiled) == 2
    assert {elf["machine"] for elf in compiled} == {"EM_X86_64"}


def test_the_layers_own_part_is_the_same_as_without_packages(manifest: dict[str, Any], layer_zip: Path) -> None:
    text = layer_zip.with_suffix(".manifest.json").read_text(encoding="utf-8")
    own = [entry for entry in manifest["entries"] if not entry["path"].startswith("python/")]
    assert own == json.loads(text)["entries"]


def test_verify_accepts_the_zip(dist: Path) -> None:
    command = (sys.executable, "-m", "builder", "verify", str(dist / f"{NAME}.zip"))
    done = subprocess.run(
        (*command, f"--manifest={dist / f'{NAME}.manifest.json'}"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_what_a_file_says_and_nothing_heeds_is_noted_and_a_library_that_is_not_there_told(
    tmp_path: Path, shared_build_cache: BuildCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = open_index(tmp_path / "index", monkeypatch)
    index.add("desktop", {"desktop.so": EXTENSION.content()})
    path = index.requirements()
    path.write_text(f"--index-url https://x.example/\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    done = build_with_packages(tmp_path / "dist", shared_build_cache.cache, path)
    assert done.returncode == 0, done.stderr
    assert f"  {path}, line 1: --index-url is passed over" in done.stderr
    assert f"  desktop: {SITE_PACKAGES}/desktop.so needs libX11.so.6, which is not in provided.al2023" in done.stderr


def test_another_architecture_gets_its_own_wheels_on_this_machine(tmp_path: Path) -> None:
    target = replace(TARGET, platform=Platform(CPUS[1]))
    locked = read_requirements(REQUIREMENTS, target).packages
    (tmp_path / "wheels").mkdir()
    wheels = download_wheels(locked, target, tmp_path / "wheels", RecordingReport())
    packages = install_wheels(dict(zip(locked, wheels, strict=True)), target, tmp_path / "tree", tmp_path / "staging")
    compiled = check_loadable(tmp_path / "tree", packages.owners, target)
    assert {elf.machine for elf in compiled} == {"EM_AARCH64"}
    for elf in compiled:
        with (tmp_path / "tree" / elf.path).open("rb") as file:
            assert ELFFile(file)["e_machine"] == "EM_AARCH64"


LIKE_MANAGED = """
import dateutil, jmespath, s3transfer, simplejson, six, urllib3
import boto3, botocore
import simplejson._speedups
client = boto3.client("s3", region_name="eu-west-3", aws_access_key_id="a", aws_secret_access_key="b")
print(client.generate_presigned_url("get_object", Params={"Bucket": "orders", "Key": "1"}).partition("?")[0])
"""


def test_what_the_managed_runtime_has_can_be_had(layer: Layer, tmp_path: Path) -> None:
    locked = read_requirements(ROOT / "examples" / "requirements-like-managed.txt", TARGET).packages
    (tmp_path / "wheels").mkdir()
    wheels = download_wheels(locked, TARGET, tmp_path / "wheels", RecordingReport())
    tree = tmp_path / "tree"
    packages = install_wheels(dict(zip(locked, wheels, strict=True)), TARGET, tree, tmp_path / "staging")
    compiled = check_loadable(tree, packages.owners, TARGET)
    assert [*missing(tree / SITE_PACKAGES, TARGET), *lacking(compiled, packages.owners, TARGET)] == []
    output = layer.run("-c", LIKE_MANAGED, env={"PYTHONPATH": str(tree / SITE_PACKAGES)})
    assert output.strip() == "https://orders.s3.amazonaws.com/1"


@pytest.mark.parametrize(
    ("files", "code", "message"),
    [
        ({"one": {"a.py": b"1"}, "two": {"a.py": b"2"}}, 27, f"one and two: {SITE_PACKAGES}/a.py"),
        ({"one": {"big": bytes(240_000_000)}}, 28, "Most weigh one 240 MB"),
    ],
    ids=["collision", "too-large"],
)
def test_a_failed_bundling_leaves_nothing_in_dist(
    tmp_path: Path,
    shared_build_cache: BuildCache,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, dict[str, bytes]],
    code: int,
    message: str,
) -> None:
    index = open_index(tmp_path / "index", monkeypatch)
    for name, contents in files.items():
        index.add(name, contents)
    done = build_with_packages(tmp_path / "dist", shared_build_cache.cache, index.requirements())
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "dist").exists()
