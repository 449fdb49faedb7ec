"""builder.executors.containers: a container's limits, its file transfers, and that it never outlives its process."""

import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from builder.console import Terminal
from builder.errors import ContainerFailed, MissingTool, NoImage
from builder.executors.containers import USER, Container, ResourceLimits, temporary_image
from builder.executors.engine import OWNER_LABEL, Engine, this_process
from builder.executors.images import Images
from builder.executors.tar_archive import TarArchive
from tests.unit.elf_factory import ElfFile
from tests.unit.fakes import ROOT, wait_until

from .conftest import MEMORY, leftovers, output_of, owned


def test_commands_run_without_privileges_and_without_a_network(container: Container) -> None:
    status = dict(line.split(":\t", 1) for line in output_of(container, "cat", "/proc/self/status").splitlines())
    assert status["Uid"].split() == [str(USER[0])] * 4
    assert int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert [line.split(":")[0].strip() for line in output_of(container, "cat", "/proc/net/dev").splitlines()[2:]] == [
        "lo"
    ]


def test_a_command_sees_only_its_variables_and_none_of_this_machines(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CFLAGS", "the machine's")
    output: list[bytes] = []
    assert container.run(("/usr/bin/env",), {"PATH": "/nowhere", "CC": "cc"}, output.append) == 0
    seen = dict(line.split("=", 1) for line in b"".join(output).decode().splitlines())
    assert (seen["CC"], seen["PATH"]) == ("cc", "/nowhere")
    assert not set(seen) - {"CC", "PATH", "HOME", "HOSTNAME", "TERM", "container"}


def test_the_exit_code_of_a_command_is_returned(container: Container) -> None:
    assert [container.run(("sh", "-c", ending), {}, print) for ending in ("exit 0", "exit 7", "kill -9 $$")] == [
        0,
        7,
        137,
    ]
    assert container.run(("no-such-program",), {}, print) in (126, 127)


def test_standard_error_comes_apart_if_that_is_asked_for(container: Container) -> None:
    out: list[bytes] = []
    err: list[bytes] = []
    assert container.run(("sh", "-c", "echo out; echo err >&2"), {}, out.append, errors=err.append) == 0
    assert (b"".join(out), b"".join(err)) == (b"out\n", b"err\n")


def test_output_is_streamed_while_a_command_runs(container: Container) -> None:
    """It sleeps until the first piece of its output has been seen."""
    seen: list[bytes] = []
    end = 'for each in /proc/[0-9]*; do [ "$(cat $each/comm)" != sleep ] || kill ${each##*/}; done 2>/dev/null'

    def look(piece: bytes) -> None:
        seen.append(piece)
        if len(seen) == 1:
            wait_until(lambda: "sleep" in output_of(container, "sh", "-c", "cat /proc/[0-9]*/comm 2>/dev/null || true"))
            output_of(container, "sh", "-c", f"{end}; true")

    container.run(("sh", "-c", "echo out; echo err >&2; exec sleep 600"), {}, look)
    assert b"".join(seen) in (b"out\nerr\n", b"err\nout\n")


def test_a_command_may_be_silent_for_longer_than_the_engines_timeout(engine: Engine, container: Container) -> None:
    before, engine.api.timeout = engine.api.timeout, 10
    try:
        assert container.run(("sleep", "25"), {}, print) == 0
    finally:
        engine.api.timeout = before


def test_files_survive_the_way_in_and_out_and_belong_to_us(container: Container, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "tool").write_bytes(bytes(range(256)) * 5000)
    (source / "tool").chmod(0o755)
    (source / "link").symlink_to("tool")
    os.utime(source / "tool", (1_000_000_000, 1_000_000_000))
    with TarArchive(USER) as tar:
        tar.folder("work")
        tar.add(source, "work/in")
        container.put(tar)
    assert output_of(container, "stat", "-c", "%u %g %a %Y", "/work/in/tool").split() == [
        "993",
        "990",
        "755",
        "1000000000",
    ]
    output_of(container, "sh", "-c", "cd /work && mv in out && echo more > out/new")
    (tmp_path / "back").mkdir()
    container.take("/work/out", tmp_path / "back")
    out = tmp_path / "back" / "out"
    assert (out / "tool").read_bytes() == (source / "tool").read_bytes()
    assert ((out / "tool").stat().st_mode & 0o777, (out / "tool").stat().st_mtime) == (0o755, 1_000_000_000)
    assert os.readlink(out / "link") == "tool"
    assert {path.lstat().st_uid for path in out.rglob("*")} == {os.geteuid()}


def test_a_missing_file_cannot_be_downloaded(container: Container, tmp_path: Path) -> None:
    with pytest.raises(ContainerFailed, match="/work/nothing"):
        container.take("/work/nothing", tmp_path)


def test_memory_is_limited(container: Container) -> None:
    greedy = f'my $x = "x" x {2 * MEMORY}; print length $x'
    assert container.run(("perl", "-e", greedy), {}, print) == 128 + signal.SIGKILL
    assert output_of(container, "echo", "still there") == "still there\n"


def test_processes_are_limited(engine: Engine, image: str) -> None:
    with Container(engine, image, ResourceLimits(MEMORY, processes=20)) as container:
        many = "for n in $(seq 50); do sleep 60 > /dev/null 2>&1 & done"
        output: list[bytes] = []
        assert container.run(("sh", "-c", many), {}, output.append) != 0
        assert b"fork" in b"".join(output).lower()


def test_more_processors_than_there_are_may_be_requested(engine: Engine, image: str) -> None:
    with Container(engine, image, ResourceLimits(MEMORY, cpus=1000)) as container:
        assert output_of(container, "echo", "fine") == "fine\n"


def test_with_scratch_space_everything_else_is_read_only(engine: Engine, image: str) -> None:
    with Container(engine, image, ResourceLimits(MEMORY, scratch=1 << 20)) as container:
        assert container.run(("touch", "/usr/file"), {}, print) != 0
        output_of(container, "sh", "-c", "echo 'echo ran' > /tmp/tool && chmod +x /tmp/tool && /tmp/tool")
        output: list[bytes] = []
        assert container.run(("sh", "-c", "head -c 2000000 /dev/zero > /tmp/large"), {}, output.append) != 0
        assert b"No space left on device" in b"".join(output)


def test_a_temporary_image_has_the_files_and_is_removed_afterwards(engine: Engine, image: str) -> None:
    with TarArchive((0, 0)) as tar:
        tar.text("opt/note", "for root to write\n")
        with (
            temporary_image(engine, image, tar) as prepared,
            Container(engine, prepared, ResourceLimits(MEMORY)) as container,
        ):
            assert output_of(container, "cat", "/opt/note") == "for root to write\n"
            assert container.run(("sh", "-c", "echo > /opt/note"), {}, print) != 0
        assert leftovers(engine) == []
        with pytest.raises(NoImage), Container(engine, prepared, ResourceLimits(MEMORY)):
            pytest.fail("the image is there")


def test_a_container_that_is_removed_while_a_command_runs_is_an_error(engine: Engine, container: Container) -> None:
    with pytest.raises(ContainerFailed, match="gone") as caught:
        container.run(("sh", "-c", "echo on; sleep 600"), {}, lambda _: engine.api.kill(container.id))
    assert caught.value.exit_code == 23


HOLDS_A_CONTAINER = """
import signal, sys
from builder.context import report_errors
from builder.executors.containers import Container, ResourceLimits
from builder.executors.engine import connect

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup's children ignore it

def hold(terminal):
    with connect() as engine, Container(engine, sys.argv[1], ResourceLimits(1 << 28)) as container:
        container.run(("sh", "-c", "echo $$; sleep 600"), {}, lambda piece: print(container.id, flush=True))

sys.exit(report_errors(hold))
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_container_ends_with_its_process_however_that_ends(engine: Engine, image: str, sent: signal.Signals) -> None:
    holder = subprocess.Popen(
        (sys.executable, "-c", HOLDS_A_CONTAINER, image),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    container = holder.stdout.readline().strip()
    assert container, holder.communicate()[1]
    assert engine.api.inspect_container(container)["State"]["Running"]
    holder.send_signal(sent)
    _, err = holder.communicate()
    assert holder.returncode == (-sent if sent == signal.SIGKILL else 130)
    assert "Traceback" not in err
    wait_until(lambda: container not in owned(engine))


def test_leftovers_of_a_killed_process_are_swept_and_those_in_use_are_not(engine: Engine, image: str) -> None:
    ended = subprocess.Popen(("true",))
    *machine, _, _ = this_process().split()
    ended.wait()
    owners = {
        "dead": " ".join((*machine, str(ended.pid), "1")),
        "alive": this_process(),
        "elsewhere": " ".join(("other-boot", machine[1], str(ended.pid), "1")),
    }
    containers = {
        name: engine.api.create_container(image, ["true"], labels={OWNER_LABEL: owner})["Id"]
        for name, owner in owners.items()
    }
    image_of_the_dead = engine.api.commit(containers["dead"])["Id"]
    engine.sweep()
    remaining = owned(engine)
    for container in (containers["alive"], containers["elsewhere"]):
        assert container in remaining
        engine.api.remove_container(container)
    assert containers["dead"] not in remaining
    assert image_of_the_dead not in remaining


def test_leaving_a_container_is_immediate(engine: Engine, image: str) -> None:
    """Ten seconds would mean that a process which ignores SIGTERM got the engine's grace period."""
    seconds = []
    for _ in range(3):  # a busy engine may take long once
        with Container(engine, image, ResourceLimits(MEMORY)):
            before = time.monotonic()
        seconds.append(time.monotonic() - before)
    assert min(seconds) < 8


def test_an_image_for_an_unknown_architecture_names_what_would_run_it(engine: Engine, tmp_path: Path) -> None:
    shell, archive = tmp_path / "sh", tmp_path / "root.tar"
    shell.write_bytes(ElfFile(machine=0xFEED).content())
    shell.chmod(0o755)
    with tarfile.open(archive, "w") as tar:
        tar.add(shell, "bin/sh")
    image = Images(engine, tmp_path, Terminal(), archive).root("strange")
    try:
        with (
            pytest.raises(MissingTool, match=r"(?s)another processor.*qemu-user-static"),
            Container(engine, image, ResourceLimits(MEMORY)),
        ):
            pass
    finally:
        engine.remove_image(image)
