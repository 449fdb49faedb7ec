"""xz: liblzma alone, for ``lzma``."""

from builder.platform import Target
from builder.recipes import AUTOCONF, BUILD_TRIPLET, Recipe, make_out
from builder.toolchain import COMPILER_FLAGS, joined


def recipe(target: Target) -> Recipe:
    return Recipe(
        source="xz",
        environment={**AUTOCONF, "CFLAGS": joined(COMPILER_FLAGS)},
        commands=(
            (
                "./configure",
                BUILD_TRIPLET,
                f"--host={target.triplet}",
                "--prefix=/opt",
                "--disable-shared",
                *(f"--disable-{program}" for program in ("xz", "xzdec", "lzmadec", "lzmainfo", "scripts", "doc")),
                "--disable-lzma-links",
                "--disable-nls",  # no messages in a library
            ),
            ("make", "-C", "src/liblzma", "CC=cc-profiled", "liblzma.la"),
            make_out("lib", "include"),
            ("cp", "src/liblzma/.libs/liblzma.a", "../out/lib"),
            ("cp", "-R", "src/liblzma/api/lzma.h", "src/liblzma/api/lzma", "../out/include"),
        ),
    )
