"""What several unit tests share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import configuration, settings

from .fakes import FileServer, PrivateMount, RecordingReport

# A slow machine is no reason to fail, a passing example no reason to litter the repository.
settings.register_profile("unit", deadline=None, database=None, derandomize=True)
settings.load_profile("unit")
configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir(), "hypothesis"))


@pytest.fixture
def report() -> RecordingReport:
    """A watcher of a fetch that remembers what was said."""
    return RecordingReport()


@pytest.fixture
def server() -> Iterator[FileServer]:
    """A web server on this machine that answers what a test tells it to."""
    with FileServer() as running:
        yield running


@pytest.fixture
def private_mount() -> PrivateMount:
    """Runs Python code with a file system of its own, which nobody else sees."""
    mount = PrivateMount()
    if not mount.possible():
        pytest.skip("this machine does not let us mount in a private namespace")
    return mount
