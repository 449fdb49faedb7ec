"""Refuses to run outside a container."""

import pytest

from tools.support.product import CONTAINER_FILES


def pytest_collection_modifyitems() -> None:
    if CONTAINER_FILES is None:
        pytest.exit("tests/image runs in a container: nox -s test_in_container -- --image=debian11", 4)
