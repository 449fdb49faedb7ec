"""A second interpreter through the same engine: planned, built, audited, packed, verified, invoked."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from builder.artifacts.provenance import attest
from builder.artifacts.verify import verify
from builder.console import Terminal
from builder.context import cache_folder
from builder.executors.host import Host
from builder.fetch import SOURCES_VARIABLE
from builder.pins import load_pins
from builder.plan.keys import Materials, read_materials
from builder.plan.steps import Step
from builder.platform import CPUS, this_machine
from builder.product import load_products
from builder.repository import Repository
from builder.run import BuildContext, run_plan
from builder.store import Store
from tools.support.product import PLATFORM, ROOT

from .build_cache import planned

TINY = ROOT / "tests" / "tiny"
SAYS = "what the script says"
PINS = """
[sources."tiny-1.0"]
name = "tiny"
version = "1.0.1"
date = 2026-01-01T00:00:00Z
licence = "MIT"
licence_files = ["LICENSE"]
homepage = "https://tiny.example/"

[[sources."tiny-1.0".archives]]
file = "tiny-1.0.1.tar.gz"
sha256 = "{sha256}"
size = {size}
url = "https://tiny.example/tiny-1.0.1.tar.gz"
"""
PRODUCT = """
schema = 1
default = true
interpreter = "tests.tiny.plugin"
source = "tiny-1.0"
runtime = "tiny"
shebang = "/opt/bin/tiny"

[variants.plain]
patches = []
trained = false
"""


@dataclass(frozen=True)
class Tiny:
    """A repository with the product ``tiny-1.0`` alone, and what was built of it."""

    repository: Repository
    steps: tuple[Step, ...]
    result: Path


def lay_out(root: Path, sources: Path) -> Repository:
    """A repository below ``root``: everything is its own but the builder's code and our pins of compiler and zlib."""
    sources.mkdir()
    archive = sources / "tiny-1.0.1.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(TINY / "tiny.c", "tiny-1.0.1/tiny.c")
        tar.add(ROOT / "LICENSE", "tiny-1.0.1/LICENSE")
    content = archive.read_bytes()
    for folder in ("builder", "runtime/tiny", "products/tiny-1.0"):
        (root / folder).mkdir(parents=True)
    own = PINS.format(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    ours = (ROOT / "builder" / "pins.toml").read_text(encoding="utf-8")
    (root / "builder" / "pins.toml").write_text(ours + own, encoding="utf-8")
    (root / "runtime" / "tiny" / "bootstrap").write_text(f"#!/bin/false\n{SAYS}\n", encoding="utf-8")
    (root / "products" / "tiny-1.0" / "product.toml").write_text(PRODUCT, encoding="utf-8")
    (root / "products" / "tiny-1.0" / "words.toml").write_text('words = ["says"]\n', encoding="utf-8")
    pins = load_pins(root / "builder" / "pins.toml")
    engine, own_files = read_materials(ROOT, ("builder", "tests/tiny")), read_materials(root)
    files = Materials({**engine.contents, **own_files.contents})
    return Repository(pins, load_products(pins, root), files, {"deflate": "as pinned"})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Built with the compiler of the user's cache, in a cache of its own."""
    folder = tmp_path_factory.mktemp("tiny")
    repository = lay_out(folder / "repository", folder / "sources")
    (product,) = repository.products.choose(())
    steps = repository.plan(product, PLATFORM)
    users, own = Store(cache_folder()), Store(folder / "cache")
    compiler = planned()["toolchain"]
    if not users.has(compiler):
        pytest.fail("the compiler is not unpacked yet: run `nox -s build_layer`", pytrace=False)
    own.result(compiler).parent.mkdir(parents=True)
    own.result(compiler).symlink_to(users.result(compiler))
    host = Host(folder / "cache", own.result(compiler), 2)
    with pytest.MonkeyPatch.context() as patch:
        folders = (str(folder / "sources"), str(cache_folder() / "downloads"), os.environ.get(SOURCES_VARIABLE, ""))
        patch.setenv(SOURCES_VARIABLE, os.pathsep.join(filter(None, folders)))
        (result,) = run_plan(steps[-1:], BuildContext(folder / "cache", own, host, Terminal()))
    return Tiny(repository, steps, result)


def test_its_plan_holds_what_it_needs_and_nothing_of_another_interpreter(tiny: Tiny) -> None:
    assert [step.role for step in tiny.steps] == ["toolchain", "zlib", "tiny", "tree", "layer"]
    files = {path for step in tiny.steps for path in step.files}
    assert {"tests/tiny/plugin.py", "runtime/tiny/bootstrap"} <= files
    assert not [path for path in files if "cpython" in path or path.startswith("runtime/python")]


def test_a_library_is_shared_with_every_other_product(tiny: Tiny) -> None:
    ours = {step.role: step.key for step in tiny.steps}
    others = {role: step.key for role, step in planned().items()}
    assert ours.keys() & others.keys() == {"toolchain", "zlib", "tree", "layer"}
    assert {role for role in ours if ours[role] == others.get(role)} == {"toolchain", "zlib"}


def test_its_manifest_describes_it_alone(tiny: Tiny) -> None:
    manifest = json.loads(next(tiny.result.glob("*.manifest.json")).read_text(encoding="utf-8"))
    assert manifest["name"] == f"tiny-1.0.1-{PLATFORM.cpu.lambda_name}"
    assert manifest["product"]["interpreter"] == "tests.tiny.plugin"
    assert [source["name"] for source in manifest["sources"]] == ["zlib", "tiny"]
    assert {entry["path"] for entry in manifest["entries"]} == {
        "bin/tiny",
        "bootstrap",
        "share/licenses/tiny/LICENSE",
        "share/licenses/zlib/LICENSE",
    }
    assert manifest["interpreter"] == {"words": ["says"]}
    assert [elf["path"] for elf in manifest["audit"]["elf"]] == ["bin/tiny"]


def test_it_is_verified_and_attested_like_any_other(tiny: Tiny) -> None:
    (path,) = tiny.result.glob("*.zip")
    expected = verify(path, None, tiny.result, Terminal())
    assert (expected.product, expected.version) == ("tiny-1.0", "1.0.1")
    (product,) = tiny.repository.products.choose(())
    date = tiny.repository.pins[product.source].date
    assert date
    steps = tiny.repository.plan(product, PLATFORM, machine=CPUS[0])
    attestations = attest(tiny.result, steps, date)
    assert set(attestations) == {f"{path.stem}.cdx.json", f"{path.stem}.provenance.json"}
    components = json.loads(attestations[f"{path.stem}.cdx.json"])["components"]
    assert {"tiny", "zlib"} <= {component["name"] for component in components}


@pytest.mark.skipif(PLATFORM.cpu != this_machine(), reason="AWS's emulator is a program for this machine")
def test_it_is_invoked_under_the_emulator(tiny: Tiny, tmp_path: Path) -> None:
    (path,) = tiny.result.glob("*.zip")
    (tmp_path / "event.json").write_text("{}", encoding="utf-8")
    (tmp_path / "task").mkdir()
    words = (f"--zip={path}", f"--source={tmp_path / 'task'}", "--handler=any", f"--event={tmp_path / 'event.json'}")
    command = (sys.executable, "-m", "builder", "invoke", "--in=host", *words)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"says": SAYS, "zlib": "1.3.2"}
