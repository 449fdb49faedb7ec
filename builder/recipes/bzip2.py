"""bzip2: seven C files and no configure."""

from builder.platform import Target
from builder.recipes import MAKE_LIBRARY, Recipe, library, make_out
from builder.toolchain import COMPILER_FLAGS, words

MODULES = ("blocksort", "huffman", "crctable", "randtable", "compress", "decompress", "bzlib")


def recipe(_: Target) -> Recipe:
    return Recipe(
        source="bzip2",
        files=library(
            "bz2", tuple(f"{module}.c" for module in MODULES), (*words(COMPILER_FLAGS), "-D_FILE_OFFSET_BITS=64")
        ),
        commands=(
            make_out("lib", "include"),
            MAKE_LIBRARY,
            ("cp", "bzlib.h", "../out/include"),
        ),
    )
