"""What the tests of real builds share."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from builder.__main__ import cache_folder

from .yard import Yard, lay_out


@dataclass(frozen=True)
class Reference:
    """What a build that nobody disturbed made, and how long it took."""

    digests: dict[str, str]
    seconds: float
    """Only to choose moments to disturb others at."""


@pytest.fixture(scope="session")
def whole_yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    folder = tmp_path_factory.mktemp("yard")
    yield lay_out(folder, cache_folder())
    shutil.rmtree(folder)  # the compiler is large where it had to be copied


@pytest.fixture(scope="session")
def reference(whole_yard: Yard) -> Reference:
    start = time.monotonic()
    whole_yard.complete()
    return Reference(whole_yard.digests(), time.monotonic() - start)


@pytest.fixture
def yard(whole_yard: Yard, reference: Reference) -> Yard:
    """The cache with nothing made in it."""
    whole_yard.end_orphans()
    whole_yard.wipe()
    return whole_yard
