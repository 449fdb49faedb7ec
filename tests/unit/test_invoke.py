"""builder.emulator: how a function is invoked, in a place of the tests' own, and what a place on this machine does."""

import base64
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from builder.emulator.call import Call, _run, free_ports
from builder.emulator.places import Output, Place, run_here
from builder.errors import BuildError, MissingTool, PortInUse
from tests.unit.fakes import PATIENCE, ROOT

CALL = Call(
    zip=Path("layer.zip"),
    source=Path("task"),
    handler="function.hello",
    event=b"{}",
    environment={"TZ": ":Europe/Paris", "MORE": "a b"},
    timeout=5,
    memory=256,
    port=0,
)


class FakePlace:
    """Where an agent ends at once with an exit code, and has said something; None is a good response."""

    def __init__(self, said: bytes | None = None, code: int = 0) -> None:
        self._said, self._code = said, code
        self.command: tuple[str, ...] = ()

    def run(self, command: tuple[str, ...], output: Output, errors: Output) -> int:
        self.command = command
        output(b"the function's\nlast words")
        response = base64.b64encode(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue")
        errors(b"\n%s\n1\n%s\n\n" % (command[2].encode(), response) if self._said is None else self._said)
        return self._code


def place(fake: FakePlace, *, has_own_network: bool = False) -> Place:
    return Place(fake.run, has_own_network)


def test_the_function_gets_its_environment_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    fake = FakePlace()
    assert _run(CALL, place(fake)).body == "true"
    clean = fake.command.index("-i")
    assert fake.command[clean - 1] == "env"
    emulator = fake.command.index("/var/invoke/aws-lambda-rie")
    environment = dict(word.split("=", 1) for word in fake.command[clean + 1 : emulator])
    assert (environment["TZ"], environment["MORE"], environment["LANG"]) == (":Europe/Paris", "a b", "en_US.UTF-8")
    assert environment["AWS_LAMBDA_FUNCTION_TIMEOUT"] == "5"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    runtime_api, events = fake.command[3].split()
    assert f"--runtime-api-address=127.0.0.1:{runtime_api}" in fake.command[emulator:]
    assert f"--runtime-interface-emulator-address=127.0.0.1:{events}" in fake.command[emulator:]
    assert fake.command[-2:] == ("/opt/bootstrap", "function.hello")
    assert capsys.readouterr().err == "the function's\nlast words\n"


def test_a_port_in_use_is_told_before_anything_runs() -> None:
    fake = FakePlace()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        call = replace(CALL, port=taken.getsockname()[1])
        with pytest.raises(PortInUse, match=f"Port {call.port} is in use"):
            _run(call, place(fake))
        assert fake.command == ()
        assert _run(call, place(fake, has_own_network=True)).body == "true"


def test_a_port_that_is_taken_in_the_last_moment_is_told_as_well() -> None:
    (port,) = free_ports(1)
    said = f"[PANIC] (rapid) listen tcp 127.0.0.1:{port}: bind: address already in use\n"
    with pytest.raises(PortInUse, match=f"Port {port} is in use"):
        _run(replace(CALL, port=port), place(FakePlace(said.encode(), 1)))


@pytest.mark.parametrize("code", [126, 127])
def test_a_system_without_bash_is_named_as_the_reason(code: int) -> None:
    with pytest.raises(MissingTool, match="It lacks bash"):
        _run(CALL, place(FakePlace(b"exec: bash: not found", code)))


def test_what_the_emulator_said_is_shown_if_it_fails() -> None:
    with pytest.raises(BuildError, match="The emulator did not answer") as caught:
        _run(CALL, place(FakePlace(b"one\npanic: two\n", 1)))
    assert "exit code 1" in caught.value.why
    assert "panic: two" in caught.value.why


def test_the_two_outputs_of_a_command_are_kept_apart() -> None:
    out: list[bytes] = []
    err: list[bytes] = []
    script = "echo one; echo two >&2; exit 7"
    assert run_here(("sh", "-c", script), {}, out.append, err.append) == 7
    assert (b"".join(out), b"".join(err)) == (b"one\n", b"two\n")


def test_output_comes_while_a_command_runs(tmp_path: Path) -> None:
    seen: list[bytes] = []

    def take(piece: bytes) -> None:
        seen.append(piece)
        (tmp_path / "seen").touch()

    script = f"printf 'no end'; until [ -e {tmp_path}/seen ]; do :; done; printf ' but this'"
    assert run_here(("sh", "-c", script), {}, take) == 0
    assert seen == [b"no end", b" but this"]


def test_who_holds_the_output_of_a_command_that_is_over_is_not_waited_for() -> None:
    said: list[bytes] = []
    assert run_here(("sh", "-c", "sleep 600 & echo $!; head -c 300000 /dev/zero"), {}, said.append) == 0
    number, rest = b"".join(said).split(b"\n", 1)
    subprocess.run(("kill", number), check=True)  # so it is still there
    assert len(rest) == 300_000


INTERRUPTED = """
import os, sys
from builder.context import report_errors
from builder.emulator.places import run_here
command = ("sh", "-c", "echo $$; exec sleep 600")
show = lambda piece: os.write(1, piece)
sys.exit(report_errors(lambda terminal: run_here(command, {"PATH": os.environ["PATH"]}, show)))
"""


def test_who_is_interrupted_ends_the_command() -> None:
    command = (sys.executable, "-c", INTERRUPTED)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        number = process.stdout.readline().decode().strip()  # so it waits for the command by now
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert not Path("/proc", number).exists()
