"""builder.executors.job_pool: steps and their makes together run as many processes as they may, with a real make."""

import shutil
import subprocess
from pathlib import Path

import pytest

from builder.executors.host import Host, HostSandbox
from builder.executors.job_pool import JobPool, Jobserver, JobShares, host_job_pool

from .fakes import PATIENCE, wait_until

TARGET = """\
echo + >> {log}
begun() {{ [ $(grep -c + {log}) -ge $1 ]; }}
tries={tries}
if begun {first}; then until begun {last} || [ $((tries -= 1)) = 0 ]; do sleep 0.05; done; fi
sleep 0.1 # in which one too many would be seen
echo - >> {log}
"""


def sandbox(host: Host, name: str, targets: int, log: Path, *, meet: int = 1, after: int = 0) -> HostSandbox:
    """One with a makefile, whose targets note in a log when they begin and end.

    When ``after`` of them have begun, the next wait for each other until ``meet`` are there.
    """
    work = host.cache / name
    (work / "src").mkdir(parents=True)
    made = host.sandbox(work, host.cache / f"{name}.log")
    script = TARGET.format(log=log, first=after + 1, last=after + meet, tries=PATIENCE * 20)
    made.write("src/target", script)
    names = " ".join(f"t{number}" for number in range(targets))
    made.write("src/Makefile", f"all: {names}\n{names}: ; @sh target\n")
    return made


def most_at_once(log: Path) -> int:
    """Of the targets that have begun by now."""
    running = most = 0
    for sign in log.read_text(encoding="ascii").split():
        running += {"+": 1, "-": -1}[sign]
        most = max(most, running)
    return most


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "cache", tmp_path / "compiler", 3)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "began-and-ended"


@pytest.fixture
def server(host: Host) -> JobPool:
    if not isinstance(host.job_pool, Jobserver):
        pytest.skip("this machine's make is an old one")
    return host.job_pool


def test_a_step_alone_has_all_jobs(host: Host, log: Path, server: JobPool) -> None:
    with server:
        assert server.claim()
        server.lend()
        sandbox(host, "one", 9, log, meet=3).run(("make",), {})
    assert most_at_once(log) == 3


def test_what_another_step_has_claimed_its_neighbour_does_not_use(host: Host, log: Path, server: JobPool) -> None:
    with server:
        assert server.claim()
        assert server.claim()
        server.lend()
        sandbox(host, "one", 8, log, meet=2).run(("make",), {})
    assert most_at_once(log) == 2


def test_a_job_that_comes_free_is_taken_by_the_make_that_runs(host: Host, log: Path, server: JobPool) -> None:
    """Which division at its start could not do."""
    with server:
        for _ in range(3):
            assert server.claim()
        one = sandbox(host, "one", 20, log, meet=3, after=4)
        command, options = ("make",), {"cwd": one.root / "src", "pass_fds": server.descriptors}
        environment = {**one.environment, "MAKEFLAGS": server.makeflags}
        with subprocess.Popen(command, env=environment, **options) as make:  # type: ignore[call-overload]
            wait_until(lambda: log.exists() and log.read_text(encoding="ascii").count("+") > 4)
            assert most_at_once(log) == 1
            server.release()
            server.release()
            server.lend()
            assert make.wait() == 0
    assert most_at_once(log) == 3


def test_a_make_gives_back_what_it_took(host: Host, log: Path, server: JobPool) -> None:
    with server:
        assert server.claim()
        server.lend()
        one = sandbox(host, "one", 6, log)
        one.run(("make",), {})
        assert [server.claim() for _ in range(3)] == [True, True, False]


def test_a_make_below_a_make_and_below_a_shell_shares_too(host: Host, log: Path, server: JobPool) -> None:
    with server:
        assert server.claim()
        assert server.claim()
        server.lend()
        one = sandbox(host, "one", 6, log, meet=2)
        one.write("src/outer.mk", "all: a b\na: ; $(MAKE) t0 t1 t2\nb: ; sh -c '$(MAKE) t3 t4 t5'\n")
        one.run(("sh", "-c", "make -f outer.mk MAKE='make -f Makefile'"), {})
    assert most_at_once(log) == 2
    assert "jobserver unavailable" not in one.log.path.read_text(encoding="utf-8")


def test_nobody_inherits_a_pipe_when_no_steps_run(host: Host) -> None:
    assert host.job_pool.descriptors == ()
    assert host.job_pool.makeflags == "-j3"


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_the_pipe_is_closed_in_the_end(server: JobPool) -> None:
    with server:
        opened = server.descriptors
        assert all(Path(f"/proc/self/fd/{number}").exists() for number in opened)
        before = open_files()
    assert open_files() == before - 3


def test_more_jobs_than_a_pipe_holds_do_not_block() -> None:
    with Jobserver(1_000_000) as server:
        server.lend()
        assert server.claim()


@pytest.mark.parametrize("pool", [Jobserver(2), JobShares(2)])
def test_a_pool_gives_each_of_its_jobs_once(pool: JobPool) -> None:
    with pool:
        assert [pool.claim() for _ in range(3)] == [True, True, False]
        pool.release()
        assert [pool.claim() for _ in range(2)] == [True, False]
    with pool:  # and again for the next plan
        assert [pool.claim() for _ in range(3)] == [True, True, False]


def test_shares_are_divided_by_those_that_run() -> None:
    with JobShares(7) as shares:
        assert shares.makeflags == "-j7"
        said = []
        while shares.claim():
            said.append(shares.makeflags)
        assert said == ["-j7", "-j3", "-j2", "-j1", "-j1", "-j1", "-j1"]
    assert shares.makeflags == "-j7"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("GNU Make 4.3", Jobserver),
        ("GNU Make 4.4.1", Jobserver),
        ("GNU Make 5.0", Jobserver),
        ("GNU Make 4.2.1", JobShares),
        ("GNU Make 3.82", JobShares),
        ("make: unknown option", JobShares),
    ],
)
def test_an_old_make_gets_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, kind: type) -> None:
    make = tmp_path / "make"
    make.write_text(f"#!{shutil.which('sh')}\necho '{said}'\n", encoding="utf-8")
    make.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert isinstance(host_job_pool(2), kind)


def test_a_machine_without_make_is_told_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert isinstance(host_job_pool(2), JobShares)
