"""Builds with instruments: CPython with assertions, with sanitizers, and without a GIL, by the machine's clang.

Stock and patched are made alike, of the sources and patches that the products are made of, and linked with the
products' libraries. What a build is made of is its key in the store, the compiler's version included.
"""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from builder.errors import MissingTool
from builder.flags import Flag, joined, words
from builder.interpreters.cpython import recipe as cpython
from builder.interpreters.cpython.product import read_modules
from builder.plan.steps import Step
from builder.platform import make_platform, this_machine
from builder.product import Product
from builder.recipes import AUTOCONF, Recipe, make_out
from tools.prove.interpreters import LIMIT, Interpreter, Pair
from tools.prove.steps import Workshop
from tools.regrtest.modules import FOR_TESTS

INSTALL = "On Debian or Ubuntu: apt-get install clang llvm libclang-rt-14-dev (or another version's)."
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
PROGRAMS = ("clang", "ar", "ranlib", "ld")
"""What the machine gives to these builds."""

FOLDER = "build"
"""Below a build's result: the built source tree, without object files."""

OPTIONS = (
    Flag("--without-ensurepip", "nothing is installed"),
    Flag("--enable-loadable-sqlite-extensions", "as the product has it"),
    Flag("--with-openssl=../deps/openssl", "the product's"),
    Flag("--with-system-expat=no --with-system-libmpdec=no --with-readline=no", "as the product has it"),
    Flag("--with-pkg-config=no", "the machine's libraries are not asked for"),
)

OPTIMISATION = Flag("-O1 -g -Wall", "several times as fast as without, and stacks can still be read")

_SANITIZED = Flag("-fno-omit-frame-pointer", "reports show whole stacks")


@dataclass(frozen=True)
class Kind:
    """One way to build."""

    name: str
    options: tuple[Flag, ...]
    flags: tuple[Flag, ...] = ()
    """For compiler and linker."""
    runs: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: {"": {}})
    """Name of a way to run it → variables."""
    slower: float = 3.0
    """Times as long as it takes the product, about: limits are that much longer."""
    suppressions: str = ""
    """CPython's own file of races that it knows of, in its sources."""


NO_LEAKS = "detect_leaks=0:allocator_may_return_null=1:handle_segv=0"
"""ASan's options: at its end an interpreter may leave memory to the kernel; a failing allocation is a MemoryError; and
a crash is the interpreter's own to tell of, which tests of it expect."""

DEBUG = Flag("--with-pydebug", "assertions, checks of the allocator, and of reference counts")
KINDS = {
    kind.name: kind
    for kind in (
        Kind("assertions", (DEBUG,)),
        Kind(
            "address",
            (DEBUG,),
            (Flag("-fsanitize=address -fsanitize=undefined", "memory and undefined behavior"), _SANITIZED),
            {"": {}, "malloc": {"PYTHONMALLOC": "malloc"}},
            slower=12.0,
        ),
        Kind(
            "thread",
            (DEBUG,),
            (Flag("-fsanitize=thread", "data races"), _SANITIZED),
            slower=30.0,
            suppressions="Tools/tsan/suppressions.txt",
        ),
        Kind("free-threaded", (DEBUG, Flag("--disable-gil", "no GIL, and another collector")), slower=5.0),
    )
}


def build(workshop: Workshop, kind: Kind, stock: Product, product: Product) -> Pair:
    """Both builds, from the store or made now.

    Raises:
        MissingTool: there is no clang, or it lacks what the sanitizers need.
    """
    version = _check_compiler(kind)
    steps = [_step(workshop, kind, each, version) for each in (stock, product)]
    results = workshop.run(*steps)
    return Pair(*(_built(kind, each, result) for each, result in zip((stock, product), results, strict=True)))


def _built(kind: Kind, product: Product, result: Path) -> Interpreter:
    environment = dict(SANITIZER_OPTIONS)
    if kind.suppressions:
        environment["TSAN_OPTIONS"] += f":suppressions={result / FOLDER / kind.suppressions}"
    return Interpreter(f"{kind.name}-{product.name}", result / FOLDER / "python", environment, LIMIT * kind.slower)


SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": NO_LEAKS,
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=0:exitcode=0:history_size=7",
}
"""What the sanitizers' runtimes are told wherever nothing else is said; a build without them reads none of it."""


def _check_compiler(kind: Kind) -> str:
    """The compiler's version."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=SYSTEM_PATH) is None]
    why = f"Not found: {', '.join(missing)}."
    if not missing:
        trial = ("clang", *words(kind.flags), "-x", "c", "-", "-o", "/dev/null")
        done = subprocess.run(trial, input="int main(void) { return 0; }", capture_output=True, text=True, check=False)
        why = done.stderr.strip()[-300:]
        if not done.returncode:
            return subprocess.run(("clang", "--version"), capture_output=True, text=True, check=True).stdout
    raise MissingTool(f"The build {kind.name!r} needs the machine's clang with its sanitizers.", why, INSTALL)


def _step(workshop: Workshop, kind: Kind, product: Product, compiler: str) -> Step:
    scripts = {name: f'#!/bin/sh\nPATH={SYSTEM_PATH} exec {name} "$@"\n' for name in PROGRAMS}
    return workshop.step(product, kind.name, _recipe(workshop, kind, product), scripts, {"compiler": compiler})


def _recipe(workshop: Workshop, kind: Kind, product: Product) -> Recipe:
    files, platform = workshop.repository.files, make_platform(this_machine().lambda_name)
    shipped = cpython.recipe(product, platform, files)
    freeze = next(command for command in shipped.commands if "Tools/build/freeze_modules.py" in command)
    absent = read_modules(product, files).absent
    wanted = [name for name, why in absent.items() if why in FOR_TESTS]
    flags = joined(kind.flags)
    return Recipe(
        source=product.source,
        kind="interpreter",
        needs=shipped.needs,
        environment={
            **AUTOCONF,
            **{name: text for name, text in shipped.environment.items() if name.endswith(("_CFLAGS", "_LIBS"))},
            "CC": "clang",
            "OPT": OPTIMISATION.text,
            "CFLAGS": flags,
            "LDFLAGS": flags,
            **SANITIZER_OPTIONS,
        },
        files={"config.site": "".join(f"py_cv_module_{name}=n/a\n" for name in absent if name not in wanted)},
        commands=(
            freeze,
            ("./configure", *words(OPTIONS + kind.options)),
            ("make", "all"),
            ("find", ".", "-name", "*.o", "-delete"),
            ("find", ".", "-name", "*.a", "-delete"),
            # So that each test's process does not compile what it imports; by the source's hash, for copies are newer.
            (freeze[0], "-m", "compileall", "-q", "--invalidation-mode=checked-hash", "-x", "bad|lib2to3", "Lib"),
            make_out(FOLDER),
            ("cp", "-R", ".", f"../out/{FOLDER}"),
        ),
    )


def laid_out(interpreter: Interpreter, folder: Path) -> Interpreter:
    """A build's interpreter in a copy of its folder, for tests that write there; files are linked, not copied."""
    place = folder / interpreter.name
    if not place.exists():
        shutil.copytree(interpreter.python.parent, place, symlinks=True, copy_function=_link)
    return Interpreter(interpreter.name, place / "python", interpreter.environment, interpreter.limit)


def _link(source: str, destination: str) -> None:
    Path(destination).hardlink_to(source)
