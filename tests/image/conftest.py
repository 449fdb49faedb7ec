"""Refuses to run elsewhere."""

import pytest

from tools.support.product import IN_CONTAINER


def pytest_collection_modifyitems() -> None:
    if IN_CONTAINER is None:
        pytest.exit("tests/image runs inside a container: nox -s test_in_container -- --image=debian11", 4)
