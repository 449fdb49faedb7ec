"""The built product, for every test that needs it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.product import ROOT, TARGET, Layer, unzip


@pytest.fixture(scope="session")
def layer_zip() -> Path:
    path = ROOT / "dist" / f"{TARGET.name}.zip"
    if not path.exists():
        pytest.fail(f"{path} is not there: run `nox -s build_layer`", pytrace=False)
    return path


@pytest.fixture(scope="session")
def manifest(layer_zip: Path) -> dict[str, Any]:
    text = layer_zip.with_name(f"{TARGET.name}.manifest.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


@pytest.fixture(scope="session")
def layer(layer_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Layer:
    root = tmp_path_factory.mktemp("layer") / "not-opt"
    unzip(layer_zip, root)
    return Layer(root)
