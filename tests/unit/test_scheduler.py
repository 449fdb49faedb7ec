"""builder.scheduler: what can run side by side does, within the jobs, and nothing outlives a failure."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from builder.cancellation import Cancelled, checkpoint, on_cancel
from builder.errors import StepFailed
from builder.executors.job_pool import JobShares
from builder.pins import Archive
from builder.plan.steps import Step, Unpack
from builder.scheduler import closure, run_steps

from .fakes import PATIENCE, ROOT, a_source


def a_step(name: str, *inputs: Step) -> Step:
    return Step(name, name, Unpack(a_source(Archive("f", "0" * 64, 1)), ()), inputs, {}, {"name": name})


@pytest.fixture
def diamond() -> tuple[Step, ...]:
    """Two that need the first, and one that needs these two."""
    first = a_step("first")
    left, right = a_step("left", first), a_step("right", first)
    return first, left, right, a_step("last", left, right)


def names_in_order(steps: tuple[Step, ...], jobs: int = 1) -> list[str]:
    begun: list[str] = []
    run_steps(steps, lambda step: begun.append(step.name), JobShares(jobs))
    return begun


def test_the_closure_has_each_step_once_and_after_its_inputs(diamond: tuple[Step, ...]) -> None:
    assert closure(diamond[-1:]) == diamond
    assert closure((diamond[2], diamond[-1], diamond[1])) == (diamond[0], diamond[2], diamond[1], diamond[3])


def test_two_plans_share_the_steps_that_have_one_key() -> None:
    plans = [a_step(name, a_step("library", a_step("compiler"))) for name in ("one", "two")]
    assert [step.name for step in closure(plans)] == ["compiler", "library", "one", "two"]
    assert names_in_order(closure(plans)) == ["compiler", "library", "one", "two"]


def test_with_one_job_steps_run_one_after_the_other(diamond: tuple[Step, ...]) -> None:
    at_work = threading.Lock()

    def work(_: Step) -> None:
        assert at_work.acquire(blocking=False)
        time.sleep(0.01)
        at_work.release()

    run_steps(diamond, work, JobShares(1))
    assert names_in_order(diamond) == ["first", "left", "right", "last"]


def test_steps_that_do_not_need_each_other_run_side_by_side(diamond: tuple[Step, ...]) -> None:
    meeting = threading.Barrier(2, timeout=PATIENCE)

    def work(step: Step) -> None:
        if step.name in ("left", "right"):
            meeting.wait()

    run_steps(diamond, work, JobShares(2))


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_no_more_steps_run_than_there_are_jobs(jobs: int) -> None:
    steps = tuple(a_step(str(number)) for number in range(12))
    begun, running, most = 0, 0, 0
    lock, meeting = threading.Lock(), threading.Barrier(jobs, timeout=PATIENCE)

    def work(_: Step) -> None:
        nonlocal begun, running, most
        with lock:
            begun += 1
            running += 1
            most = max(most, running)
            is_awaited = begun <= jobs
        if is_awaited:
            meeting.wait()
        time.sleep(0.02)  # in which one too many would be seen
        with lock:
            running -= 1

    run_steps(steps, work, JobShares(jobs))
    assert most == jobs


def test_a_step_runs_after_its_inputs_have_ended(diamond: tuple[Step, ...]) -> None:
    ended: set[str] = set()

    def work(step: Step) -> None:
        assert {given.name for given in step.inputs} <= ended
        time.sleep(0.01)
        ended.add(step.name)

    run_steps(diamond, work, JobShares(8))
    assert ended == {"first", "left", "right", "last"}


def test_inputs_that_are_not_to_run_are_not_waited_for(diamond: tuple[Step, ...]) -> None:
    assert names_in_order(diamond[2:]) == ["right", "last"]


def test_the_step_that_most_others_wait_for_goes_first() -> None:
    lonely, popular = a_step("lonely"), a_step("popular")
    steps = (lonely, popular, a_step("one", popular), a_step("two", popular))
    assert names_in_order(steps) == ["popular", "lonely", "one", "two"]


def test_steps_of_which_one_needs_the_other_are_counted_from_afar() -> None:
    short, far = a_step("short"), a_step("far")
    steps = (short, far, near := a_step("near", far), a_step("end", near))
    assert names_in_order(steps)[:2] == ["far", "near"]


def test_nothing_to_run_is_nothing_to_wait_for() -> None:
    assert names_in_order(()) == []


def until_cancelled(step: Step) -> None:
    """Works until somebody ends it."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        checkpoint()
        time.sleep(0.01)
    pytest.fail(f"nobody ended {step.name}")


def test_the_first_failure_ends_the_others_and_is_what_is_told() -> None:
    others_began, ended = threading.Barrier(3, timeout=PATIENCE), list[str]()

    def work(step: Step) -> None:
        others_began.wait()
        if step.name == "failing":
            raise StepFailed("It failed.", "why", "do")
        with pytest.raises(Cancelled):
            until_cancelled(step)
        ended.append(step.name)
        raise StepFailed("The other one failed.", "It was ended.", "do")

    steps = tuple(a_step(name) for name in ("one", "failing", "two"))
    with pytest.raises(StepFailed, match=r"It failed\."):
        run_steps(steps, work, JobShares(3))
    assert sorted(ended) == ["one", "two"]


def test_nothing_starts_after_a_failure(diamond: tuple[Step, ...]) -> None:
    begun = []

    def work(step: Step) -> None:
        begun.append(step.name)
        if step.name == "left":
            raise StepFailed("what", "why", "do")

    with pytest.raises(StepFailed):
        run_steps(diamond, work, JobShares(1))
    assert begun == ["first", "left"]


def test_what_one_call_did_not_end_is_ended_again() -> None:
    """A step may have been about to start another command when all were ended."""
    waits, calls = threading.Event(), threading.Semaphore(0)

    def work(step: Step) -> None:
        if step.name == "failing":
            assert waits.wait(PATIENCE)
            raise StepFailed("what", "why", "do")
        with on_cancel(calls.release):
            waits.set()
            for _ in range(2):
                assert calls.acquire(timeout=PATIENCE)

    with pytest.raises(StepFailed):
        run_steps(tuple(map(a_step, ("late", "failing"))), work, JobShares(2))


def test_what_is_to_wait_when_it_is_cancelled_already_does_not_begin_to() -> None:
    def work(step: Step) -> None:
        if step.name == "failing":
            raise StepFailed("what", "why", "do")
        with pytest.raises(Cancelled):
            until_cancelled(step)
        with pytest.raises(Cancelled), on_cancel(lambda: None):
            pytest.fail("it waits")

    with pytest.raises(StepFailed):
        run_steps(tuple(map(a_step, ("late", "failing"))), work, JobShares(2))


INTERRUPTED = """
import os, signal, sys
from builder.executors.job_pool import JobShares
from builder.scheduler import run_steps
from tests.unit.test_scheduler import a_step, until_cancelled

def work(step):
    os.write(1, f"{step.name}\\n".encode())  # whole lines; two threads' prints may mix
    until_cancelled(step)

signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    run_steps(tuple(map(a_step, ("one", "two"))), work, JobShares(2))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_ends_all_steps() -> None:
    command = (sys.executable, "-c", INTERRUPTED)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as build:
        assert build.stdout is not None
        assert {build.stdout.readline(), build.stdout.readline()} == {"one\n", "two\n"}
        build.send_signal(signal.SIGINT)
        assert build.communicate(timeout=PATIENCE)[0] == "interrupted\n"


def test_outside_of_a_scope_nothing_is_cancelled() -> None:
    ended: list[bool] = []
    checkpoint()
    with on_cancel(lambda: ended.append(True)):
        checkpoint()
    assert ended == []
