"""The container is like Lambda's, so that the other tests that pass in it are meaningful."""

import errno
import hashlib
import os
import stat
import zipfile
from pathlib import Path

import pytest

from builder.emulator.call import ENVIRONMENT
from builder.emulator.places import SCRATCH
from tests.in_container import MEMORY
from tools.support.product import TARGET

OPT = Path("/opt")
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""For version 2 and version 1 of the kernel's control groups."""


def test_opt_is_the_zip_that_was_built(layer_zip: Path) -> None:
    with zipfile.ZipFile(layer_zip) as bundle:
        expected = {info.filename: (info.external_attr >> 16, bundle.read(info)) for info in bundle.infolist()}
    found = {}
    for path in OPT.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            found[path.relative_to(OPT).as_posix()] = (mode, os.readlink(path).encode())
        elif path.is_file():
            found[path.relative_to(OPT).as_posix()] = (mode, path.read_bytes())
    assert {name: (mode, hashlib.sha256(data).hexdigest()) for name, (mode, data) in found.items()} == {
        name: (mode, hashlib.sha256(data).hexdigest()) for name, (mode, data) in expected.items()
    }


@pytest.mark.parametrize("folder", ["/", "/opt", f"/opt/lib/{TARGET.executable}", "/etc", "/var", "/usr/bin"])
def test_only_tmp_is_writable(folder: str) -> None:
    with pytest.raises(OSError) as caught:
        Path(folder, "new").touch()
    assert caught.value.errno in (errno.EROFS, errno.EACCES)
    assert os.statvfs(folder).f_flag & os.ST_RDONLY


def test_tmp_is_as_large_as_lambdas_and_runs_programs(tmp_path: Path) -> None:
    assert tmp_path.is_relative_to("/tmp")
    system = os.statvfs("/tmp")
    assert system.f_blocks * system.f_frsize == SCRATCH
    assert not system.f_flag & os.ST_NOEXEC


def test_the_user_is_lambdas_and_has_no_privileges() -> None:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text("ascii").splitlines())
    assert status["Uid"].split() == ["993"] * 4
    assert status["Gid"].split() == ["990"] * 4
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {0}
    assert status["NoNewPrivs"] == "1"


def test_memory_is_limited() -> None:
    limit = next(Path(path) for path in LIMITS if Path(path).exists())
    assert int(limit.read_text("ascii")) == MEMORY


def test_there_is_no_network_except_the_loopback_interface() -> None:
    lines = Path("/proc/net/dev").read_text("ascii").splitlines()[2:]
    assert [line.split(":")[0].strip() for line in lines] == ["lo"]


def test_the_environment_is_lambdas() -> None:
    assert {name: os.environ.get(name) for name in ENVIRONMENT} == ENVIRONMENT


def test_the_tests_run_on_the_layer(layer_zip: Path) -> None:
    assert os.readlink("/proc/self/exe") == f"/opt/bin/{TARGET.executable}"
    assert layer_zip.is_file()
