"""builder.executors.container: a sandbox in a container behaves like one on the host."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from builder.cancellation import Cancelled, CancelScope
from builder.errors import MissingTool, NoImage, StepFailed
from builder.executors import FIXED_ENVIRONMENT
from builder.executors.choice import open_executor
from builder.executors.container import ContainerExecutor, ContainerSandbox, container_executor
from builder.executors.containers import USER
from builder.executors.engine import Engine
from builder.executors.host import Host
from builder.executors.images import Images
from builder.executors.tools import TOOLS
from tests.unit.fakes import RecordingReport, wait_until

from .conftest import IMAGE


@pytest.fixture
def host(tmp_path: Path) -> Host:
    compiler = tmp_path / "compiler"
    (compiler / "ziglang").mkdir(parents=True)
    (compiler / "ziglang" / "zig").write_text("#!/bin/sh\necho zig\n", encoding="utf-8")
    (compiler / "ziglang" / "zig").chmod(0o755)
    return Host(tmp_path, compiler, 3)


@pytest.fixture
def executor(engine: Engine, image: str, host: Host) -> Iterator[ContainerExecutor]:
    with container_executor(engine, image, host) as executor:
        yield executor


def make_sandbox(executor: ContainerExecutor, work: Path) -> ContainerSandbox:
    """A sandbox as at the start of a step, with a source tree of one file."""
    (work / "src").mkdir(parents=True)
    (work / "src" / "poem").write_text("a rose", encoding="utf-8")
    sandbox = executor.sandbox(work, work.with_name(f"{work.name}.log"))
    sandbox.send("src")
    return sandbox


@pytest.fixture
def sandbox(executor: ContainerExecutor, tmp_path: Path) -> ContainerSandbox:
    return make_sandbox(executor, tmp_path / "work")


def output(sandbox: ContainerSandbox) -> list[str]:
    """The output of the commands, without the headings."""
    lines = sandbox.log.path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith(("$ ", "  "))]


def test_the_image_has_the_tools_of_a_build(executor: ContainerExecutor) -> None:
    executor.prepare()


def test_a_command_sees_a_fixed_environment_and_nothing_else(sandbox: ContainerSandbox) -> None:
    sandbox.run(("env",), {"CC": "cc"})
    assert dict(line.split("=", 1) for line in output(sandbox)) == {
        **FIXED_ENVIRONMENT,
        "MAKEFLAGS": "-j3",
        "ZIG": "/work/compiler/ziglang/zig",
        "ZIG_GLOBAL_CACHE_DIR": "/work/zig-cache",
        "ZIG_LOCAL_CACHE_DIR": "/work/sandboxes/work/zig",
        "PATH": "/work/sandboxes/work/bin",
        "HOME": "/work/sandboxes/work",
        "TMPDIR": "/work/sandboxes/work/tmp",
        "CC": "cc",
    }


def test_only_the_listed_programs_and_the_sandboxs_own_are_on_the_path(sandbox: ContainerSandbox) -> None:
    sandbox.write("bin/cc", '#!/bin/sh\nexec "$ZIG" "$@"\n', executable=True)
    sandbox.run(("ls", "../bin"), {})
    assert output(sandbox) == sorted([*TOOLS, "cc"])
    sandbox.run(("cc",), {})
    assert output(sandbox)[-1] == "zig"


def test_uploads_may_be_changed_and_inputs_are_only_read(sandbox: ContainerSandbox, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "header").write_text("one", encoding="utf-8")
    sandbox.put(given, "deps/given")
    sandbox.write("config.site", "answer=yes\n")
    sandbox.run(("sh", "-c", "cat ../deps/given/header ../config.site > ../out/all; echo more >> poem"), {})
    sandbox.bring("out")
    sandbox.bring("src")
    assert (sandbox.work / "out" / "all").read_text(encoding="utf-8") == "oneanswer=yes\n"
    assert (sandbox.work / "src" / "poem").read_text(encoding="utf-8") == "a rosemore\n"
    assert (given / "header").read_text(encoding="utf-8") == "one"


def test_the_next_sandbox_has_nothing_of_the_previous_one(
    executor: ContainerExecutor, sandbox: ContainerSandbox, tmp_path: Path
) -> None:
    sandbox.run(("touch", "../out/old"), {})
    another = make_sandbox(executor, tmp_path / "another")
    another.run(("ls", "../out"), {})
    assert output(another) == []


def test_two_sandboxes_at_a_time_do_not_know_of_each_other(
    executor: ContainerExecutor, sandbox: ContainerSandbox, tmp_path: Path
) -> None:
    another = make_sandbox(executor, tmp_path / "another")
    with ThreadPoolExecutor() as threads:
        word = "echo $0 > ../out/word; sleep 0.3; cat ../out/*"
        for one in (sandbox, another):
            threads.submit(one.run, ("sh", "-c", word, one.work.name), {})
    assert [output(one) for one in (sandbox, another)] == [["work"], ["another"]]
    for one in (sandbox, another):
        one.bring("out")
        assert (one.work / "out" / "word").read_text(encoding="utf-8") == f"{one.work.name}\n"


def test_a_sandbox_goes_when_its_work_folder_is_gone_and_no_earlier(
    executor: ContainerExecutor, sandbox: ContainerSandbox, tmp_path: Path
) -> None:
    sandbox.run(("true",), {})
    another = make_sandbox(executor, tmp_path / "another")
    another.run(("ls", "../.."), {})
    assert output(another) == ["another", "work"]
    shutil.rmtree(sandbox.work)
    third = make_sandbox(executor, tmp_path / "third")
    third.run(("ls", "../.."), {})
    assert output(third) == ["another", "third"]


def test_sandboxes_share_the_jobs(executor: ContainerExecutor, sandbox: ContainerSandbox) -> None:
    with executor.job_pool as jobs:
        for _ in range(2):
            assert jobs.claim()
            sandbox.run(("sh", "-c", "echo $MAKEFLAGS"), {})
    assert output(sandbox) == ["-j3", "-j1"]


def test_the_compiler_comes_once_for_sandboxes_that_are_made_at_a_time(
    executor: ContainerExecutor, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(4) as threads:
        works = [tmp_path / str(number) for number in range(4)]
        sandboxes = list(threads.map(partial(make_sandbox, executor), works))
        list(threads.map(lambda each: each.run(("sh", "-c", "$ZIG"), {}), sandboxes))
    assert [output(each) for each in sandboxes] == [["zig"]] * 4


def test_a_failure_ends_the_commands_of_other_sandboxes_and_the_container_lives_on(
    executor: ContainerExecutor, sandbox: ContainerSandbox, tmp_path: Path
) -> None:
    scope, another = CancelScope(), make_sandbox(executor, tmp_path / "another")
    with ThreadPoolExecutor() as threads:
        long = threads.submit(scope.run, partial(sandbox.run, ("sh", "-c", "touch ../out/here; sleep 600 & wait"), {}))
        wait_until(lambda: executor._ask("ls /$1/out", sandbox.root) == ["here"])
        scope.cancel()
        with pytest.raises(Cancelled):
            long.result()
        with pytest.raises(Cancelled):
            threads.submit(scope.run, partial(another.run, ("true",), {})).result()
    another.run(("sh", "-c", "for process in /proc/[0-9]*; do cat $process/cmdline; echo; done"), {})
    assert "sleep" not in " ".join(output(another))


def test_nothing_in_a_sandbox_belongs_to_root(sandbox: ContainerSandbox) -> None:
    sandbox.run(("find", "..", "!", "-uid", str(USER[0])), {})
    assert output(sandbox) == []


def test_a_command_that_fails_shows_the_end_of_its_output(sandbox: ContainerSandbox) -> None:
    with pytest.raises(StepFailed, match="exit code 7") as caught:
        sandbox.run(("sh", "-c", "echo wrong >&2; exit 7"), {"CC": "cc"})
    assert caught.value.why.endswith("| wrong")
    assert sandbox.log.path.read_text(encoding="utf-8") == "\n$ sh -c echo wrong >&2; exit 7\n  CC=cc\nwrong\n"


def test_a_command_that_runs_out_of_memory_is_reported_with_the_limit(sandbox: ContainerSandbox) -> None:
    with pytest.raises(StepFailed, match=r"exit code 137 \(memory may have run out: the container has 5 GiB\)"):
        sandbox.run(("sh", "-c", "kill -9 $$"), {})


def test_a_program_that_a_sandbox_lacks_is_named(sandbox: ContainerSandbox) -> None:
    with pytest.raises(StepFailed, match="gcc"):
        sandbox.run(("gcc",), {})


def test_an_image_without_the_tools_of_a_build_is_reported_with_what_is_missing(
    engine: Engine, host: Host, small_root: Path, tmp_path: Path
) -> None:
    small = Images(engine, tmp_path, RecordingReport(), small_root).root("small")
    try:
        with container_executor(engine, small, host) as executor, pytest.raises(MissingTool) as caught:
            executor.prepare()
    finally:
        engine.api.remove_image(small)
    assert "small" in caught.value.what
    assert "make, perl" in caught.value.why
    assert "cat" not in caught.value.why.split(", ")


def test_auto_uses_a_container_where_possible(image: str, host: Host) -> None:
    report = RecordingReport()
    with open_executor("auto", image, host, report) as executor:
        assert isinstance(executor, ContainerExecutor)
    assert report.notes == [f"building in a container of {image}: an engine answers, and has the image"]


def test_auto_builds_on_the_host_where_the_image_would_have_to_be_pulled(host: Host) -> None:
    report = RecordingReport()
    with open_executor("auto", "localhost:9/nowhere", host, report) as executor:
        assert executor is host
    (line,) = report.notes
    assert line.startswith("building on the host. The image localhost:9/nowhere is not at hand.")


def test_auto_builds_on_the_host_if_the_image_is_unavailable(host: Host) -> None:
    report = RecordingReport()
    with open_executor("auto", "localhost:9/nowhere", host, report, auto_downloads=True) as executor:
        assert executor is host
    assert report.notes[-1].startswith("building on the host. There is no image 'localhost:9/nowhere'.")
    assert "\n" not in report.notes[-1]


def test_an_unavailable_container_is_an_error(host: Host) -> None:
    with pytest.raises(NoImage), open_executor("container", "localhost:9/nowhere", host, RecordingReport()):
        pytest.fail("there is a container")


def test_the_clock_of_debian11_later_is_ahead(engine: Engine, host: Host, image: str, tmp_path: Path) -> None:
    years: list[float] = []
    for name in (image, f"{IMAGE}-later"):
        with open_executor("container", name, host, RecordingReport()) as executor:
            work = tmp_path / str(len(years))
            work.mkdir()
            sandbox = executor.sandbox(work, tmp_path / "log")
            assert isinstance(sandbox, ContainerSandbox)
            sandbox.run(("date", "+%s"), {}, cwd=".")
            years.append(int(output(sandbox)[-1]) / 86400 / 365)
    assert 1 < years[1] - years[0] < 2
