"""xz: liblzma alone."""

from builder.flags import Flag, joined, words
from builder.platform import Platform
from builder.recipes import AUTOCONF, BUILD_TRIPLET, Recipe, make_out
from builder.toolchain import COMPILER_FLAGS

OPTIONS = (
    Flag("--prefix=/opt", "where Lambda unpacks a layer"),
    Flag("--disable-shared", "inside the interpreter"),
    Flag(
        "--disable-xz --disable-xzdec --disable-lzmadec --disable-lzmainfo --disable-scripts --disable-doc "
        "--disable-lzma-links",
        "the library alone",
    ),
    Flag("--disable-nls", "no messages in a library"),
)


def recipe(platform: Platform) -> Recipe:
    return Recipe(
        source="xz",
        options=OPTIONS,
        environment={**AUTOCONF, "CFLAGS": joined(COMPILER_FLAGS)},
        commands=(
            (
                "./configure",
                BUILD_TRIPLET,
                f"--host={platform.triplet}",
                *words(OPTIONS),
            ),
            ("make", "-C", "src/liblzma", "CC=cc-profiled", "liblzma.la"),
            make_out("lib", "include"),
            ("cp", "src/liblzma/.libs/liblzma.a", "../out/lib"),
            ("cp", "-R", "src/liblzma/api/lzma.h", "src/liblzma/api/lzma", "../out/include"),
        ),
    )
