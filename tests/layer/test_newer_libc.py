"""What glibc has only since versions newer than the layer's floor works, on an older one too."""

import platform
from pathlib import Path

from builder.platform import version_number
from tools.support.product import PRODUCT, Layer


def glibc() -> tuple[int, ...]:
    """The version that the tests run with."""
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
    can = PRODUCT.variant == "fast" and glibc() >= (2, 34)
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
