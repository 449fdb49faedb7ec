"""SnapStart for an image, by the rules for images with a runtime of their own: hooks, seeds anew, errors, time.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-custom.html

The engine starts the image as it is, with its entry point, command and variables; the fake Runtime API is this
process's. No label allows snapshots: that the runtime calls /restore/next is enough.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from builder.console import Terminal
from builder.context import cache_folder
from builder.emulator.image import loaded_image
from builder.executors.containers import USER
from builder.executors.engine import OWNER_LABEL, Engine, this_process
from builder.executors.images import Images
from tests.unit.fakes import PATIENCE
from tools.support.fake_api import RESTORED, FakeApi, Reply, Request, event, reply

from .conftest import IMAGE
from .image_of_ours import build

FUNCTION = '''
import ctypes, os, platform, random, signal, socket, ssl, sys, tempfile, time
from snapshot_restore_py import register_after_restore, register_before_snapshot

calls = []
of_copy = False
drawn = None

@register_before_snapshot
def before():
    calls.append("before")
    if os.environ.get("FAIL") == "before":
        raise ValueError("not now")
    if os.environ.get("COPY"):
        copy_process()

@register_after_restore
def after():
    calls.append("after")
    if os.environ.get("FAIL") == "after":
        raise ValueError("not any more")

def copy_process():
    """Makes two of this process, which agree in all their memory and in their number, as two restores do.

    The kernel's own call, because Python and OpenSSL would notice one of theirs; what a copy does not share with the
    first one is its connection to the Runtime API.
    """
    assert os.getpid() == 1
    draw()  # whatever is seeded when it is first asked has been by now
    if os.environ["COPY"] == "without new seeds":
        sys.modules["layer_runtime.snapstart"].reseed = lambda: None
    number = {"x86_64": 56, "aarch64": 220}[platform.machine()]  # clone(2)
    if ctypes.CDLL(None).syscall(number, os.CLONE_NEWPID | signal.SIGCHLD, 0, 0, 0, 0) == 0:
        global of_copy
        of_copy = True
        assert os.getpid() == 1
        host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
        for name in os.listdir("/proc/self/fd"):
            try:
                shared = socket.socket(fileno=int(name))
                shared.getpeername()
            except OSError:
                continue
            own = socket.create_connection((host, int(port)))
            os.dup2(own.fileno(), int(name))
            shared.detach()

def draw():
    return {
        "random": random.random(),
        "OpenSSL": ssl.RAND_bytes(16).hex(),
        "temporary names": next(tempfile._get_candidate_names()),
    }

def handler(event, context):
    """What this process drew first; it leaves the other one time to ask for an event."""
    global drawn
    drawn = drawn or draw()
    time.sleep(event.get("seconds", 0))
    return {"calls": calls, "drawn": drawn, "number": os.getpid(), "of copy": of_copy}
'''

UNPRIVILEGED: dict[str, Any] = {"cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}
MAY_COPY: dict[str, Any] = {"cap_add": ["SYS_ADMIN"], "security_opt": ["seccomp=unconfined", "apparmor=unconfined"]}
"""A namespace of its own for the second process's number takes privileges."""


@pytest.fixture(scope="module")
def image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("snapstart")
    source = folder / "snapstart"
    source.mkdir()
    (source / "function.py").write_text(FUNCTION, encoding="utf-8")
    reference = Images(engine, cache_folder(), Terminal()).root(IMAGE)
    built = build(reference, source, "function.handler", folder / "out")
    with loaded_image(engine, str(built.archive), cache_folder(), Terminal()) as name:
        yield name


@dataclass
class Run:
    """What was asked of the fake API, and how the container ended."""

    requests: list[Request]
    exit_code: int | None = None
    log: str = ""
    seconds: float = 0.0
    """That it took to end after it was asked to."""

    @property
    def paths(self) -> list[str]:
        return [request.path.removeprefix("/2018-06-01/runtime/") for request in self.requests]

    @property
    def results(self) -> list[Any]:
        return [request.json for request in self.requests if request.path.endswith("/response")]

    @property
    def error(self) -> tuple[str, str]:
        """Type and message of the only one that was reported."""
        (request,) = (request for request in self.requests if request.path.endswith("/error"))
        return request.headers["lambda-runtime-function-error-type"], request.json["errorMessage"]


@dataclass
class Runner:
    """Starts the image for SnapStart."""

    engine: Engine
    image: str
    privileges: dict[str, Any] = field(default_factory=lambda: UNPRIVILEGED)

    def __call__(
        self,
        *invocations: Reply,
        until: Callable[[FakeApi], bool] = lambda api: api.idle.is_set(),
        restores: Iterable[Reply] = (),
        stop: bool = False,
        **variables: str,
    ) -> Run:
        """Runs it until that is so or it ends; then removes it, or asks it to ``stop``, as `docker stop` does."""
        api, docker = FakeApi(invocations or (event({}),), restores=restores), self.engine.api
        try:
            container = docker.create_container(
                self.image,
                user=f"{USER[0]}:{USER[1]}" if self.privileges is UNPRIVILEGED else "0:0",
                environment={
                    "AWS_LAMBDA_RUNTIME_API": api.endpoint,
                    "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
                    **variables,
                },
                labels={OWNER_LABEL: this_process()},
                host_config=docker.create_host_config(
                    network_mode="host", read_only=True, tmpfs={"/tmp": "rw,nosuid,nodev"}, **self.privileges
                ),
            )["Id"]
            try:
                docker.start(container)
                return self._watch(api, container, until, stop)
            finally:
                self.engine.remove_container(container)
        finally:
            api.close()

    def _watch(self, api: FakeApi, container: str, until: Callable[[FakeApi], bool], stop: bool) -> Run:
        docker, deadline = self.engine.api, time.monotonic() + PATIENCE
        while not until(api) and (state := docker.inspect_container(container)["State"])["Running"]:
            assert time.monotonic() < deadline, docker.logs(container).decode()
            time.sleep(0.02)
        before = time.monotonic()
        if stop:
            docker.stop(container, timeout=PATIENCE)
        seconds, state = time.monotonic() - before, docker.inspect_container(container)["State"]
        code = None if state["Running"] else int(state["ExitCode"])
        return Run(api.requests, code, docker.logs(container).decode(), seconds)


@pytest.fixture
def start(engine: Engine, image: str) -> Runner:
    return Runner(engine, image)


def test_hooks_run_around_the_snapshot_and_no_label_is_needed(engine: Engine, image: str, start: Runner) -> None:
    labels = engine.api.inspect_image(image)["Config"]["Labels"]
    assert not [name for name in labels if name.startswith("com.amazonaws.lambda")]
    run = start()
    assert run.paths == ["restore/next", "invocation/next", "invocation/request-1/response", "invocation/next"], run.log
    (result,) = run.results
    assert result["calls"] == ["before", "after"]
    assert result["number"] == 1  # the entry point is the runtime itself, with no shell before it


def test_a_hook_before_the_snapshot_that_fails_is_reported_and_ends_it(start: Runner) -> None:
    run = start(FAIL="before")
    assert run.paths == ["init/error"]
    assert (run.error, run.exit_code) == (("Runtime.BeforeSnapshotError", "not now"), 64)
    assert "ValueError: not now" in run.log


def test_a_hook_after_the_restore_that_fails_is_reported_and_ends_it(start: Runner) -> None:
    run = start(FAIL="after")
    assert run.paths == ["restore/next", "restore/error"]
    assert (run.error, run.exit_code) == (("Runtime.AfterRestoreError", "not any more"), 65)
    assert "ValueError: not any more" in run.log


def test_a_restore_that_the_platform_refuses_ends_it(start: Runner) -> None:
    run = start(restores=[Reply((reply("403 Forbidden", b"no snapshot"),))])
    assert run.paths == ["restore/next", "init/error"]
    assert run.exit_code == 64
    assert "403: no snapshot" in run.error[1]


def drawn_by_two(engine: Engine, image: str, how: str) -> list[dict[str, str]]:
    """What two copies of one snapshot draw, each after its own restore."""
    start = Runner(engine, image, MAY_COPY)

    def both_answered(api: FakeApi) -> bool:
        answers = [request.json for request in list(api.requests) if request.path.endswith("/response")]
        return len({answer["of copy"] for answer in answers}) == 2

    # As many as it takes: whichever asks first may get several before the other asks.
    events = [event({"seconds": 0.05}, number) for number in range(1, 500)]
    run = start(*events, until=both_answered, restores=[RESTORED, RESTORED], COPY=how)
    by_process = {result["of copy"]: result for result in run.results}
    assert by_process.keys() == {True, False}, run.log
    assert run.paths.count("restore/next") == 2
    assert [result["number"] for result in by_process.values()] == [1, 1]
    return [by_process[of_copy]["drawn"] for of_copy in (False, True)]


def test_two_restores_of_one_snapshot_draw_different_numbers(engine: Engine, image: str) -> None:
    first, second = drawn_by_two(engine, image, "with new seeds")
    assert first.keys() == second.keys() == {"random", "OpenSSL", "temporary names"}
    assert not [name for name in first if first[name] == second[name]]


def test_without_new_seeds_they_would_draw_the_same(engine: Engine, image: str) -> None:
    """So the copies are true copies, OpenSSL's generator among them: else the other test would prove nothing."""
    first, second = drawn_by_two(engine, image, "without new seeds")
    assert first == second


def test_it_waits_for_a_restore_without_a_limit_of_its_own_and_can_be_stopped_then(start: Runner) -> None:
    """Snapshots are restored after months. Until then it does nothing, and it obeys the engine even as process 1."""
    waiting = Reply((reply("200 OK")[:10],))  # an answer that does not go on
    run = start(until=lambda api: bool(api.requests), restores=[waiting], stop=True)
    assert run.paths == ["restore/next"]
    assert run.exit_code == 0, run.log
    assert run.seconds < PATIENCE / 2
