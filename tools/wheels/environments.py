"""Environments for the layer's interpreter: this machine, or a container like Lambda's."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from builder.console import Terminal
from builder.emulator.call import ENVIRONMENT
from builder.emulator.places import SCRATCH, run_here
from builder.executors.containers import Container, ResourceLimits, temporary_image
from builder.executors.engine import connect
from builder.executors.images import Images
from builder.executors.tar_archive import TarArchive
from tools.support.product import CLEAN

Environment = Callable[[Sequence[str], Callable[[bytes], object]], int]
"""Runs ``guest.py`` with some tasks, streams its output to a callback, and returns its exit code."""

HERE = Path(__file__).parent
MEMORY = 4 << 30
"""Bytes for several tasks in parallel, the heaviest packages among them."""


@contextmanager
def on_host(python: Path, site: Path) -> Iterator[Environment]:
    """``python`` is the layer's interpreter, ``site`` the folder with the packages."""
    environment = {**os.environ, **CLEAN, "PYTHONPATH": str(site)}

    def run(arguments: Sequence[str], output: Callable[[bytes], object]) -> int:
        return run_here((str(python), str(HERE / "guest.py"), *arguments), environment, output)

    yield run


@contextmanager
def in_container(image: str, python: Path, site: Path, cache: Path, terminal: Terminal) -> Iterator[Environment]:
    """The layer at /opt and the packages at /var/task, as on Lambda; no network, and only /tmp is writable."""
    with connect() as engine:
        engine.sweep()
        root = Images(engine, cache, terminal).root(image)
        with TarArchive((0, 0), cache) as tar:
            terminal.note(f"{image}: laying out the layer and the packages")
            tar.add(python.parent.parent, "opt")
            tar.add(site, "var/task")
            tar.add(HERE, "wheels")
            with (
                temporary_image(engine, root, tar) as prepared,
                Container(engine, prepared, ResourceLimits(MEMORY, scratch=SCRATCH)) as container,
            ):

                def run(arguments: Sequence[str], output: Callable[[bytes], object]) -> int:
                    environment = {**ENVIRONMENT, "PYTHONPATH": "/var/task", "PYTHONDONTWRITEBYTECODE": "1"}
                    command = ("/opt/bin/python3", "/wheels/guest.py", *arguments)
                    return container.run(command, environment, output)

                yield run
