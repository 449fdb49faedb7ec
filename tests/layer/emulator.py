"""Runs functions under AWS's own Runtime Interface Emulator, with the layer at /opt."""

import contextlib
import http.client
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.context import cache_folder
from builder.emulator.emulator import lay_emulator
from builder.platform import this_machine
from tests.unit.fakes import PATIENCE, RecordingReport, held_ports, wait_for_port
from tools.support.product import CONTAINER_FILES, Layer

TASK_IN_CONTAINER = Path("/tmp/task")
"""What /var/task links to in a container, where only /tmp is writable."""


def emulator(folder: Path) -> Path:
    """The pinned emulator for this machine, from the wheel that it ships in."""
    if CONTAINER_FILES:
        return CONTAINER_FILES / "aws-lambda-rie"
    return emulator_for(this_machine().lambda_name, folder)


def emulator_for(arch: str, folder: Path) -> Path:
    """The pinned emulator for one of Lambda's architectures."""
    return lay_emulator(arch, folder, cache_folder(), RecordingReport())


@dataclass(frozen=True)
class Function:
    """A function running under the emulator."""

    port: int
    log: Path

    def invoke(self, event: bytes) -> bytes:
        """Sends an event as the platform's front end would, and returns the response's body."""
        # urllib would first load the system's certificates, which takes a fifth of a second under qemu.
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request("POST", "/2015-03-31/functions/function/invocations", event)
            return connection.getresponse().read()

    def invoke_json(self, event: Any) -> Any:
        return json.loads(self.invoke(json.dumps(event).encode()))


@contextlib.contextmanager
def running(
    layer: Layer, program: Path, task: Path, handler: str, variables: Mapping[str, str] | None = None
) -> Iterator[Function]:
    """Runs a handler of the code in ``task``, mounted at /var/task. ``variables`` are the function's."""
    with held_ports(2) as (front, back):
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
                wait_for_port(front, process, log)
                yield Function(front, log)
            finally:
                process.terminate()
                process.wait()


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)
