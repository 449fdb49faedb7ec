"""CPython: one executable that holds every extension module and every library."""

import tomllib
from dataclasses import dataclass

from builder import ROOT
from builder.errors import BadPins
from builder.interpreters.cpython.bytecode import WITHOUT_COLUMNS
from builder.platform import Target
from builder.recipes import AUTOCONF, BUILD_TRIPLET, Recipe, make_out
from builder.toolchain import COMPILER_FLAGS, INTERPRETER_FLAGS, INTERPRETER_LINKER_FLAGS, LINKER_FLAGS, joined

MODULES_FILE = ROOT / "products" / "cpython-3.13" / "modules.toml"
SYMBOL_ORDER = ROOT / "products" / "cpython-3.13" / "fast.symbols.txt"
NATIVE = ROOT / "runtime" / "native"
NATIVE_MODULE = "_layer_runtime"

# configure's questions that take running a program, answered for Linux with glibc 2.26.
ANSWERS = {
    "ac_cv_file__dev_ptmx": "yes",
    "ac_cv_file__dev_ptc": "no",
    "ac_cv_aligned_required": "no",
    "ac_cv_broken_mbstowcs": "no",
    "ac_cv_broken_nice": "no",
    "ac_cv_broken_poll": "no",
    "ac_cv_broken_sem_getvalue": "no",
    "ac_cv_buggy_getaddrinfo": "no",
    "ac_cv_computed_gotos": "yes",
    "ac_cv_have_chflags": "no",
    "ac_cv_have_lchflags": "no",
    "ac_cv_kpthread": "no",
    "ac_cv_kthread": "no",
    "ac_cv_posix_semaphores_enabled": "yes",
    "ac_cv_pthread": "yes",
    "ac_cv_pthread_is_default": "no",
    "ac_cv_pthread_system_supported": "yes",
    "ac_cv_rshift_extends_sign": "yes",
    "ac_cv_working_tzset": "yes",
    "ac_cv_x87_double_rounding": "no",
}
PROCESSOR_ANSWERS = {
    # configure asks the second only after it has set up libmpdec by the answer: decimal would divide in plain C.
    "x86_64": {"ac_cv_wchar_t_signed": "yes", "ac_cv_gcc_asm_for_x64": "yes"},
    "aarch64": {"ac_cv_wchar_t_signed": "no", "ac_cv_gcc_asm_for_x64": "no"},
}

# What compilers call where a processor has no instruction, and is not in glibc: by processor.
BUILTINS = {
    "x86_64": (),
    "aarch64": (
        "__clear_cache",  # libffi, when it has written code
        *("__extenddftf2", "__trunctfdf2"),  # ctypes.c_longdouble has 128 bits
        *("__udivti3", "__umodti3"),  # decimal divides 128 bits by 64
    ),
}

EXPORTS = """\
/* What extension modules may link to. OpenSSL, SQLite and the others stay inside, so that a wheel which brings its own
   copy finds its own. */
{
  global: Py*; _Py*;
  local: *;
};
"""

# configure's name of a library → our name of it, and what to link.
LIBRARIES = {
    "ZLIB": ("zlib", "-lz"),
    "BZIP2": ("bzip2", "-lbz2"),
    "LIBLZMA": ("xz", "-llzma"),
    "LIBFFI": ("libffi", "-lffi"),
    "LIBUUID": ("libuuid", "-luuid"),
    "LIBSQLITE3": ("sqlite", "-lsqlite3 -lm"),
}

NEEDS = ("build_python", "openssl", *(name for name, _ in LIBRARIES.values()))

LINK_OPTIONS = (
    "-Wl,--export-dynamic -Wl,--version-script=../exports.map",
    # What a start touches lies together: fewer pages to read and to keep.
    "-Wl,--symbol-ordering-file=../start-order.txt -Wl,--no-warn-symbol-ordering",
    "-Wl,--Map=../out/link.map",  # what is where, for those who ask; it does not ship
)

OPTIONS = (
    BUILD_TRIPLET,
    "--prefix=/opt",
    "--without-ensurepip",
    "--without-static-libpython",  # libpython.a is half the link and nobody gets it
    "--disable-test-modules",
    "--enable-ipv6",
    "--enable-loadable-sqlite-extensions",
    "--with-computed-gotos",
    "--with-openssl=../deps/openssl",
    "--with-system-expat=no",  # the bundled copies are the ones CPython is tested with
    "--with-system-libmpdec=no",
    "--with-readline=no",
)


@dataclass(frozen=True)
class Modules:
    """Which of CPython's extension modules are in the interpreter, and why the others are not."""

    present: tuple[str, ...]
    absent: dict[str, str]
    """Name → reason."""


def read_modules() -> Modules:
    """The list of ``modules.toml``; `BadPins` if a module is in both halves or an absent one has no reason."""
    data = tomllib.loads(MODULES_FILE.read_text(encoding="utf-8"))
    modules = Modules(tuple(data["present"]), dict(data["absent"]))
    both = set(modules.present) & set(modules.absent)
    if both or not all(modules.absent.values()):
        raise BadPins(
            f"{MODULES_FILE.name} contradicts itself.",
            f"In both lists: {sorted(both)}; every absent module needs a reason.",
            "Mend the file.",
        )
    return modules


def recipe(target: Target) -> Recipe:
    series = target.series
    python = f"deps/build_python/bin/python{series}"
    answers = {
        **ANSWERS,
        **PROCESSOR_ANSWERS[target.cpu.machine],
        **{f"py_cv_module_{name}": "n/a" for name in read_modules().absent},
    }
    libraries = {
        variable: text
        for prefix, (name, link) in LIBRARIES.items()
        for variable, text in (
            (f"{prefix}_CFLAGS", f"-I../deps/{name}/include"),
            (f"{prefix}_LIBS", f"-L../deps/{name}/lib {link}"),
        )
    }
    builtins = BUILTINS[target.cpu.machine]
    made = ("../builtins.o",) if builtins else ()
    return Recipe(
        source="cpython",
        needs=NEEDS,
        environment={
            **AUTOCONF,
            **libraries,
            **WITHOUT_COLUMNS,  # in what is frozen
            "LINKCC": "cc-link",
            "MODULE_BUILDTYPE": "static",  # extension modules go into the executable
            "OPT": "-DNDEBUG",
            "CFLAGS": joined(COMPILER_FLAGS),
            "CFLAGS_NODIST": joined(INTERPRETER_FLAGS),
            "LDFLAGS": joined(LINKER_FLAGS),
            "LINKFORSHARED": " ".join((*LINK_OPTIONS, joined(INTERPRETER_LINKER_FLAGS), *made)),
        },
        files={
            "config.site": "".join(f"{question}={answer}\n" for question, answer in answers.items()),
            "exports.map": EXPORTS,
            "start-order.txt": SYMBOL_ORDER.read_text(encoding="utf-8"),
            **_native_files(),
        },
        commands=(
            # CPython's own tool; a patch says what it is to freeze.
            (f"../{python}", "-S", "Tools/build/freeze_modules.py", "--frozen-modules"),
            (
                "./configure",
                f"--host={target.triplet}",
                f"--with-build-python=../{python}",
                *OPTIONS,
            ),
            make_out("bin", "lib"),
            *(("cc-builtins", name, *builtins) for name in made),
            ("make", "CC=cc-profiled", "python", "pybuilddir.txt"),
            ("cp", "python", f"../out/bin/python{series}"),
            ("cp", "-R", "Lib", f"../out/lib/python{series}"),
            # The folder's name holds the platform; there is one such file.
            ("sh", "-c", f"cp build/lib.*/_sysconfigdata_*.py ../out/lib/python{series}"),
        ),
    )


def _native_files() -> dict[str, str]:
    """The loop's own part in C, where CPython builds its modules, and the line that adds it to them."""
    sources = {f"src/Modules/{path.name}": path.read_text(encoding="utf-8") for path in sorted(NATIVE.iterdir())}
    return {**sources, "src/Modules/Setup.local": f"{NATIVE_MODULE} {NATIVE_MODULE}.c\n"}
