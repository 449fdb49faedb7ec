"""Only what changed is rebuilt."""

import shutil
import zipfile
from pathlib import Path

import pytest

from tools.support.product import CACHE_TAG, NAME, PLATFORM, PRODUCT, ROOT, build_layer

from .build_cache import BuildCache

SUFFIXES = (".cdx.json", ".manifest.json", ".provenance.json", ".zip")
LAYER = f"layer-{PRODUCT.name}-{PLATFORM.cpu.lambda_name}-lean"


def build(build_cache: BuildCache, checkout: Path) -> list[str]:
    """Builds from a checkout and returns the names of the steps that ran."""
    done = build_layer(build_cache.dist, cwd=checkout, env=build_cache.environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    expected = [build_cache.dist / f"{NAME}{suffix}" for suffix in SUFFIXES]
    assert done.stdout.split() == list(map(str, expected))
    return [line.split()[1] for line in done.stderr.splitlines() if line.startswith("✓")]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the parts of this repository that a build reads."""
    for folder in ("builder", "runtime", "patches", "products", "requirements"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def entries(build_cache: BuildCache) -> dict[str, int]:
    """Path → CRC-32 of the zip's entries."""
    with zipfile.ZipFile(build_cache.dist / f"{NAME}.zip") as bundle:
        return {info.filename: info.CRC for info in bundle.infolist()}


def identities(build_cache: BuildCache) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in build_cache.dist.iterdir()}


def test_nothing_changed_runs_nothing_and_writes_nothing(build_cache: BuildCache) -> None:
    assert build(build_cache, ROOT) == [LAYER]
    before = identities(build_cache)
    assert build(build_cache, ROOT) == []
    assert identities(build_cache) == before


def test_another_checkout_of_the_same_files_rebuilds_nothing(build_cache: BuildCache, checkout: Path) -> None:
    build(build_cache, ROOT)
    assert build(build_cache, checkout) == []


def test_a_change_in_the_runtime_alone_runs_only_the_layer_step(build_cache: BuildCache, checkout: Path) -> None:
    build(build_cache, checkout)
    before, content = entries(build_cache), (build_cache.dist / f"{NAME}.zip").read_bytes()
    changed = checkout / "runtime" / "python" / "layer_runtime" / "loop.py"
    original = changed.read_text(encoding="utf-8")
    changed.write_text(f"{original}\nCHANGED = True\n", encoding="utf-8")
    assert build(build_cache, checkout) == [LAYER]
    after = entries(build_cache)
    differing = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert differing == {
        "runtime/layer_runtime/loop.py",
        f"runtime/layer_runtime/__pycache__/loop.{CACHE_TAG}.pyc",
        "runtime/start.marshal",
    }

    changed.write_text(original, encoding="utf-8")
    assert build(build_cache, checkout) == []  # the previous result is still in the store
    assert (build_cache.dist / f"{NAME}.zip").read_bytes() == content


def test_a_new_bootstrap_is_in_the_new_zip(build_cache: BuildCache, checkout: Path) -> None:
    build(build_cache, checkout)
    before = entries(build_cache)
    with (checkout / "runtime" / "python" / "bootstrap").open("a", encoding="utf-8") as file:
        file.write("# One more remark.\n")
    assert build(build_cache, checkout) == [LAYER]
    after = entries(build_cache)
    assert {path for path in before if before[path] != after[path]} == {"bootstrap"}
