"""CPython: one executable that holds every extension module and every library."""

from builder.flags import Flag, joined, words
from builder.interpreters.cpython.bytecode import WITHOUT_COLUMNS
from builder.interpreters.cpython.product import executable_of, read_configure, read_modules
from builder.plan.keys import Materials
from builder.platform import Platform
from builder.product import Product
from builder.recipes import AUTOCONF, BUILD_TRIPLET, Recipe, make_out
from builder.toolchain import COMPILER_FLAGS, INTERPRETER_FLAGS, INTERPRETER_LINKER_FLAGS, LINKER_FLAGS

NATIVE_MODULE = "_layer_runtime"

# What compilers call where a processor has no instruction, and is not in glibc: by processor.
BUILTINS = {
    "x86_64": (),
    "aarch64": (
        "__clear_cache",  # libffi, when it has written code
        *("__extenddftf2", "__trunctfdf2"),  # ctypes.c_longdouble has 128 bits
        *("__udivti3", "__umodti3"),  # decimal divides 128 bits by 64
    ),
}

NEWER_LIBC = "builder/interpreters/newer_libc"
"""Stem of what defines functions of a newer glibc than the one that the interpreter needs."""
NEWER_FUNCTIONS = ("memfd_create", "copy_file_range", "close_range", "sem_clockwait")
"""Those that configure is told of; one more needs a patch (``newer_libc.c``)."""

EXPORTS = """\
/* What extension modules may link to. OpenSSL, SQLite and the others stay inside, so that a wheel which brings its own
   copy finds its own. */
{
  global: Py*; _Py*;
  local: *;
};
"""

LIBRARIES = {
    "ZLIB": ("zlib", "zlib", "-lz"),
    "BZIP2": ("_bz2", "bzip2", "-lbz2"),
    "LIBLZMA": ("_lzma", "xz", "-llzma"),
    "LIBFFI": ("_ctypes", "libffi", "-lffi"),
    "LIBUUID": ("_uuid", "libuuid", "-luuid"),
    "LIBZSTD": ("_zstd", "zstd", "-lzstd"),
    "LIBSQLITE3": ("_sqlite3", "sqlite", "-lsqlite3 -lm"),
}
"""configure's name of a library → the module that it is for, our name of it, and what to link.

In the order of building: what takes least comes first. A series that has no such module needs no such library.
"""

LINK_OPTIONS = (
    Flag(
        "-Wl,--export-dynamic -Wl,--version-script=../exports.map", "extension modules link to Python's symbols alone"
    ),
    Flag(
        "-Wl,--symbol-ordering-file=../symbols.txt -Wl,--no-warn-symbol-ordering",
        "what a start touches lies together: fewer pages to read and to keep",
    ),
    Flag("-Wl,--Map=../out/link.map", "what is where, for those who ask; it does not ship"),
)

OPTIONS = (
    Flag(BUILD_TRIPLET, "configure believes in a cross build, and runs nothing that it compiles"),
    Flag("--prefix=/opt", "where Lambda unpacks a layer"),
    Flag("--without-ensurepip", "/opt is read-only on Lambda"),
    Flag("--without-static-libpython", "libpython.a is half the link, and does not ship"),
    Flag("--disable-test-modules", "CPython's own tests do not ship"),
    Flag("--enable-ipv6", "it is not to be guessed from the machine of the build"),
    Flag("--enable-loadable-sqlite-extensions", "sqlite3.Connection.load_extension(), as Debian has it"),
    Flag("--with-computed-gotos", "each instruction jumps to the next by a jump of its own, which is predicted better"),
    Flag("--with-openssl=../deps/openssl", "ours"),
    Flag("--with-system-expat=no", "the bundled copy is the one that CPython is tested with"),
    Flag("--with-system-libmpdec=no", "the bundled copy is the one that CPython is tested with"),
    Flag("--with-readline=no", "there is no terminal on Lambda"),
)

NEWER_FLAG = Flag("-include ../newer_libc.h", "functions that glibc has only since 2.27 to 2.34, without needing it")

ENVIRONMENT = (
    Flag("MODULE_BUILDTYPE=static", "extension modules go into the executable"),
    Flag("OPT=-DNDEBUG", "no assertions; the other flags are the shared ones"),
)


def recipe(product: Product, platform: Platform, files: Materials) -> Recipe:
    """The recipe of a product; what differs between series and variants is in the product's folder."""
    executable = executable_of(product)
    python = f"deps/build_python/bin/{executable}"
    configure = read_configure(product, platform, files)
    present = read_modules(product, files).present
    linked = {prefix: (name, link) for prefix, (module, name, link) in LIBRARIES.items() if module in present}
    libraries = {
        variable: text
        for prefix, (name, link) in linked.items()
        for variable, text in (
            (f"{prefix}_CFLAGS", f"-I../deps/{name}/include"),
            (f"{prefix}_LIBS", f"-L../deps/{name}/lib {link}"),
        )
    }
    builtins = BUILTINS[platform.cpu.machine]
    made = ("../builtins.o",) if builtins else ()
    answers = {**configure.answers, **{f"ac_cv_func_{name}": "yes" for name in NEWER_FUNCTIONS}}
    return Recipe(
        source=product.source,
        kind="interpreter",
        needs=(*(name for name, _ in linked.values()), "openssl", "build_python"),
        options=(*OPTIONS, *configure.options, *ENVIRONMENT, *configure.environment, NEWER_FLAG, *LINK_OPTIONS),
        environment={
            **AUTOCONF,
            **libraries,
            **WITHOUT_COLUMNS,  # in what is frozen
            **dict(flag.text.split("=", 1) for flag in (*ENVIRONMENT, *configure.environment)),
            "LINKCC": "cc-link",
            "CFLAGS": joined(COMPILER_FLAGS),
            "CFLAGS_NODIST": joined((*INTERPRETER_FLAGS, NEWER_FLAG)),
            "LDFLAGS": joined(LINKER_FLAGS),
            "LINKFORSHARED": " ".join((joined(LINK_OPTIONS + INTERPRETER_LINKER_FLAGS), "../newer_libc.o", *made)),
        },
        files={
            "config.site": "".join(f"{question}={answer}\n" for question, answer in answers.items()),
            "exports.map": EXPORTS,
            "newer_libc.h": files.text(f"{NEWER_LIBC}.h"),
            "newer_libc.c": files.text(f"{NEWER_LIBC}.c"),
            "symbols.txt": files.text(product.symbol_order) if product.symbol_order else "",
            **_native_files(product, files),
        },
        commands=(
            # CPython's own tool; a patch says what it is to freeze.
            (f"../{python}", "-S", "Tools/build/freeze_modules.py", "--frozen-modules"),
            (
                "./configure",
                f"--host={platform.triplet}",
                f"--with-build-python=../{python}",
                *words(OPTIONS + configure.options),
            ),
            make_out("bin", "lib"),
            *(("cc-builtins", name, *builtins) for name in made),
            ("sh", "-c", "cc $CFLAGS $CFLAGS_NODIST -c ../newer_libc.c -o ../newer_libc.o"),
            ("make", "CC=cc-profiled", "python", "pybuilddir.txt"),
            ("cp", "python", f"../out/bin/{executable}"),
            ("cp", "-R", "Lib", f"../out/lib/{executable}"),
            # The folder's name holds the platform; there is one such file.
            ("sh", "-c", f"cp build/lib.*/_sysconfigdata_*.py ../out/lib/{executable}"),
        ),
    )


def _native_files(product: Product, files: Materials) -> dict[str, str]:
    """The loop's own part in C, where CPython builds its modules, and the line that adds it to them."""
    native = files.below(f"runtime/{product.runtime}/native")
    sources = {f"src/Modules/{path.rpartition('/')[2]}": files.text(path) for path in native}
    return {**sources, "src/Modules/Setup.local": f"{NATIVE_MODULE} {NATIVE_MODULE}.c\n"}
