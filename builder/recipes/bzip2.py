"""bzip2: seven C files and no configure."""

from builder.flags import Flag, words
from builder.platform import Platform
from builder.recipes import MAKE_LIBRARY, Recipe, library, make_out
from builder.toolchain import COMPILER_FLAGS

MODULES = ("blocksort", "huffman", "crctable", "randtable", "compress", "decompress", "bzlib")

OPTIONS = (Flag("-D_FILE_OFFSET_BITS=64", "as its own makefile has it: files of more than 2 GiB"),)


def recipe(_: Platform) -> Recipe:
    return Recipe(
        source="bzip2",
        options=OPTIONS,
        files=library("bz2", tuple(f"{module}.c" for module in MODULES), words(COMPILER_FLAGS + OPTIONS)),
        commands=(
            make_out("lib", "include"),
            MAKE_LIBRARY,
            ("cp", "bzlib.h", "../out/include"),
        ),
    )
