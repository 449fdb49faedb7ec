"""A real engine, an image, and the promise that nothing is left on it."""

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
    """Debian 11, with what a build calls."""
    return Images(engine, cache_folder(), Terminal()).executor(IMAGE)


@pytest.fixture(autouse=True)
def _nothing_is_left(engine: Engine) -> Iterator[None]:
    volumes = names_of_volumes(engine)
    yield
    assert left(engine) == []
    assert names_of_volumes(engine) == volumes


def ours(engine: Engine) -> dict[str, str]:
    """Containers that are to go with a process, and images made for such: number → owner."""
    mine = {"label": OWNER_LABEL}
    found = (*engine.api.containers(all=True, filters=mine), *engine.api.images(filters=mine))
    return {entry["Id"]: entry["Labels"][OWNER_LABEL] for entry in found}


def left(engine: Engine) -> list[str]:
    """Those of this process, and of processes that are no more; somebody else may be building here."""
    return [number for number, owner in ours(engine).items() if owner == this_process() or is_dead(owner)]


def names_of_volumes(engine: Engine) -> list[str]:
    return sorted(volume["Name"] for volume in engine.api.volumes()["Volumes"] or ())


@pytest.fixture
def container(engine: Engine, image: str) -> Iterator[Container]:
    with Container(engine, image, ResourceLimits(MEMORY)) as container:
        yield container


def say(container: Container, *command: str) -> str:
    """What a command prints that ends well."""
    said: list[bytes] = []
    assert container.run(command, {}, said.append) == 0, b"".join(said)
    return b"".join(said).decode()


@pytest.fixture(scope="session")
def small_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a system with a shell, `cat`, and nothing else: this machine's own."""
    archive = tmp_path_factory.mktemp("root") / "small.tar.xz"
    programs = ("/bin/sh", "/bin/cat")
    linked = subprocess.run(("ldd", *programs), capture_output=True, text=True, check=True).stdout
    libraries = {word for word in linked.split() if word.startswith("/") and not word.endswith(":")}
    with tarfile.open(archive, "w:xz", dereference=True) as tar:
        for path in (*programs, *sorted(libraries)):
            tar.add(path)
    return archive
