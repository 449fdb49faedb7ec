"""builder.executors.engine without an engine: what a user is told. With one: tests/container."""

import gc
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from builder.errors import ContainerFailed, NoEngine
from builder.executors import engine
from builder.executors.engine import connect

NOBODY = 65534

# The SDK forgets to close a socket that could not be connected.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the engine's socket should be."""
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    yield path
    gc.collect()  # what is forgotten


@pytest.fixture
def listener(address: Path) -> Iterator[socket.socket]:
    """A server that listens there and says nothing."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen()
        yield listening


def test_without_an_engine_the_error_says_where_it_was_looked_for_and_how_to_do_without(address: Path) -> None:
    with pytest.raises(NoEngine) as caught:
        connect()
    assert caught.value.why == f"unix://{address}: No such file or directory."
    assert "--in=host" in caught.value.do
    assert caught.value.exit_code == 21


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, Path]:
    """Where sockets usually are: the system's folder, and the user's."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "user"))
    assert engine._socket_folders() == ("/run", str(tmp_path / "user"))
    system, user = tmp_path / "system", tmp_path / "user"
    (user / "podman").mkdir(parents=True)
    system.mkdir()
    monkeypatch.setattr(engine, "_socket_folders", lambda: (str(system), str(user)))
    return system, user


def test_without_an_address_the_usual_ones_are_asked_if_there_is_a_socket(folders: tuple[Path, Path]) -> None:
    system, user = folders
    sockets = (system / "docker.sock", user / "podman" / "podman.sock")
    for path in sockets:
        path.touch()
    with pytest.raises(NoEngine) as caught:
        connect()
    assert [line.strip() for line in caught.value.why.removesuffix(".").splitlines()] == [
        f"unix://{path}: Connection refused" for path in sockets
    ]


def test_where_there_is_no_socket_at_all_one_line_says_so(folders: tuple[Path, Path]) -> None:
    with pytest.raises(NoEngine) as caught:
        connect()
    assert caught.value.why == f"Neither Docker nor Podman has a socket in {folders[0]} or {folders[1]}."
    assert "systemctl start docker" in caught.value.do


def test_certificates_that_are_not_there_are_a_reason_too(
    address: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path / "certificates"))
    with pytest.raises(NoEngine, match=r"TLS|cert"):
        connect()


def test_an_engine_that_left_its_socket_behind_is_none(address: Path, listener: socket.socket) -> None:
    listener.close()
    with pytest.raises(NoEngine, match="Connection refused"):
        connect()


def test_an_engine_that_does_not_answer_is_not_waited_for(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_ANSWER", 0.2)
    with pytest.raises(NoEngine, match="timed out"):
        connect()


def test_an_engine_that_we_may_not_use_says_how_to_be_let_in(address: Path, listener: socket.socket) -> None:
    address.chmod(0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(NoEngine, match="Permission denied") as caught:
            connect()
    finally:
        os.seteuid(before)
    assert "usermod -aG docker" in caught.value.do


def test_what_cannot_be_removed_because_the_engine_died_is_no_error(address: Path) -> None:
    with engine.Engine(docker.APIClient(f"unix://{address}", version="1.41")) as dead:
        dead.remove_image("image")
        dead.remove_container("container")
        with pytest.raises(ContainerFailed, match="could not list containers"):
            dead.sweep()


def test_a_process_that_ended_is_told_from_one_that_lives_and_from_those_elsewhere() -> None:
    ours = engine.this_process()
    *world, number, start = ours.split()
    assert not engine.is_dead(ours)
    assert engine.is_dead(" ".join((*world, number, f"{start}0")))
    assert not engine.is_dead(" ".join(("another-boot", world[1], number, f"{start}0")))
    child = subprocess.Popen(("true",))
    its_start = engine._start_of(child.pid)
    child.wait()
    assert engine.is_dead(" ".join((*world, str(child.pid), its_start)))
