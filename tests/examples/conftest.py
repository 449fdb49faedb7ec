"""A fake AWS, as for the tests of deployment, and the layer that the examples use."""

from pathlib import Path

import pytest

from tests.aws.conftest import fake_aws, running_fake_aws
from tools.support.product import NAME, ROOT, build_layer

__all__ = ["fake_aws", "running_fake_aws"]

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="session")
def layer_with_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build_layer(folder, f"--packages={EXAMPLES / 'packages' / 'requirements.txt'}", check=True)
    return folder / f"{NAME}-packages.zip"
