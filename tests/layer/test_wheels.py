"""Wheels from PyPI, whose compiled code was built for other builds of Python, load into this one."""

from pathlib import Path

import pytest

from tools.support.product import PRODUCT, Layer
from tools.support.wheels import install_wheels

pytestmark = pytest.mark.skipif(PRODUCT.preview, reason="no packages are locked for a preview")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_wheels("wheels", tmp_path_factory.mktemp("site"))


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
