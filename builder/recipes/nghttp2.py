"""nghttp2: HTTP/2 in frames, for curl."""

from builder.flags import Flag, joined, words
from builder.platform import Platform
from builder.recipes import AUTOCONF, BUILD_TRIPLET, Recipe, make_out
from builder.toolchain import COMPILER_FLAGS

OPTIONS = (
    Flag("--prefix=/opt", "where Lambda unpacks a layer"),
    Flag("--disable-shared --enable-static --disable-dependency-tracking", "inside the interpreter"),
    Flag("--enable-lib-only", "the library alone"),
)


def recipe(platform: Platform) -> Recipe:
    return Recipe(
        source="nghttp2",
        options=OPTIONS,
        environment={**AUTOCONF, "CFLAGS": joined(COMPILER_FLAGS)},
        commands=(
            ("./configure", BUILD_TRIPLET, f"--host={platform.triplet}", *words(OPTIONS)),
            ("make", "-C", "lib", "CC=cc-profiled", "libnghttp2.la"),
            make_out("lib", "include/nghttp2"),
            ("cp", "lib/.libs/libnghttp2.a", "../out/lib"),
            (
                "cp",
                *(f"lib/includes/nghttp2/{header}.h" for header in ("nghttp2", "nghttp2ver")),
                "../out/include/nghttp2",
            ),
        ),
    )
