"""Runs moto's server, which simulates AWS over HTTP, in a process of its own."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.unit.fakes import held_ports, wait_for_port


@contextlib.contextmanager
def moto_server(folder: Path) -> Iterator[str]:
    """Yields its URL; its log goes into ``folder``."""
    log = folder / "moto.log"
    with held_ports(1) as (port,), log.open("wb") as output:
        command = (str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port))
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_for_port(port, process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()
