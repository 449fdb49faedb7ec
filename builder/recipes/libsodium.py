"""libsodium: today's cryptography under simple names."""

from builder.flags import Flag, joined, words
from builder.platform import Platform
from builder.recipes import AUTOCONF, BUILD_TRIPLET, Recipe, make_out
from builder.toolchain import COMPILER_FLAGS

OPTIONS = (
    Flag("--prefix=/opt", "where Lambda unpacks a layer"),
    Flag("--disable-shared --enable-static --disable-dependency-tracking", "inside the interpreter"),
    Flag("--disable-ssp", "the shared flags have the stack protector"),
    Flag("--disable-pie", "the interpreter is linked to fixed addresses"),
    Flag("ac_cv_prog_cc_c23=no", "C11, as the compiler has it without an option (in config.site)"),
)


def recipe(platform: Platform) -> Recipe:
    return Recipe(
        source="libsodium",
        options=OPTIONS,
        files={"config.site": f"{OPTIONS[-1].text}\n"},
        environment={**AUTOCONF, "CFLAGS": joined(COMPILER_FLAGS)},
        commands=(
            ("./configure", BUILD_TRIPLET, f"--host={platform.triplet}", *words(OPTIONS[:-1])),
            ("make", "-C", "src/libsodium", "CC=cc-profiled", "libsodium.la"),
            make_out("lib", "include"),
            ("cp", "src/libsodium/.libs/libsodium.a", "../out/lib"),
            ("cp", "-R", "src/libsodium/include/sodium.h", "src/libsodium/include/sodium", "../out/include"),
        ),
    )
