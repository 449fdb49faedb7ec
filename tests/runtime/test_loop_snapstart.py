"""SnapStart: hooks, snapshot, restore, and what comes after."""

import pytest

from tools.support.fake_api import HANG_UP, RESTORED, Loop, Reply, event, reply

HOOKS = """
from snapshot_restore_py import register_after_restore, register_before_snapshot
calls = []
def note(*args, **kwargs): calls.append([list(args), kwargs])
register_before_snapshot(note, "before 1")
register_before_snapshot(note, "before 2", key="word")
register_after_restore(note, "after 1")
@register_after_restore
def decorated(): note("after 2")
def handler(event, context): return [calls, decorated.__name__]
"""


@pytest.fixture
def snapstart(loop: Loop) -> Loop:
    loop.variables["AWS_LAMBDA_INITIALIZATION_TYPE"] = "snap-start"
    return loop


def paths(requests: list[object]) -> list[str]:
    return [getattr(request, "path", "").removeprefix("/2018-06-01/runtime/") for request in requests]


def test_hooks_run_around_the_snapshot_in_their_order(snapstart: Loop) -> None:
    run = snapstart(HOOKS)
    assert run.result == [
        [
            [["before 2"], {"key": "word"}],
            [["before 1"], {}],
            [["after 1"], {}],
            [["after 2"], {}],
        ],
        "decorated",
    ]
    assert paths(list(run.requests)) == [
        "restore/next",
        "invocation/next",
        "invocation/request-1/response",
        "invocation/next",
    ]


def test_without_snapstart_the_hooks_are_there_and_do_not_run(loop: Loop) -> None:
    run = loop(HOOKS)
    assert run.result[0] == []
    assert paths(list(run.requests))[0] == "invocation/next"


def test_a_function_without_hooks_is_restored_too(snapstart: Loop) -> None:
    run = snapstart("import sys\ndef handler(event, context): return 'snapshot_restore_py' in sys.modules")
    assert run.result is False
    assert paths(list(run.requests))[0] == "restore/next"


def test_the_functions_own_copy_of_the_module_comes_first(snapstart: Loop) -> None:
    code = """
hooks = []
def register_before_snapshot(f): hooks.append((f, (), {}))
def get_before_snapshot(): return hooks
def get_after_restore(): return []
mine = []
"""
    snapstart.write("snapshot_restore_py.py", code)
    run = snapstart(
        "import snapshot_restore_py as s\ns.register_before_snapshot(lambda: s.mine.append(1))\n"
        "def handler(event, context): return s.mine"
    )
    assert run.result == [1]


def test_the_connection_is_made_anew_after_a_restore(snapstart: Loop) -> None:
    run = snapstart(HOOKS)
    first, *rest = run.requests
    assert first.connection not in {request.connection for request in rest}


def test_a_connection_that_the_snapshot_cost_is_asked_again(snapstart: Loop) -> None:
    run = snapstart(HOOKS, restores=[HANG_UP, RESTORED])
    assert paths(list(run.requests))[:3] == ["restore/next", "restore/next", "invocation/next"]


def test_random_numbers_are_not_those_of_the_snapshot(snapstart: Loop) -> None:
    code = """
import random, tempfile, ssl
from snapshot_restore_py import register_before_snapshot
drawn = []
random.seed(1); expected = random.random(); random.seed(1)
next(tempfile._get_candidate_names())
names = tempfile._name_sequence
def handler(event, context): return [random.random() == expected, tempfile._name_sequence is names]
"""
    assert snapstart(code).result == [False, False]


@pytest.mark.parametrize("failure", ["raise ValueError('no')", "sys.exit(0)", "raise KeyboardInterrupt"])
def test_a_hook_that_fails_before_the_snapshot_is_exit_64(snapstart: Loop, failure: str) -> None:
    code = f"""
import sys
from snapshot_restore_py import register_before_snapshot
@register_before_snapshot
def hook():
    {failure}
def handler(event, context): pass
"""
    run = snapstart(code)
    assert run.exit_code == 64
    assert paths(list(run.requests)) == ["init/error"]
    assert run.post.headers["lambda-runtime-function-error-type"] == "Runtime.BeforeSnapshotError"
    assert "in hook" in run.error["stackTrace"][-1]
    assert run.stdout.startswith("[ERROR] ")


@pytest.mark.parametrize("failure", ["raise ValueError('no')", "sys.exit(0)"])
def test_a_hook_that_fails_after_the_restore_is_exit_65(snapstart: Loop, failure: str) -> None:
    code = f"""
import sys
from snapshot_restore_py import register_after_restore
@register_after_restore
def hook():
    {failure}
def handler(event, context): pass
"""
    run = snapstart(code)
    assert run.exit_code == 65
    assert paths(list(run.requests)) == ["restore/next", "restore/error"]
    assert run.post.headers["lambda-runtime-function-error-type"] == "Runtime.AfterRestoreError"
    assert "in hook" in run.error["stackTrace"][-1]


@pytest.mark.parametrize("hook", ["register_before_snapshot", "register_after_restore"])
def test_an_environment_that_ends_meanwhile_is_no_hooks_failure(snapstart: Loop, hook: str) -> None:
    code = f"""
import os, signal, time
from snapshot_restore_py import {hook}
@{hook}
def hook():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(600)
def handler(event, context): pass
"""
    run = snapstart(code)
    assert (run.exit_code, run.posts, run.stdout) == (0, [], "")


@pytest.mark.parametrize("status", ["403 Forbidden", "500 Internal Server Error"])
def test_a_refused_restore_is_exit_64(snapstart: Loop, status: str) -> None:
    run = snapstart(HOOKS, restores=[Reply((reply(status, b"why"),))])
    assert run.exit_code == 64
    assert f"no restore: the Runtime API answered {status[:3]}: why" in run.error["errorMessage"]


@pytest.mark.parametrize("hooks", ["register_before_snapshot", "register_after_restore"])
def test_the_exit_code_stands_even_when_nobody_takes_the_error(snapstart: Loop, hooks: str) -> None:
    code = f"import snapshot_restore_py\nsnapshot_restore_py.{hooks}(lambda: 1 / 0)\ndef handler(event, context): pass"
    run = snapstart(code, posts=[HANG_UP])
    assert run.exit_code == (64 if "before" in hooks else 65)
    assert "ZeroDivisionError" in run.stdout


def test_an_extension_waits_anew_after_a_restore(snapstart: Loop) -> None:
    snapstart.variables["LAMBDA_GRACEFUL_SHUTDOWN"] = "1"
    run = snapstart(HOOKS, event({}), event({}, 2))
    waiting = [request for request in run.requests if request.path.endswith("/extension/event/next")]
    assert len({request.connection for request in waiting}) == 2
