"""zlib: fifteen C files. Its configure asks only what is known for every glibc, so it is not run."""

from builder.platform import Target
from builder.recipes import MAKE_LIBRARY, Recipe, library, make_out
from builder.toolchain import COMPILER_FLAGS, words

MODULES = (
    *("adler32", "compress", "crc32", "deflate", "gzclose", "gzlib", "gzread", "gzwrite"),
    *("infback", "inffast", "inflate", "inftrees", "trees", "uncompr", "zutil"),
)
DEFINES = (
    "-D_LARGEFILE64_SOURCE=1",  # gzopen64 and friends, which CPython's configure does not need but users' wheels may
    "-DHAVE_HIDDEN",  # internal functions are not exported
    "-DHAVE_UNISTD_H",
    "-DHAVE_STDARG_H",
)


def recipe(_: Target) -> Recipe:
    return Recipe(
        source="zlib",
        files=library("z", tuple(f"{module}.c" for module in MODULES), (*words(COMPILER_FLAGS), *DEFINES)),
        commands=(
            make_out("lib", "include"),
            MAKE_LIBRARY,
            ("cp", "zlib.h", "zconf.h", "../out/include"),
        ),
    )
