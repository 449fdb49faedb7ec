"""The environment of CPython's tests: a container with the layer at /opt, completed by what the layer leaves out."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.console import Terminal
from builder.emulator.call import ENVIRONMENT, unzip
from builder.executors.containers import USER, Container, ResourceLimits, temporary_image
from builder.executors.engine import connect
from builder.executors.images import Images
from builder.executors.tar_archive import TarArchive
from builder.fetch import fetch
from builder.layers import Request, build_layers
from builder.pins import load_pins
from builder.store import Store
from builder.unpack import unpack
from tools.regrtest import modules
from tools.support.product import NAME, PLATFORM, PRODUCT, ROOT, TARGET, Layer

MEMORY = 6 << 30
"""Bytes for several tests in parallel."""

HOME = "/home/sbx_user1051"
ACCOUNTS = {
    "etc/passwd": f"root:x:0:0:root:/root:/bin/sh\nsbx_user1051:x:{USER[0]}:{USER[1]}::{HOME}:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nnobody:x:{USER[1]}:\n",
}
"""On Lambda the user has a name, and a home directory that does not exist."""

SYSCONFIG = """\
import importlib, sysconfig
variables = importlib.import_module(sysconfig._get_sysconfigdata_name()).build_time_vars
print("build_time_vars =", {**variables, "TEST_MODULES": "yes"})
"""
"""Prints sysconfig's data with the variable that tells tests that their modules exist."""

Run = Callable[[tuple[str, ...], Callable[[bytes], object]], int]
"""Runs the layer's interpreter with arguments, streams its output to a callback, and returns its exit code."""


@contextmanager
def container(image: str, cache: Path, terminal: Terminal) -> Iterator[Run]:
    """Runs the tests as Lambda's user, who may write only to /tmp; there is no network."""
    with connect() as engine, tempfile.TemporaryDirectory(prefix="regrtest-") as folder:
        engine.sweep()
        root = Images(engine, cache, terminal, machine=PLATFORM.cpu.machine).root(image)
        build_layers(Request((PRODUCT.name,), (PLATFORM.cpu.lambda_name,)), terminal, jobs=os.cpu_count() or 1)
        with TarArchive((0, 0), cache) as tar:
            terminal.note(f"{image}: laying out the layer and CPython's tests")
            tar.add(_lay_out(Path(folder), cache, terminal), "opt")
            for path, text in ACCOUNTS.items():
                tar.text(path, text)
            with (
                temporary_image(engine, root, tar) as prepared,
                Container(engine, prepared, ResourceLimits(MEMORY)) as container,
            ):

                def run(arguments: tuple[str, ...], output: Callable[[bytes], object]) -> int:
                    return container.run(("/opt/bin/python3", *arguments), ENVIRONMENT, output, cwd="/tmp")  # noqa: S108

                yield run


def _lay_out(folder: Path, cache: Path, terminal: Terminal) -> Path:
    """The layer with CPython's whole library in place of its bytecode, and with the tests' modules."""
    layer = folder / "opt"
    unzip(ROOT / "dist" / f"{NAME}.zip", layer)
    library, source = layer / "lib" / TARGET.executable, load_pins()[PRODUCT.source]
    unpack(fetch(source, source.archives, cache, terminal), folder / "source")
    for path in (folder / "source" / "Lib").rglob("*.py"):
        (library / path.relative_to(folder / "source" / "Lib")).with_suffix(".pyc").unlink(missing_ok=True)
    shutil.copytree(folder / "source" / "Lib", library, dirs_exist_ok=True)
    store = Store(cache)  # what it gives is not pruned before we have copied it
    extension_modules, build_python = modules.build(store, terminal)
    shutil.copytree(extension_modules, library / modules.FOLDER, dirs_exist_ok=True)
    (data,) = library.glob("_sysconfigdata_*.pyc")
    data.with_suffix(".py").write_text(Layer(layer).run("-c", SYSCONFIG), encoding="utf-8")
    data.unlink()
    # The folder is read-only later, and every test starts interpreters. Some files are invalid on purpose.
    command = (str(build_python), "-m", "compileall", "-qq", "-s", str(folder), "-p", "/", str(library))
    subprocess.run(command, check=False)
    return layer
