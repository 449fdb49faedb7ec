"""Where suites run: a Debian 13 with its own python3.13, in a container, or in a folder of this machine.

Both interpreters run in the same system, as the user that functions run as, without a network beyond loopback, and only
/tmp may be written.
"""

import hashlib
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from builder.console import Terminal
from builder.emulator.places import Output, run_here
from builder.executors.containers import USER, Container, ResourceLimits, temporary_image
from builder.executors.debian import SUITE, debian
from builder.executors.engine import connect
from builder.executors.images import Image, Images
from builder.executors.tar_archive import TarArchive

PACKAGES = (
    *("python3.13", "libpython3.13-dev"),  # the rival, and the headers that what cffi's tests compile needs
    *("gcc", "g++", "libc6-dev"),
    *("iproute2", "netbase", "procps"),  # what tests of sockets and processes call and read
)
"""Debian's, besides the least that there can be."""
IMAGE = Image("debian13-suites", suite=SUITE, packages=PACKAGES)
"""Neither built in nor tested in otherwise, so it is not one of ``docker/images.toml``."""
MEMORY, SCRATCH = 4 << 30, 1 << 30
"""Bytes for a suite, and those of its /tmp: cffi's compiles a thousand modules into it."""

ENVIRONMENT = {
    "HOME": "/tmp",  # noqa: S108 - nothing else may be written
    "CPATH": "/usr/include/python3.13",  # gcc's: the layer has no headers
    "LANG": "C.UTF-8",
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONPATH": "/site",
}

Place = Callable[[Sequence[str], Output, Output], int]
"""Runs a command, hands on its standard output and its standard error, and returns its exit code."""

Files = Mapping[str, Path]
"""Where a file or folder of this machine is to be, without the first slash → the file or folder."""

# $0: the root; before "--", pairs of a place and what is mounted there. The mounts are gone with the namespace.
_SETUP = """
mount --bind "$0" "$0"
while [ "$1" != -- ]; do
    mkdir -p "$0/$1"
    mount --rbind "$2" "$0/$1"
    shift 2
done
shift
mount -t proc proc "$0/proc"
mount -t tmpfs -o "size={size},mode=1777" tmpfs "$0/tmp"
mount -o remount,bind,ro "$0"
chroot "$0" ip link set lo up
chroot "$0" {user} "$@" || exit $?  # no exec: the kernel keeps signals from the first process
"""


@contextmanager
def on_host(files: Files, cache: Path) -> Iterator[Place]:
    """In a folder of this machine that mmdebstrap makes, in namespaces that end with the command.

    Raises:
        MissingTool: mmdebstrap is not here.
        NoImage: it made none.
    """
    packages = ",".join(PACKAGES)
    name = f"suites-{hashlib.sha256(packages.encode()).hexdigest()[:8]}"  # another list is another root
    root = debian(cache, name, "--variant=minbase", f"--include={packages}")
    isolated = in_namespaces(root, files)
    yield lambda command, output, errors: run_here((*isolated, *command), ENVIRONMENT, output, errors)


def in_namespaces(root: Path, files: Files) -> tuple[str, ...]:
    """The command that runs another one in a root folder, with these files in it; nothing stays of what it writes."""
    uid, gid = USER
    rootless = os.geteuid() != 0  # then there is no other user in the namespace
    user = "" if rootless else shlex.join(("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"))
    namespaces = ("--mount", "--net", "--pid", "--fork", "--kill-child", *(("--map-root-user",) if rootless else ()))
    script = _SETUP.format(size=SCRATCH, user=user)
    mounts = [("dev", "/dev"), ("sys", "/sys"), *((place, str(path)) for place, path in files.items())]
    pairs = (word for pair in mounts for word in pair)
    ending = ("setpriv", "--pdeathsig=SIGKILL")  # with this process: unshare itself heeds no other signal
    return (*ending, "unshare", *namespaces, "sh", "-euc", script, str(root), *pairs, "--")


@contextmanager
def in_container(files: Files, cache: Path, terminal: Terminal) -> Iterator[Place]:
    """In a container.

    Raises what `connect` and `Images.root` raise.
    """
    with connect() as engine:
        engine.sweep()
        root = Images(engine, cache, terminal, known={IMAGE.name: IMAGE}).root(IMAGE.name)
        with TarArchive((0, 0), cache) as tar:
            terminal.note(f"{IMAGE.name}: laying out the layer, the packages and the tests")
            for place, path in files.items():
                tar.add(path, place)
            with (
                temporary_image(engine, root, tar) as prepared,
                Container(engine, prepared, ResourceLimits(MEMORY, scratch=SCRATCH)) as container,
            ):
                yield lambda command, output, errors: container.run(
                    tuple(command),
                    ENVIRONMENT,
                    output,
                    errors=errors,
                    cwd="/tmp",  # noqa: S108
                )
