"""The rival: CPython's own sources, without a patch, compiled as distributions do.

Debian 13's gcc compiles them with a profile of upstream's own training and with link-time optimization, as Debian's
packages are, and Docker's ``python`` images. It has no handicap: no frame pointers, as Docker's have, no interpreter in
a shared library, and none of the checks for security that Debian's and the layer have. It is compiled once, without a
network, in the root in which it is measured.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from builder.console import Terminal
from builder.executors.log import StepLog
from builder.fetch import fetch
from builder.flags import Flag, words
from builder.pins import Source
from builder.processes import wait_for
from builder.store import Store
from builder.unpack import unpack
from tools.bench.debian_root import DEVICES, in_root

GCC = "gcc14"
"""What the contestant is called."""

FOLDER = "rivals"
"""Where it is in the cache folder."""

PACKAGES = (
    *("gcc", "libc6-dev", "make", "pkgconf"),
    *("libbz2-dev", "libffi-dev", "libgdbm-compat-dev", "libgdbm-dev", "liblzma-dev", "libncurses-dev"),
    *("libreadline-dev", "libsqlite3-dev", "libssl-dev", "libzstd-dev", "uuid-dev", "zlib1g-dev"),
)
"""Debian's, for the whole standard library but for tkinter; with them come the libraries that it then runs on."""

OPTIONS = (
    Flag("--enable-optimizations", "upstream's training: a part of CPython's own tests"),
    Flag("--with-lto", "link-time optimization, of everything at once"),
    Flag("--with-system-libmpdec=no", "CPython's copy, as in Debian's packages, Docker's images and the product"),
    Flag("--enable-loadable-sqlite-extensions", "as they all have it"),
    Flag("--without-ensurepip", "nothing is installed into it"),
    Flag("py_cv_module__tkinter=n/a", "no benchmark needs it, and it needs half a desktop"),
)

VARIABLES = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONSTRICTEXTENSIONBUILD": "1",  # make fails if a module of the standard library is missing
}
"""All that its build sees."""


def rival(source: Source, root: Path, cache: Path, terminal: Terminal) -> Path:
    """Its interpreter, from the cache folder, or compiled now in a root that has `PACKAGES`.

    What a killed build leaves is in ``work/`` of the cache folder, as what a killed step leaves, and the next one
    removes it: what has its final name is whole.

    Raises:
        StepFailed: a command of the build failed; a module that is missing makes one fail.
    """
    asked = in_root(root, (), "gcc", "--version")
    compiler = subprocess.run(asked, env=VARIABLES, check=True, capture_output=True, text=True).stdout
    described = (source.archives[0].sha256, words(OPTIONS), VARIABLES, PACKAGES, compiler)
    key = hashlib.sha256(json.dumps(described).encode()).hexdigest()
    folder = cache / FOLDER / f"{source.key}-{GCC}-{key[:16]}"
    store = Store(cache)
    store.sweep()
    with store.lock(key):
        if not folder.exists():
            terminal.note(f"{folder.name}: compiling it, which takes long")
            work = Path(tempfile.mkdtemp(prefix=f"{key}.", dir=_made(cache / "work")))
            try:
                unpack(fetch(source, source.archives, cache, terminal), work / "src")
                _build(work, root, folder, cache / "logs" / f"{folder.name}.log")
                Path(f"{work / 'out'}{folder}").rename(_made(folder.parent) / folder.name)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return folder / "bin" / f"python{source.series}"


def _build(work: Path, root: Path, folder: Path, path: Path) -> None:
    """Compiles ``src/``, and installs it into ``out/``, below the path that it is to have; ``path`` is the log's."""
    path.unlink(missing_ok=True)
    log = StepLog(path)
    for command in (
        ("./configure", f"--prefix={folder}", *words(OPTIONS)),
        ("make", f"-j{os.cpu_count() or 1}"),
        ("make", "install", f"DESTDIR={work / 'out'}"),
    ):
        there = ("env", f"--chdir={work / 'src'}", *command)
        with (
            log.entry(command, {}) as file,
            subprocess.Popen(
                in_root(root, (*DEVICES, work), *there, network=False),
                env=VARIABLES,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                process_group=0,
            ) as process,
        ):
            code = wait_for(process)
        if code:
            raise log.failure(command, f"exit code {code}")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
