"""Fixtures that run code on the layer's interpreter."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tools.support.product import Layer


@pytest.fixture
def evaluate(layer: Layer) -> Callable[[str], Any]:
    """Runs code that prints JSON, and returns the parsed output."""

    def run(code: str) -> Any:
        return json.loads(layer.run("-c", code))

    return run
