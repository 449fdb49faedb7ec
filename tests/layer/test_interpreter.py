"""The interpreter, unzipped into a folder other than /opt, and at /opt."""

import json
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builder.interpreters.cpython.product import read_configure, read_modules
from builder.pins import load_pins
from builder.plan.keys import read_materials
from builder.platform import this_machine, version_number
from tools.support.product import CLEAN, PLATFORM, PRODUCT, ROOT, SOABI, TARGET, Layer, output, runner

Evaluate = Callable[[str], Any]


def test_bin_contains_exactly_the_interpreter_and_its_aliases(layer: Layer) -> None:
    assert sorted(path.name for path in (layer.root / "bin").iterdir()) == ["python", "python3", TARGET.executable]


@pytest.mark.parametrize("alias", ["python", "python3", TARGET.executable])
def test_every_alias_runs(layer: Layer, alias: str) -> None:
    assert output((*runner(), str(layer.root / "bin" / alias), "-V")) == f"Python {TARGET.version}\n"


def test_the_interpreter_finds_its_prefix_anywhere_without_warnings(layer: Layer) -> None:
    code = "import json, sys; print(json.dumps([sys.prefix, sys.exec_prefix, sys.path]))"
    command = (layer.python, "-c", code)
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=CLEAN, cwd="/")
    prefix, exec_prefix, path = json.loads(done.stdout)
    assert done.stderr == ""
    assert (prefix, exec_prefix) == (str(layer.root), str(layer.root))
    assert path == [
        "",
        f"{layer.root}/lib/{TARGET.executable.replace('.', '')}.zip",
        *(f"{layer.root}/lib/{TARGET.executable}{folder}" for folder in ("", "/lib-dynload", "/site-packages")),
    ]


def test_at_opt_the_prefix_is_opt(layer: Layer) -> None:
    assert (
        layer.run_at_opt("-c", "import sys; print(sys.prefix, sys.executable)")
        == f"/opt /opt/bin/{TARGET.executable}\n"
    )


def test_every_listed_module_is_built_in(layer: Layer) -> None:
    modules = read_modules(PRODUCT, read_materials()).present
    code = (
        "import importlib, json, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.builtin_module_names)))"
    )
    built_in = json.loads(layer.run("-c", code))
    assert sorted(built_in) == sorted(modules)


@pytest.mark.parametrize("name", sorted(read_modules(PRODUCT, read_materials()).absent))
def test_modules_listed_as_absent_are_absent(layer: Layer, name: str) -> None:
    layer.run("-c", f"try: import {name}\nexcept ModuleNotFoundError: pass\nelse: raise SystemExit('{name} is there')")


def test_every_module_of_the_library_imports(layer: Layer) -> None:
    code = """
import ctypes.util, importlib, pkgutil, sys, warnings
warnings.simplefilter("ignore")
def loads(name):
    try:
        return bool(found := ctypes.util.find_library(name)) and ctypes.CDLL(found)
    except OSError:  # this machine's own library, under qemu
        return False
curses = any(map(loads, ("ncursesw", "ncurses", "curses")))  # for the REPL, from the system
skipped = {"antigravity", "this"}  # they open a browser and print a poem
failed, count = {}, 0
library = f"{sys.prefix}/lib/python{sys.version_info.major}.{sys.version_info.minor}{sys.abiflags}"
for module in pkgutil.walk_packages([library], onerror=lambda name: None):
    name = module.name
    if name in skipped or "__main__" in name or not module.module_finder.path.startswith(library):
        continue
    if name.startswith("_pyrepl.") and not curses:
        continue
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed[name] = repr(error)
    count += 1
print(count > 300 and failed)
"""
    assert layer.run("-c", code).splitlines()[-1] == "{}"


def test_sys_version_contains_the_release_and_the_compiler_and_nothing_about_the_build_machine(
    evaluate: Evaluate,
) -> None:
    version = evaluate("import json, sys; print(json.dumps(sys.version))")
    released = load_pins()[PRODUCT.source].date
    build = "free-threading build " if TARGET.abi_flags else ""
    assert version == f"{TARGET.version} {build}(main, {released:%b %e %Y, %H:%M:%S}) [Clang 22.1.8 ]"


def test_sysconfig_contains_nothing_about_the_build_machine(layer: Layer) -> None:
    code = "import json, sysconfig; print(json.dumps(sysconfig.get_config_vars()))"
    variables = json.loads(layer.run("-c", code, env={"HOME": "/elsewhere"}))
    assert len(variables) > 500
    traces = (str(ROOT), str(Path.home()), f"@{platform.node()}", "/deps/", "/src/", "zig", "-Xclang", "cc-link")
    for name, value in variables.items():
        text = str(value).replace(str(layer.root), "")
        assert not [trace for trace in traces if trace in text], f"{name} = {value}"


@pytest.mark.skipif(
    version_number(TARGET.series) >= (3, 15), reason="sysconfig has no names with an underscore in front, as since 3.15"
)
def test_the_eval_loop_has_tail_calls_where_the_product_says_so(evaluate: Evaluate) -> None:
    options = {option.text for option in read_configure(PRODUCT, PLATFORM, read_materials()).options}
    found = evaluate("import json, sysconfig; print(json.dumps(sysconfig.get_config_var('Py_TAIL_CALL_INTERP')))")
    assert bool(found) == ("--with-tail-call-interp" in options)


ABSENT = """
import importlib, json, os, sysconfig
def has(name):
    try:
        return bool(importlib.import_module(name))
    except ImportError:
        return False
absent = ["boto3", "botocore", "curses", "dbm.gnu", "dbm.ndbm", "ensurepip", "idlelib", "jmespath", "pip", "pydoc_data",
    "readline", "s3transfer", "simplejson", "six", "test", "tkinter", "turtle", "turtledemo", "urllib3"]
present = ["dbm.dumb", "dbm.sqlite3", "venv", "zoneinfo"]
headers, shared = os.path.exists(sysconfig.get_path("include")), sysconfig.get_config_var("Py_ENABLE_SHARED")
print(json.dumps([list(filter(has, absent)), all(map(has, present)), headers, shared]))
"""


def test_what_differs_from_the_managed_runtime_is_as_the_page_on_it_says(layer: Layer) -> None:
    """docs/differences.md; a Python that is not the loop's has no layers' packages on its path."""
    assert json.loads(layer.run("-c", ABSENT)) == [[], True, False, 0]
    assert not [path for path in layer.root.rglob("*") if path.name.startswith(("libpython", "Python.h"))]


@pytest.mark.skipif(
    TARGET.series == "3.13" and PLATFORM.cpu != this_machine(), reason="it may find this machine's curses, under qemu"
)
def test_the_shell_of_asyncio_starts(layer: Layer) -> None:
    assert "4\n" in layer.run("-m", "asyncio", input="import asyncio\nawait asyncio.sleep(0, 2 + 2)\n")


def test_sysconfig_has_the_values_that_installers_use(evaluate: Evaluate) -> None:
    code = """
import json, sysconfig
names = ["EXT_SUFFIX", "SOABI", "MULTIARCH", "VERSION", "Py_GIL_DISABLED", "Py_DEBUG", "SIZEOF_VOID_P"]
print(json.dumps([sysconfig.get_platform(), sysconfig.get_config_vars(*names)]))
"""
    found_platform, values = evaluate(code)
    assert found_platform == f"linux-{PLATFORM.cpu.machine}"
    no_gil = int("t" in TARGET.abi_flags)
    assert values == [f".{SOABI}.so", SOABI, PLATFORM.triplet, TARGET.series, no_gil, 0, 8]


def test_paths_in_bytecode_are_lambdas(layer: Layer) -> None:
    assert (
        layer.run("-c", "import json; print(json.dumps.__code__.co_filename)")
        == f"/opt/lib/{TARGET.executable}/json/__init__.py\n"
    )


def test_nothing_is_written_into_the_layer(layer: Layer) -> None:
    before = sorted(path for path in layer.root.rglob("*"))
    layer.run("-c", "import asyncio, email, sqlite3, xml.etree.ElementTree")
    assert sorted(path for path in layer.root.rglob("*")) == before


def test_a_recursion_in_c_ends_with_an_error_whatever_it_calls_last(layer: Layer) -> None:
    """CPython looks how much of the stack is left before it calls itself, not before it calls what takes much of it."""
    code = """
import pickle
from collections import Counter
def works(depth):
    value = Counter  # pickle looks a class up in its module
    for _ in range(depth):
        value = [value]
    try:
        pickle.dumps(value)
    except RecursionError:
        return False
    return True
low, high = 0, 200_000
while high - low > 1:
    middle = (low + high) // 2
    low, high = (middle, high) if works(middle) else (low, middle)
for depth in range(low - 200, low + 10, 3):
    works(depth)
print("no crash")
"""
    assert layer.run("-c", code) == "no crash\n"
