"""A function whose package contains every library."""

from pathlib import Path

import pytest

from tests.runtime.conftest import interpreter
from tools.support.fake_api import Loop
from tools.support.wheels import AMAZON_LINUX_2023, install_wheels

__all__ = ["interpreter"]


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_wheels("libraries", tmp_path_factory.mktemp("libraries"), AMAZON_LINUX_2023)


@pytest.fixture
def loop(interpreter: str, libraries: Path, tmp_path: Path) -> Loop:
    loop = Loop(interpreter, tmp_path)
    loop.task_root.mkdir()
    for entry in libraries.iterdir():
        (loop.task_root / entry.name).symlink_to(entry)
    loop.variables |= {
        "AWS_LAMBDA_FUNCTION_NAME": "orders",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_REGION": "eu-west-3",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    return loop
