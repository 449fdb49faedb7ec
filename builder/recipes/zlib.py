"""zlib: fifteen C files. Its configure asks only what is known for every glibc, so it is not run."""

from builder.flags import Flag, words
from builder.platform import Platform
from builder.recipes import MAKE_LIBRARY, Recipe, library, make_out
from builder.toolchain import COMPILER_FLAGS

MODULES = (
    *("adler32", "compress", "crc32", "deflate", "gzclose", "gzlib", "gzread", "gzwrite"),
    *("infback", "inffast", "inflate", "inftrees", "trees", "uncompr", "zutil"),
)
OPTIONS = (
    Flag("-D_LARGEFILE64_SOURCE=1", "gzopen64 and the like are there"),
    Flag("-DHAVE_HIDDEN", "internal functions are not exported"),
    Flag("-DHAVE_UNISTD_H", "every glibc has it; configure would ask"),
    Flag("-DHAVE_STDARG_H", "every glibc has it; configure would ask"),
)


def recipe(_: Platform) -> Recipe:
    return Recipe(
        source="zlib",
        options=OPTIONS,
        files=library("z", tuple(f"{module}.c" for module in MODULES), words(COMPILER_FLAGS + OPTIONS)),
        commands=(
            make_out("lib", "include"),
            MAKE_LIBRARY,
            ("cp", "zlib.h", "zconf.h", "../out/include"),
        ),
    )
