"""An engine whose disk is full: a private one, on a small in-memory file system in a mount namespace."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.errors import NoSpace
from builder.executors.container import container_executor
from builder.executors.containers import USER, Container, ResourceLimits
from builder.executors.engine import Engine, connect
from builder.executors.host import Host
from builder.executors.tar_archive import TarArchive
from tests.unit.fakes import wait_until

from .conftest import MEMORY, leftovers

SIZE = "560m"
"""The image takes some 180 MB, and twice that while it is being loaded."""


@pytest.fixture(scope="module")
def small_engine(engine: Engine, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if os.geteuid() or not shutil.which("dockerd"):
        pytest.skip("a private engine needs root, and dockerd")
    folder = tmp_path_factory.mktemp("engine")
    data, socket = folder / "data", folder / "docker.sock"
    data.mkdir()
    script = f'mount -t tmpfs -o size={SIZE} none "$0" && exec "$@"'
    paths = (f"--data-root={data}", f"--exec-root={folder / 'exec'}", f"--pidfile={folder / 'pid'}")
    daemon = ("dockerd", *paths, f"--host=unix://{socket}", "--iptables=false", "--bridge=none")
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(("unshare", "--mount", "sh", "-c", script, str(data), *daemon), stdout=log, stderr=log) as own,
    ):
        try:
            wait_until(lambda: socket.exists() or own.poll() is not None)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("DOCKER_HOST", f"unix://{socket}")
                with connect() as small:
                    assert not [line for line in small.api.load_image(engine.api.get_image(image)) if "error" in line]
                    yield small
        finally:
            own.terminate()


def test_a_command_that_fills_the_disk_is_distinguished_from_one_that_fails(
    small_engine: Engine, image: str, tmp_path: Path
) -> None:
    with container_executor(small_engine, image, Host(tmp_path, tmp_path / "none", 1)) as executor:
        (tmp_path / "work").mkdir()
        sandbox = executor.sandbox(tmp_path / "work", tmp_path / "log")
        with pytest.raises(NoSpace) as caught:
            sandbox.run(("sh", "-c", "cat /dev/zero > ../out/large"), {}, cwd="out")
    assert caught.value.exit_code == 17
    assert "engine has no space left" in caught.value.what
    assert "cat /dev/zero" in caught.value.why
    assert leftovers(small_engine) == []


def test_a_file_that_does_not_fit_into_a_container_is_reported(
    small_engine: Engine, image: str, tmp_path: Path
) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(600 << 20)
    with Container(small_engine, image, ResourceLimits(MEMORY)) as container, TarArchive(USER, tmp_path) as tar:
        tar.add(tmp_path / "large", "work/large")
        with pytest.raises(NoSpace, match="engine has no space left"):
            container.put(tar)
    assert leftovers(small_engine) == []
