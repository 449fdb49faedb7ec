"""What glibc has only since versions newer than the layer's floor works, on an older one too."""

import platform
import tomllib
from pathlib import Path

import pytest

from builder.interpreters.cpython.product import read_modules
from builder.interpreters.cpython.trim import read_omissions
from builder.plan.keys import read_materials
from builder.platform import version_number
from tools.support.product import PLATFORM, PRODUCT, TARGET, Layer

NAMES = Path(__file__).with_name("names")
ARCHITECTURE = PLATFORM.cpu.lambda_name

Names = dict[str, set[str]]
"""A module's name → its public names."""


def _parsed(text: str) -> Names:
    return {module: set(names.split()) for module, _, names in (line.partition(":") for line in text.splitlines())}


@pytest.fixture(scope="module")
def names(layer: Layer) -> Names:
    return _parsed(layer.run("-S", "-c", (NAMES / "list_names.py").read_text("utf-8")))


@pytest.fixture(scope="module")
def others_names() -> Names:
    """What the other CPython of the series has."""
    file = NAMES / f"{TARGET.series}.txt"
    if not file.exists():
        pytest.skip(f"nobody has listed the names of CPython {TARGET.series}")
    return _parsed(file.read_text("utf-8"))


def test_missing_modules_are_left_out_for_a_reason(names: Names, others_names: Names) -> None:
    files = read_materials()
    path = PRODUCT.file("omissions.toml")
    omitted = {each for omission in read_omissions(files.text(path), path) for each in omission.paths}
    folders = {each.removesuffix(".py").replace("/", ".") for each in omitted} | set(
        read_modules(PRODUCT, files).absent
    )
    missing = others_names.keys() - names.keys()
    assert {each for each in missing if not any(f"{each}.".startswith(f"{folder}.") for folder in folders)} == set()


def test_missing_names_are_missing_for_a_reason(names: Names, others_names: Names) -> None:
    explained: Names = {}
    for entry in tomllib.loads((NAMES / "missing.toml").read_text("utf-8"))["missing"]:
        assert entry["why"]
        if (
            TARGET.series in entry.get("series", [TARGET.series])
            and PRODUCT.variant in entry.get("variants", [PRODUCT.variant])
            and ARCHITECTURE in entry.get("architectures", [ARCHITECTURE])
            and _glibc() < version_number(entry.get("before_glibc", "3"))
        ):
            for module in entry["modules"]:
                explained.setdefault(module, set()).update(entry["names"])
    missing = {each: others_names[each] - names[each] for each in names.keys() & others_names.keys()}
    assert {module: lost for module, lost in missing.items() if lost} == explained


def _glibc() -> tuple[int, ...]:
    return version_number(platform.libc_ver()[1])


def test_files_in_memory_can_be_sealed(layer: Layer) -> None:
    code = """
import fcntl, os
descriptor = os.memfd_create("name", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
os.write(descriptor, b"text")
fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
try:
    os.write(descriptor, b"more")
except PermissionError:
    print(os.pread(descriptor, 9, 0), os.get_inheritable(descriptor), os.readlink(f"/proc/self/fd/{descriptor}"))
try:
    os.memfd_create("x" * 300)
except OSError as error:
    print(error.strerror)
"""
    assert layer.run("-c", code) == "b'text' False /memfd:name (deleted)\nInvalid argument\n"


def test_the_kernel_copies_between_files(layer: Layer, tmp_path: Path) -> None:
    (tmp_path / "from").write_bytes(b"0123456789")
    code = """
import os, sys
source, target = os.open("from", os.O_RDONLY), os.open("to", os.O_RDWR | os.O_CREAT)
print(os.copy_file_range(source, target, 4), os.copy_file_range(source, target, 100, offset_src=8, offset_dst=6))
print(os.lseek(source, 0, os.SEEK_CUR), os.lseek(target, 0, os.SEEK_CUR), os.pread(target, 99, 0))
try:
    os.copy_file_range(source, -1, 1)
except OSError as error:
    print(error.strerror)
"""
    expected = "4 2\n4 4 b'0123\\x00\\x0089'\nBad file descriptor\n"
    assert layer.run("-c", code, cwd=tmp_path) == expected


def test_programs_inherit_only_what_they_are_to(layer: Layer) -> None:
    """By ``posix_spawn()`` where libc can close descriptors there, else after a fork."""
    code = """
import os, subprocess
inherited = [os.open("/dev/null", os.O_RDONLY) for _ in range(300)]
for each in inherited:
    os.set_inheritable(each, True)
for keywords in ({}, {"pass_fds": inherited[100:102]}, {"close_fds": False}):
    listed = subprocess.run(["/bin/ls", "/proc/self/fd"], stdout=subprocess.PIPE, check=True, **keywords).stdout.split()
    print(len(listed))
os.closerange(inherited[0], inherited[-1] + 1)
try:
    os.fstat(inherited[-1])
except OSError as error:
    print(error.strerror)
"""
    assert layer.run("-c", code) == "4\n6\n304\nBad file descriptor\n"


def test_a_program_is_spawned_without_descriptors_where_libc_can(layer: Layer) -> None:
    code = """
import os
os.set_inheritable(os.open("/dev/null", os.O_RDONLY), True)
actions = [(os.POSIX_SPAWN_CLOSEFROM, 3)] if hasattr(os, "POSIX_SPAWN_CLOSEFROM") else []
program = ["/bin/sh", "-c", "test -e /proc/self/fd/3"]
spawned = os.posix_spawn(program[0], program, {}, file_actions=actions)
print(bool(actions), os.waitstatus_to_exitcode(os.waitpid(spawned, 0)[1]))
"""
    can = PRODUCT.variant == "fast" and _glibc() >= (2, 34)
    assert layer.run("-c", code) == ("True 1\n" if can else "False 0\n")


def test_a_wait_with_a_limit_ends_in_time(layer: Layer) -> None:
    """By the clock that nobody sets where libc can, else by the other; not before its time in either case."""
    code = """
import threading, time
lock = threading.Lock()
lock.acquire()
for limit in (0.0, 0.000001, 0.05, 1.1):
    start = time.monotonic()
    assert not lock.acquire(timeout=limit)
    assert time.monotonic() - start >= limit
threading.Timer(0.05, lock.release).start()
print(lock.acquire(timeout=threading.TIMEOUT_MAX), time.monotonic() - start < 60)
"""
    assert layer.run("-c", code) == "True True\n"
