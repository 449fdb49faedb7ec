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
from builder.executors.choice import open_executor
from builder.executors.engine import connect
from builder.executors.host import Host

from .fakes import RecordingReport

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
    """Somebody who listens there and says nothing."""
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


def test_without_an_address_the_usual_ones_are_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    asked = engine._usual_addresses()
    assert asked[0] == "unix:///run/docker.sock"
    assert f"unix://{tmp_path}/podman/podman.sock" in asked


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


def test_auto_builds_on_the_host_where_there_is_no_engine_and_says_why(
    address: Path, tmp_path: Path, report: RecordingReport
) -> None:
    host = Host(tmp_path, tmp_path, 0, 1)
    with open_executor("auto", "debian11", host, report) as executor:
        assert executor is host
    assert "on the host" in report.notes[0]
    assert f"unix://{address}: No such file" in report.notes[0]


def test_a_container_that_was_asked_for_is_never_replaced_by_the_host(
    address: Path, tmp_path: Path, report: RecordingReport
) -> None:
    with pytest.raises(NoEngine), open_executor("container", "debian11", Host(tmp_path, tmp_path, 0, 1), report):
        pytest.fail("there is no container")
    assert report.notes == []


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
