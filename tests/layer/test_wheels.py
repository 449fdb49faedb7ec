"""Wheels from PyPI whose compiled code was built for somebody else's Python load into this one."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.product import ROOT, TARGET, Layer


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels of requirements/wheels.txt, as a function's package would have them."""
    folder = tmp_path_factory.mktemp("site")
    platforms = (f"manylinux_2_{minor}_{TARGET.cpu.machine}" for minor in range(17, 27))
    command = (
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", f"--target={folder}"),
        *(
            "--only-binary=:all:",
            f"--python-version={TARGET.series}",
            "--implementation=cp",
            f"--abi=cp{TARGET.series.replace('.', '')}",
        ),
        *(f"--platform={name}" for name in (*platforms, f"manylinux2014_{TARGET.cpu.machine}")),
        f"--requirement={ROOT / 'requirements' / 'wheels.txt'}",
    )
    subprocess.run(command, check=True)
    return folder


def test_a_compiled_wheel_loads_and_works(layer: Layer, site: Path) -> None:
    code = "import simplejson, simplejson._speedups as c; print(c.__file__.endswith('.so'), simplejson.dumps({'a': 1}))"
    assert layer.run("-c", code, env={"PYTHONPATH": str(site)}) == 'True {"a": 1}\n'


def test_a_wheel_with_its_own_copy_of_a_library_uses_its_own(layer: Layer, site: Path) -> None:
    code = """
import ctypes, cffi, _cffi_backend
ffi = cffi.FFI()
ffi.cdef("size_t strlen(const char *);")
called = ffi.callback("int(int)", lambda value: value + 1)
ours = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda value: value + 1)
print(ffi.dlopen(None).strlen(b"four"), called(41), ours(41))
"""
    assert layer.run("-c", code, env={"PYTHONPATH": str(site)}) == "4 42 42\n"
