"""Runs functions under AWS's own Runtime Interface Emulator, with the layer at /opt."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.context import cache_folder
from builder.emulator.emulator import lay_emulator
from builder.platform import this_machine
from tools.support.product import CONTAINER_FILES, Layer

TASK_IN_CONTAINER = Path("/tmp/task")
"""What /var/task links to in a container, where only /tmp is writable."""

_START_TIMEOUT = 60.0
"""Seconds that the emulator may take to open its port: a safety net, not a measurement."""


class _Quiet:
    def note(self, text: str) -> None: ...

    def transfer(self, name: str, size: int) -> Any:
        return contextlib.nullcontext(lambda have: None)


def emulator(folder: Path) -> Path:
    """The pinned emulator for this machine, from the wheel that it ships in."""
    if CONTAINER_FILES:
        return CONTAINER_FILES / "aws-lambda-rie"
    return emulator_for(this_machine().lambda_name, folder)


def emulator_for(arch: str, folder: Path) -> Path:
    """The pinned emulator for one of Lambda's architectures."""
    return lay_emulator(arch, folder, cache_folder(), _Quiet())


@dataclass(frozen=True)
class Function:
    """A function running under the emulator."""

    port: int
    log: Path

    def invoke(self, event: bytes) -> bytes:
        """Sends an event as the platform's front end would, and returns the response's body."""
        # urllib would first load the system's certificates, which takes a fifth of a second under qemu.
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("POST", "/2015-03-31/functions/function/invocations", event)
            return connection.getresponse().read()

    def invoke_json(self, event: Any) -> Any:
        return json.loads(self.invoke(json.dumps(event).encode()))


@contextlib.contextmanager
def running(
    layer: Layer, program: Path, task: Path, handler: str, variables: Mapping[str, str] | None = None
) -> Iterator[Function]:
    """Runs a handler of the code in ``task``, mounted at /var/task. ``variables`` are the function's."""
    front, back = _free_port(), _free_port()
    log = task.parent / "log"
    # A separate /var: the machine's may lack task/, and must not be changed.
    setup = f"mount -t tmpfs none /mnt; mkdir /mnt/task; mount --bind {task} /mnt/task; mount --rbind /mnt /var"
    if CONTAINER_FILES:
        setup = ""
        _link(TASK_IN_CONTAINER, task)
    command = layer.at_opt(
        str(program),
        f"--runtime-interface-emulator-address=127.0.0.1:{front}",
        f"--runtime-api-address=127.0.0.1:{back}",
        "/opt/bootstrap",
        handler,
        setup=setup,
    )
    environment = {
        "PATH": os.environ["PATH"],
        "LAMBDA_TASK_ROOT": "/var/task",
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        **(variables or {}),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            _wait_for(front, process, log)
            yield Function(front, log)
        finally:
            process.terminate()
            process.wait()


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the emulator exited:\n{log.read_text(encoding='utf-8')}"
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise AssertionError(f"the emulator did not open its port:\n{log.read_text(encoding='utf-8')}")
