"""The audit finds the same violations in a real compiler's programs as in the unit tests' hand-made files."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from builder.artifacts.audit import audit
from builder.artifacts.deterministic_zip import EXECUTABLE, Entry
from builder.context import cache_folder
from builder.errors import AuditFailed
from builder.flags import words
from builder.plan.keys import read_materials
from builder.plan.steps import Pack
from builder.platform import Platform, this_machine
from builder.store import Store
from builder.toolchain import LINKER_FLAGS, wrappers
from tools.support.product import PLATFORM

from .build_cache import planned

PROGRAM = """
#include <pthread.h>
static void *nothing(void *given) { return given; }
void *Py_table[] = {nothing};
int own(void) { pthread_t one; return pthread_create(&one, 0, nothing, 0); }
int main(void) { return own(); }
#ifdef ADDRESS_IN_CODE
__asm__(".text; .quad Py_table"); /* needs a relocation in executable memory */
#endif
"""
HARDENED = words(LINKER_FLAGS)
EXPORTS = ("-Wl,--export-dynamic", "-Wl,--version-script=exports.map")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for programs; all tests in this file share its compiler caches."""
    programs = tmp_path_factory.mktemp("programs")
    (programs / "program.c").write_text(PROGRAM, encoding="utf-8")
    (programs / "exports.map").write_text("{ global: Py*; local: *; };", encoding="utf-8")
    return programs


def violations(folder: Path, *flags: str, platform: Platform = PLATFORM, compiler: tuple[str, ...] = ()) -> set[str]:
    """The audit's violations for the program, linked with some flags."""
    steps = planned()
    layer = steps["layer"].work
    assert isinstance(layer, Pack)
    zig = Store(cache_folder()).result(steps["toolchain"]) / "ziglang" / "zig"
    if not zig.exists():
        pytest.fail("the compiler is not unpacked yet: run `nox -s build_layer`", pytrace=False)
    for name, text in wrappers(platform, this_machine(), read_materials()).items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    environment = {
        "PATH": os.pathsep.join((str(folder), os.environ["PATH"])),
        "ZIG": str(zig),
        "TMPDIR": str(folder),
        "ZIG_GLOBAL_CACHE_DIR": str(folder / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(folder / "zig"),
    }
    compile_command = ("cc", "-O2", "-g0", *compiler, "-c", "program.c", "-o", "program.o")
    for command in (compile_command, ("cc-link", *flags, "program.o", "-o", "program")):
        subprocess.run(command, cwd=folder, env=environment, check=True)
    program = Entry("bootstrap", (folder / "program").read_bytes(), EXECUTABLE)
    with pytest.raises(AuditFailed) as caught:  # it does not use all protections
        audit((program,), PLATFORM, layer.rules, ())
    return {line.strip().removeprefix("bootstrap: ") for line in caught.value.why.splitlines()}


@pytest.fixture(scope="module")
def hardened(folder: Path) -> set[str]:
    """Violations of the properly linked program: only that it is too small to need every protection."""
    found = violations(folder, *HARDENED, *EXPORTS)
    assert all(violation.startswith("does not use glibc's ") for violation in found)
    return found


@pytest.mark.parametrize(
    ("flags", "violation"),
    [
        ((*EXPORTS, "-Wl,-z,norelro"), "has no RELRO segment"),
        ((*EXPORTS, "-Wl,-z,lazy"), "is not linked with BIND_NOW"),
        ((*EXPORTS, "-Wl,-z,execstack"), "has an executable stack"),
        ((*EXPORTS, "-Wl,--omagic,-Bdynamic"), "has a segment that is both writable and executable"),
        ((*EXPORTS, "-Wl,--disable-new-dtags", "-Wl,-rpath,/somewhere"), "has DT_RPATH"),
        ((*EXPORTS, "-Wl,--enable-new-dtags", "-Wl,-rpath,/somewhere"), "has DT_RUNPATH"),
        (("-shared", "-Wl,-z,notext", *EXPORTS), "has DT_TEXTREL"),
        (("-Wl,--export-dynamic",), "exports "),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_a_program_without_a_hardening_flag_is_reported(
    folder: Path, hardened: set[str], flags: tuple[str, ...], violation: str
) -> None:
    compiler = ("-fPIC", "-DADDRESS_IN_CODE") if "-shared" in flags else ()
    found = violations(folder, *HARDENED, *flags, compiler=compiler)
    assert any(each.startswith(violation) for each in found - hardened)


def test_a_program_with_its_symbol_table_is_reported(folder: Path, hardened: set[str]) -> None:
    flags = tuple(flag for flag in HARDENED if flag != "-s")
    found = violations(folder, *flags, *EXPORTS) - hardened
    assert "is not stripped" in found
    assert any(each.startswith("holds 'ziglang/'") for each in found)  # where the start-up files were compiled


def test_a_program_for_a_newer_glibc_is_reported(folder: Path, hardened: set[str]) -> None:
    # pthread_create moved into libc itself, under a new symbol version.
    found = violations(folder, *HARDENED, *EXPORTS, platform=replace(PLATFORM, glibc="2.34"))
    assert found - hardened == {f"needs glibc 2.34, above {PLATFORM.glibc}"}


def test_a_program_that_needs_another_library_is_reported(folder: Path, hardened: set[str]) -> None:
    # Any file with that soname will do, even this program itself.
    violations(folder, *HARDENED, "-shared", "-Wl,-soname,libown.so.1", compiler=("-fPIC",))
    (folder / "program").rename(folder / "libown.so")
    found = violations(folder, *HARDENED, *EXPORTS, "-Wl,--no-as-needed", "libown.so")
    assert found - hardened == {"needs the library libown.so.1"}
