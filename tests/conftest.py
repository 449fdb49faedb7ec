"""Fixtures for the built product, and for a cache that tests may damage."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builder.artifacts.wrong_arch import wrong_arch_programs
from builder.context import cache_folder
from builder.emulator.call import unzip
from builder.errors import BuildError
from tests.builds.build_cache import BuildCache, Reference, make_build_cache
from tools.support.product import NAME, PLATFORM, PRODUCT, ROOT, Layer, runner

pytest.register_assert_rewrite("tests.runtime.protocol")  # it has tests, and no test module's name

ARCH = PLATFORM.cpu.lambda_name


OF_CPYTHON = ("conformance", "examples", "image", "layer", "other_arch", "prove", "regrtest", "runtime", "wheels")
"""The folders whose tests run a CPython's layer."""

collect_ignore = [] if PRODUCT.interpreter == "cpython" else ["layer/test_interpreter.py", "builds/test_packages.py"]
"""They read a CPython's lists while they are collected."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PRODUCT.interpreter != "cpython":
        skip = pytest.mark.skip(reason=f"{PRODUCT.name} is no CPython")
        for item in items:
            if item.path.relative_to(ROOT / "tests").parts[0] in OF_CPYTHON:
                item.add_marker(skip)
    if PRODUCT.variant != "fast":
        skip = pytest.mark.skip(reason=f"{PRODUCT.name} has no patches of fast/")
        for item in items:
            if item.get_closest_marker("fast"):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def layer_zip() -> Path:
    path = ROOT / "dist" / f"{NAME}.zip"
    if not path.exists():
        pytest.fail(f"{path} does not exist: run `nox -s build_layer -- --arch {ARCH}`", pytrace=False)
    if wrong := wrong_arch_programs(path, ARCH):
        pytest.fail(f"{path} is not for {ARCH}, see {', '.join(wrong)}: build it again", pytrace=False)
    return path


@pytest.fixture(scope="session")
def manifest(layer_zip: Path) -> dict[str, Any]:
    text = layer_zip.with_name(f"{NAME}.manifest.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


@pytest.fixture(scope="session")
def layer(layer_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Layer:
    try:
        runner()
    except BuildError as error:
        pytest.fail(str(error), pytrace=False)
    root = tmp_path_factory.mktemp("layer") / "not-opt"
    unzip(layer_zip, root)
    return Layer(root)


@pytest.fixture(scope="session")
def shared_build_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuildCache]:
    folder = tmp_path_factory.mktemp("build_cache")
    yield make_build_cache(folder, cache_folder())
    shutil.rmtree(folder)  # the compiler is large where it had to be copied


@pytest.fixture(scope="session")
def reference(shared_build_cache: BuildCache) -> Reference:
    start = time.monotonic()
    shared_build_cache.complete()
    return Reference(shared_build_cache.digests(), time.monotonic() - start)


@pytest.fixture
def build_cache(shared_build_cache: BuildCache, reference: Reference) -> BuildCache:
    """The shared cache without the steps that its builds make."""
    shared_build_cache.end_orphans()
    shared_build_cache.wipe()
    return shared_build_cache
