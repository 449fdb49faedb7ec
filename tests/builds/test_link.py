"""cc-link: LLD's own link, with an empty compiler cache, when zig's output is the longest."""

import io
import os
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from builder.context import cache_folder
from builder.plan.keys import read_materials
from builder.platform import this_machine
from builder.store import Store
from builder.toolchain import wrappers
from tools.support.product import PLATFORM

from .build_cache import planned

PROGRAM = """
#include <math.h>
#include <string.h>
__attribute__((noinline)) double Py_twice(double x) { return 2 * exp(x); }
__attribute__((noinline)) unsigned __int128 other(unsigned __int128 a, unsigned __int128 b) { return a * b; }
int main(int count, char **words) {
    char copy[4096];
    memcpy(copy, words[0], strlen(words[0]) + 1);
    return Py_twice(count) < 0 || other(count, 3) < 3 || copy[0] == 0;
}
"""
EXPORTS = "{ global: Py*; local: *; };"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment to call the compiler's scripts in; they and a program are in its TMPDIR."""
    zig = Store(cache_folder()).result(planned()["toolchain"]) / "ziglang" / "zig"
    if not zig.exists():
        pytest.fail("the compiler is not unpacked yet: run `nox -s build_layer`", pytrace=False)
    for name, text in wrappers(PLATFORM, this_machine(), read_materials()).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "program.c").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "exports.map").write_text(EXPORTS, encoding="utf-8")
    caches = {f"ZIG_{kind}_CACHE_DIR": str(tmp_path / kind) for kind in ("GLOBAL", "LOCAL")}
    path = os.pathsep.join((str(tmp_path), os.environ["PATH"]))
    return {"PATH": path, "ZIG": str(zig), "TMPDIR": str(tmp_path), **caches}


def link(environment: dict[str, str], *flags: str) -> tuple[set[str], set[str]]:
    """Links the program; returns the symbols that it imports and exports."""
    folder = Path(environment["TMPDIR"])
    for command in (
        ("cc", "-O2", "-fno-builtin", "-c", "program.c"),
        (
            "cc-link",
            "-pthread",
            "-Wl,--export-dynamic,--version-script=exports.map",
            "program.o",
            "-lm",
            "-o",
            "program",
        ),
        ("./program",),
    ):
        subprocess.run((*command, *(flags if command[0] == "cc-link" else ())), cwd=folder, env=environment, check=True)
    symbols = ELFFile(io.BytesIO((folder / "program").read_bytes())).get_section_by_name(".dynsym")
    assert isinstance(symbols, SymbolTableSection)
    named = [symbol for symbol in symbols.iter_symbols() if symbol.name]
    imports = {symbol.name for symbol in named if symbol["st_shndx"] == "SHN_UNDEF"}
    return imports, {symbol.name for symbol in named} - imports


def test_only_the_listed_symbols_are_exported(environment: dict[str, str]) -> None:
    _, exports = link(environment)
    assert exports == {"Py_twice"}


def test_glibcs_functions_are_not_replaced_by_compiler_rts(environment: dict[str, str]) -> None:
    imports, _ = link(environment)
    assert {"memcpy", "strlen", "exp"} <= imports


def test_a_function_that_only_compiler_rt_has_is_an_error(environment: dict[str, str]) -> None:
    source = Path(environment["TMPDIR"], "program.c")
    source.write_text(PROGRAM.replace("a * b", "a / b"), encoding="utf-8")
    with pytest.raises(subprocess.CalledProcessError):
        link(environment)


def test_only_the_named_functions_of_compiler_rt_are_linked(environment: dict[str, str]) -> None:
    folder = Path(environment["TMPDIR"])
    (folder / "program.c").write_text(PROGRAM.replace("a * b", "a * b / (a + b - 3)"), encoding="utf-8")
    subprocess.run(("cc-builtins", "builtins.o", "__udivti3"), cwd=folder, env=environment, check=True)
    imports, _ = link(environment, "builtins.o")
    assert {"memcpy", "strlen", "exp"} <= imports
