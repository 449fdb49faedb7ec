"""builder.executors.host: what commands see of the machine, and what a failure tells."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from builder.errors import MissingTool, StepFailed
from builder.executors import FIXED_ENVIRONMENT
from builder.executors.host import Host, HostSandbox
from builder.executors.tools import PERL_MODULES, TOOLS

from .fakes import ROOT, PrivateMount, is_running, wait_until


def a_sandbox(folder: Path) -> HostSandbox:
    """A sandbox as a step finds it, with an empty source tree."""
    work = folder / "work"
    (work / "src").mkdir(parents=True)
    return Host(folder / "cache", folder / "compiler", 3).sandbox(work, folder / "logs" / "step.log")


@pytest.fixture
def sandbox(tmp_path: Path) -> HostSandbox:
    return a_sandbox(tmp_path)


def said(sandbox: HostSandbox) -> list[str]:
    """What commands printed, without the headings."""
    lines = sandbox.log.path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith(("$ ", "  "))]


def test_a_command_sees_a_fixed_environment_and_nothing_else(
    tmp_path: Path, sandbox: HostSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LANG", "TZ", "CFLAGS", "LD_PRELOAD_NOT", "HOME", "USER"):
        monkeypatch.setenv(name, "the machine's")
    sandbox.run(("env",), {})
    work = tmp_path / "work"
    assert dict(line.split("=", 1) for line in said(sandbox)) == {
        **FIXED_ENVIRONMENT,
        "LC_ALL": "C",
        "TZ": "UTC",
        "MAKEFLAGS": "-j3",
        "ZIG": str(tmp_path / "compiler" / "ziglang" / "zig"),
        "ZIG_GLOBAL_CACHE_DIR": str(tmp_path / "cache" / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(work / "zig"),
        "PATH": str(work / "bin"),
        "HOME": str(work),
        "TMPDIR": str(work / "tmp"),
    }


def test_a_recipes_own_variables_come_on_top(sandbox: HostSandbox) -> None:
    sandbox.run(("env",), {"CC": "cc", "LC_ALL": "C.UTF-8"})
    assert {"CC=cc", "LC_ALL=C.UTF-8"} <= set(said(sandbox))


def test_only_the_listed_programs_are_on_the_path(sandbox: HostSandbox) -> None:
    assert sorted(path.name for path in (sandbox.root / "bin").iterdir()) == sorted(TOOLS)
    sandbox.run(("sh", "-c", "command -v python3 cc gcc ld git || echo none of them"), {})
    assert said(sandbox) == ["none of them"]


def test_the_sandboxs_own_scripts_are_found_first(sandbox: HostSandbox) -> None:
    sandbox.write("bin/cc", '#!/bin/sh\necho "our compiler: $*"\n', executable=True)
    sandbox.run(("cc", "-c", "a file.c"), {})
    assert said(sandbox) == ["our compiler: -c a file.c"]


def test_no_shell_stands_between_a_command_and_its_program(sandbox: HostSandbox) -> None:
    sandbox.run(("echo", "$HOME", "*", "; exit 1", "a  b"), {})
    assert said(sandbox)[-1] == "$HOME * ; exit 1 a  b"


def test_commands_run_in_the_source_tree_unless_told_otherwise(sandbox: HostSandbox) -> None:
    sandbox.run(("pwd",), {})
    sandbox.run(("pwd",), {}, cwd="out")
    assert [Path(line) for line in said(sandbox)] == [sandbox.root / "src", sandbox.root / "out"]


def test_the_users_umask_does_not_reach_what_is_made(sandbox: HostSandbox) -> None:
    before = os.umask(0o077)
    try:
        sandbox.run(("touch", "../out/file"), {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((sandbox.root / "out" / "file").stat().st_mode) == 0o644


def test_written_files_have_one_of_two_modes(sandbox: HostSandbox) -> None:
    before = os.umask(0o077)
    try:
        sandbox.write("src/data", "text")
        sandbox.write("bin/tool", "text", executable=True)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((sandbox.root / name).stat().st_mode) for name in ("src/data", "bin/tool")]
    assert modes == [0o644, 0o755]


def test_what_is_put_into_a_sandbox_can_be_read_there(tmp_path: Path, sandbox: HostSandbox) -> None:
    (tmp_path / "zlib").mkdir()
    (tmp_path / "zlib" / "zlib.h").write_text("header", encoding="utf-8")
    sandbox.put(tmp_path / "zlib", "deps/zlib")
    sandbox.run(("cat", "../deps/zlib/zlib.h"), {})
    assert said(sandbox) == ["header"]


def test_a_relative_path_can_be_put_into_a_sandbox(
    tmp_path: Path, sandbox: HostSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("given").write_text("given", encoding="utf-8")
    sandbox.put(Path("given"), "tmp/given")
    assert (sandbox.root / "tmp" / "given").read_text(encoding="utf-8") == "given"


def test_what_a_sandbox_makes_stands_in_the_work_folder_already(tmp_path: Path, sandbox: HostSandbox) -> None:
    (tmp_path / "work" / "src" / "poem").write_text("a rose", encoding="utf-8")
    sandbox.send("src")
    sandbox.run(("mv", "poem", "../out"), {})
    sandbox.bring("out")
    assert (tmp_path / "work" / "out" / "poem").read_text(encoding="utf-8") == "a rose"


def test_the_log_shows_each_command_and_the_difference_it_makes(sandbox: HostSandbox) -> None:
    sandbox.run(("echo", "first"), {"CC": "cc"})
    sandbox.run(("echo", "second"), {})
    assert sandbox.log.path.read_text(encoding="utf-8") == "\n$ echo first\n  CC=cc\nfirst\n\n$ echo second\nsecond\n"


def failure(sandbox: HostSandbox, script: str) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        sandbox.run(("sh", "-c", script), {})
    return caught.value


def test_a_command_that_fails_shows_the_end_of_its_output(sandbox: HostSandbox) -> None:
    count = "i=0; while [ $i -lt 100 ]; do i=$((i + 1)); echo line $i; done; echo wrong >&2; exit 7"
    error = failure(sandbox, count)
    assert error.what.startswith("`sh -c ")
    assert "exit code 7" in error.why
    shown = [line.strip(" |") for line in error.why.splitlines()[1:]]
    assert shown == [*(f"line {number}" for number in range(72, 101)), "wrong"]
    assert str(sandbox.log.path) in error.do


def test_a_command_that_is_killed_names_the_signal(sandbox: HostSandbox) -> None:
    assert "signal 9" in failure(sandbox, "kill -9 $$").why


def test_output_that_is_no_text_does_not_hide_the_failure(sandbox: HostSandbox) -> None:
    assert "exit code 1" in failure(sandbox, "printf '\\377\\376'; exit 1").why


def test_a_full_disk_is_told_from_a_failing_command(tmp_path: Path, private_mount: PrivateMount) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from builder.errors import BuildError; from tests.unit.test_host import a_sandbox\n"
        "try: a_sandbox(Path(sys.argv[1])).run(('sh', '-c', 'head -c 9000000 /dev/zero > ../out/big'), {})\n"
        "except BuildError as error: print(type(error).__name__)"
    )
    assert private_mount.run(tmp_path, "4m", code) == "NoSpace\n"


INTERRUPTED = """
import signal, sys
from pathlib import Path
from tests.unit.test_host import a_sandbox
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    script = "sleep 600 & echo $$ $! > ../tmp/part; mv ../tmp/part ../tmp/pids; wait"
    a_sandbox(Path(sys.argv[1])).run(("sh", "-c", script), {})
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_takes_the_commands_children_along(tmp_path: Path) -> None:
    build = subprocess.Popen((sys.executable, "-c", INTERRUPTED, tmp_path), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pids = tmp_path / "work" / "tmp" / "pids"
    wait_until(pids.exists)
    shell, sleeper = map(int, pids.read_text(encoding="utf-8").split())
    assert is_running(shell)
    assert is_running(sleeper)
    build.send_signal(signal.SIGINT)
    assert build.communicate()[0] == "interrupted\n"
    wait_until(lambda: not is_running(shell) and not is_running(sleeper))


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has every program of the list, and no other."""
    folder = tmp_path / "programs"
    folder.mkdir()
    harmless = shutil.which("true")
    assert harmless is not None
    for tool in TOOLS:
        (folder / tool).symlink_to(harmless)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def what_is_missing(folder: Path) -> MissingTool:
    with pytest.raises(MissingTool) as caught:
        Host(folder, folder, 1).prepare()
    return caught.value


def test_a_machine_that_has_everything_may_begin(programs: Path) -> None:
    Host(programs, programs, 1).prepare()


def test_missing_programs_are_named_with_the_packages_that_have_them(programs: Path) -> None:
    for tool in ("make", "perl", "awk", "xargs"):
        (programs / tool).unlink()
    error = what_is_missing(programs)
    assert error.why == "Not found: make, perl, awk, xargs."
    debian, amazon = error.do.splitlines()
    assert debian.endswith("apt-get install findutils make mawk perl")
    assert amazon.endswith("dnf install findutils gawk make perl")


def test_a_package_is_named_once_for_all_its_programs(programs: Path) -> None:
    (programs / "cp").unlink()
    (programs / "mv").unlink()
    assert all(line.endswith("install coreutils") for line in what_is_missing(programs).do.splitlines())


def test_a_perl_without_its_modules_is_not_enough(programs: Path) -> None:
    failing = shutil.which("false", path=os.defpath)
    assert failing is not None
    (programs / "perl").unlink()
    (programs / "perl").symlink_to(failing)
    error = what_is_missing(programs)
    assert all(f"perl's {module}" in error.why for module in PERL_MODULES)
    debian, amazon = error.do.splitlines()
    assert debian.endswith("apt-get install perl")
    assert all(f"'perl({module})'" in amazon for module in PERL_MODULES)
