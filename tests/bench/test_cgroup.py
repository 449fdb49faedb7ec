"""tools.bench.cgroup: limits that kill, and cgroups that are gone afterwards."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.fakes import wait_until
from tools.bench import cgroup
from tools.bench.cgroup import MIB, PREFIX, V1, V2, Cgroup, Own, Parent, limited, own_cgroup, parent_for
from tools.bench.files import Unavailable
from tools.support.product import ROOT

BLOCK = "block = bytearray(int(__import__('sys').argv[1]) << 20); block[::4096] = block[::4096]"
SLEEPS = ("sleep", "3600")
STARTER = f"""
import signal, subprocess
from tools.bench.cgroup import REQUESTS, limited, orderly_ends, parent_for
for each in REQUESTS:
    signal.signal(each, signal.SIG_DFL)  # a shell's background job, and so these tests, may ignore SIGINT
with orderly_ends(), parent_for(64) as parent, limited(parent, 64) as group:
    print(group.folder, flush=True)
    subprocess.run((*group.prefix, *{SLEEPS}), pass_fds=(group.processes,))
"""


@pytest.fixture
def parent() -> Iterator[Parent]:
    try:
        entered = parent_for(64)
        found = entered.__enter__()
    except Unavailable as error:
        pytest.skip(str(error))
    yield found
    entered.__exit__(None, None, None)


def run(group: Cgroup, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        (*group.prefix, *command), pass_fds=(group.processes,), capture_output=True, text=True, check=False
    )


def make_block(parent: Parent, limit: int, size: int) -> tuple[int, int]:
    """The exit code of a program that makes a block of ``size`` MiB, and how many processes were killed."""
    with limited(parent, limit) as group:
        return run(group, sys.executable, "-c", BLOCK, str(size)).returncode, group.kills


def test_a_block_larger_than_the_limit_is_killed(parent: Parent) -> None:
    assert make_block(parent, 48, 16) == (0, 0)
    assert make_block(parent, 48, 64) == (-signal.SIGKILL, 1)


def test_a_program_that_ends_otherwise_was_not_killed_by_the_limit(parent: Parent) -> None:
    with limited(parent, 48) as group:
        assert run(group, "sh", "-c", "kill -9 $$").returncode == -signal.SIGKILL
        assert group.kills == 0


def test_a_program_runs_in_its_cgroup_and_its_peak_is_counted(parent: Parent) -> None:
    with limited(parent, 48) as group:
        assert group.folder.name in run(group, "cat", "/proc/self/cgroup").stdout
        assert run(group, sys.executable, "-c", BLOCK, "16").returncode == 0
        if group.peak is not None:
            assert 16 * MIB < group.peak < 48 * MIB


def test_a_cgroup_is_removed_with_its_processes_when_a_measurement_fails(parent: Parent) -> None:
    started = []

    def fail() -> None:
        with limited(parent, 48) as group:
            process = subprocess.Popen((*group.prefix, *SLEEPS), pass_fds=(group.processes,))
            wait_for_a_process_in(group.folder)
            started.append((process, group.folder))
            raise RuntimeError("no such luck")

    with pytest.raises(RuntimeError, match="no such luck"):
        fail()
    ((process, folder),) = started
    assert process.wait() == -signal.SIGKILL
    assert not folder.exists()


def wait_for_a_process_in(folder: Path) -> None:
    wait_until(lambda: (folder / "cgroup.procs").read_text(encoding="ascii"))


def start(parent: Parent) -> tuple["subprocess.Popen[str]", Path]:
    """A process that makes a cgroup and waits for a program in it, and the cgroup."""
    process = subprocess.Popen((sys.executable, "-c", STARTER), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    folder = Path(process.stdout.readline().strip())
    assert folder.parent == parent.folder
    wait_for_a_process_in(folder)
    return process, folder


def end(process: "subprocess.Popen[str]") -> None:
    """Waits for the process alone: the program in its cgroup, which may outlive it, has the pipe too."""
    process.wait()
    assert process.stdout
    process.stdout.close()


@pytest.mark.parametrize(
    "requests", [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT, signal.SIGTERM), (signal.SIGHUP, signal.SIGINT)]
)
def test_a_cgroup_is_removed_after_ctrl_c_and_its_like(parent: Parent, requests: tuple[signal.Signals, ...]) -> None:
    process, folder = start(parent)
    for each in requests:
        process.send_signal(each)
    end(process)
    assert process.returncode not in (0, -signal.SIGKILL)
    assert not folder.exists()


def test_what_a_killed_run_left_is_removed_by_the_next_one_but_not_what_is_in_use(parent: Parent) -> None:
    others = set(parent.folder.glob(f"{PREFIX}*"))  # of whoever measures on this machine, too
    process, folder = start(parent)
    with parent_for(64), limited(parent, 64) as group:
        assert folder.exists()
        process.kill()
        end(process)
        assert folder.exists()
        with parent_for(64):
            assert not folder.exists()
            assert group.folder.exists()
    assert set(parent.folder.glob(f"{PREFIX}*")) <= others


def test_more_memory_than_there_is_cannot_be_measured(parent: Parent) -> None:
    with pytest.raises(Unavailable, match=r"this machine has \d+ MiB to spare"), parent_for(1 << 40):
        pass


def test_a_limit_around_it_all_is_noticed(parent: Parent) -> None:
    code = "from tools.bench.cgroup import parent_for\nwith parent_for(256): pass"
    with limited(parent, 128) as group:
        error = run(group, sys.executable, "-c", f"import os; os.chdir({str(ROOT)!r})\n{code}").stderr
    assert "limits this process to 128 MiB: 256 cannot be measured" in error


@pytest.mark.mounts
def test_where_cgroups_cannot_be_made_one_error_says_so(parent: Parent) -> None:
    root = own_cgroup(*(Path("/proc/self", name).read_text(encoding="utf-8") for name in ("cgroup", "mountinfo"))).root
    read_only = f"mount --bind {root} {root} && mount -o remount,bind,ro {root}"
    command = ("unshare", "--mount", "sh", "-c", f'{read_only} && exec "$@"', "sh", sys.executable, "-m", "tools.bench")
    done = subprocess.run((*command, "memory", "--limits=128"), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("bench: no cgroup can be made here to limit memory: ")
    assert "Traceback" not in done.stderr


def mount(point: Path, kind: str, options: str, root: str = "/") -> str:
    return f"35 31 0:32 {root} {point} rw,relatime shared:9 - {kind} cgroup {options}\n"


def test_version_1_is_used_where_it_has_the_controller(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("hugetlb\n", encoding="ascii")
    mounts = (
        mount(Path("/c/cpu"), "cgroup", "rw,cpu")
        + mount(Path("/c/memory"), "cgroup", "rw,memory")
        + mount(tmp_path, "cgroup2", "rw")
    )
    own = own_cgroup("5:cpu:/x\n4:memory:/a/b\n0::/\n", mounts)
    assert own == Own(Path("/c/memory/a/b"), Path("/c/memory"), V1)
    assert own.upwards == (Path("/c/memory/a/b"), Path("/c/memory/a"), Path("/c/memory"))


@pytest.mark.parametrize(
    ("path", "root", "below"),
    [("/user.slice/one", "/", "user.slice/one"), ("/docker/1/x", "/docker/1", "x"), ("/", "/", ""), ("/../b", "/", "")],
)
def test_version_2_is_used_elsewhere(tmp_path: Path, path: str, root: str, below: str) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n", encoding="ascii")
    own = own_cgroup(f"0::{path}\n", mount(tmp_path, "cgroup2", "rw,nsdelegate", root))
    assert own == Own(tmp_path / below, tmp_path, V2)


def test_a_machine_without_the_controller_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="the controller `memory` is not mounted"):
        own_cgroup("5:cpu:/\n", mount(Path("/c/cpu"), "cgroup", "rw,cpu"))


def test_signals_wait_while_a_cgroup_is_removed() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored, in the background
    try:
        with cgroup._undisturbed():
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # other threads do not wait
            waiting = signal.sigpending()
            signal.sigtimedwait({signal.SIGINT}, 1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert signal.SIGINT in waiting
