"""Short real builds in a container give the host's bytes, whatever happened before."""

import os
import signal
import subprocess

import pytest

from builder.executors.engine import Engine
from tests.builds.build_cache import BuildCache, Reference
from tests.unit.fakes import wait_until

from .conftest import IMAGE, owned

CONTAINER_FAILED = 23


def test_a_container_gives_the_hosts_bytes_and_files_owned_by_the_user(
    build_cache: BuildCache, reference: Reference
) -> None:
    build_cache.complete(IMAGE)
    assert build_cache.digests() == reference.digests
    assert build_cache.leftovers() == []
    assert {path.lstat().st_uid for path in build_cache.cache.rglob("*")} == {os.geteuid()}


def container_of(engine: Engine, build: subprocess.Popen[str]) -> str | None:
    pid = str(build.pid)
    return next((container for container, owner in owned(engine).items() if owner.split()[2] == pid), None)


def wait_for_step(engine: Engine, build: subprocess.Popen[str], build_cache: BuildCache) -> str:
    """Waits until a step runs in the build's container; returns the container."""
    wait_until(lambda: build.poll() is not None or list((build_cache.cache / "work").glob("*/tmp")))
    container = container_of(engine, build)
    assert container, build.communicate()[1]
    return container


def test_a_killed_container_is_one_error_and_the_next_build_completes(
    engine: Engine,
    build_cache: BuildCache,
    reference: Reference,
) -> None:
    build = build_cache.start(IMAGE)
    container = wait_for_step(engine, build, build_cache)
    engine.api.kill(container)
    _, err = build.communicate()
    assert build.returncode == CONTAINER_FAILED, err
    assert "Traceback" not in err
    assert "container is gone" in err
    assert build_cache.leftovers() == []
    build_cache.complete(IMAGE)
    assert build_cache.digests() == reference.digests


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_a_terminated_build_removes_its_container_and_the_next_one_completes(
    engine: Engine,
    build_cache: BuildCache,
    reference: Reference,
    sent: signal.Signals,
) -> None:
    build = build_cache.start(IMAGE)
    wait_for_step(engine, build, build_cache)
    build.send_signal(sent)
    build.communicate()
    wait_until(lambda: container_of(engine, build) is None)
    build_cache.complete(IMAGE)
    assert build_cache.digests() == reference.digests
    assert build_cache.leftovers() == []
