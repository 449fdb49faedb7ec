"""Fixtures for a real engine and an image, and the check that no test leaves anything behind."""

import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.console import Terminal
from builder.context import cache_folder
from builder.errors import NoEngine
from builder.executors.containers import Container, ResourceLimits
from builder.executors.engine import OWNER_LABEL, Engine, connect, is_dead, this_process
from builder.executors.images import Images

IMAGE = "debian11"
MEMORY = 256 << 20


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    try:
        with connect() as engine:
            yield engine
    except NoEngine as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    """Debian 11 with the tools that a build needs."""
    return Images(engine, cache_folder(), Terminal()).build_image(IMAGE)


@pytest.fixture(autouse=True)
def _leaves_nothing_behind(engine: Engine) -> Iterator[None]:
    volumes = volume_names(engine)
    yield
    assert leftovers(engine) == []
    assert volume_names(engine) == volumes


def owned(engine: Engine) -> dict[str, str]:
    """Containers and images that are labelled with an owning process: id → owner."""
    labelled = {"label": OWNER_LABEL}
    found = (*engine.api.containers(all=True, filters=labelled), *engine.api.images(filters=labelled))
    return {entry["Id"]: entry["Labels"][OWNER_LABEL] for entry in found}


def leftovers(engine: Engine) -> list[str]:
    """Those of this process and of dead processes; others may be building on this engine."""
    return [each for each, owner in owned(engine).items() if owner == this_process() or is_dead(owner)]


def volume_names(engine: Engine) -> list[str]:
    return sorted(volume["Name"] for volume in engine.api.volumes()["Volumes"] or ())


@pytest.fixture
def container(engine: Engine, image: str) -> Iterator[Container]:
    with Container(engine, image, ResourceLimits(MEMORY)) as container:
        yield container


def output_of(container: Container, *command: str) -> str:
    """The output of a command, which must succeed."""
    output: list[bytes] = []
    assert container.run(command, {}, output.append) == 0, b"".join(output)
    return b"".join(output).decode()


@pytest.fixture(scope="session")
def small_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a system with nothing but this machine's shell and `cat`."""
    archive = tmp_path_factory.mktemp("root") / "small.tar.xz"
    programs = ("/bin/sh", "/bin/cat")
    linked = subprocess.run(("ldd", *programs), capture_output=True, text=True, check=True).stdout
    libraries = {word for word in linked.split() if word.startswith("/") and not word.endswith(":")}
    with tarfile.open(archive, "w:xz", dereference=True) as tar:
        for path in (*programs, *sorted(libraries)):
            tar.add(path)
    return archive
