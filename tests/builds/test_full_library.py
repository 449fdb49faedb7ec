"""`--stdlib full`: the same interpreter, with its library's sources."""

import subprocess

import pytest

from builder.emulator.call import unzip
from tools.support.product import CACHE_TAG, NAME, TARGET, Layer, build_layer


@pytest.fixture(scope="module")
def full_layer(tmp_path_factory: pytest.TempPathFactory) -> Layer:
    folder = tmp_path_factory.mktemp("full")
    build_layer(folder / "dist", "--stdlib=full", check=True)
    unzip(folder / "dist" / f"{NAME}-full.zip", folder / "layer")
    return Layer(folder / "layer")


def test_each_module_has_its_source_and_its_bytecode(full_layer: Layer) -> None:
    library = full_layer.root / "lib" / TARGET.executable
    sources = sorted(library.rglob("*.py"))
    assert len(sources) > 500
    for source in sources:
        assert (source.parent / "__pycache__" / f"{source.stem}.{CACHE_TAG}.pyc").is_file()


def test_tracebacks_show_lines_of_the_library(full_layer: Layer) -> None:
    code = "import json, traceback\ntry: json.loads('x')\nexcept ValueError: print(traceback.format_exc())"
    assert "raise JSONDecodeError(" in full_layer.run("-c", code)


def test_a_source_that_looks_newer_than_its_bytecode_is_not_compiled_again(full_layer: Layer) -> None:
    (full_layer.root / "lib" / TARGET.executable / "json" / "__init__.py").touch()
    command = (full_layer.python, "-v", "-c", "import json")
    trace = subprocess.run(command, capture_output=True, text=True, check=True, env={}).stderr
    assert f"json/__pycache__/__init__.{CACHE_TAG}.pyc matches" in trace
