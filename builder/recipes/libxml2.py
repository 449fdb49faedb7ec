"""libxml2: XML and HTML as trees, events and streams."""

from builder.flags import Flag, joined, words
from builder.platform import Platform
from builder.recipes import AUTOCONF, BUILD_TRIPLET, Recipe, make_out
from builder.toolchain import COMPILER_FLAGS

OPTIONS = (
    Flag("--prefix=/opt", "where Lambda unpacks a layer; it looks for catalogs below /opt/etc/xml"),
    Flag("--disable-shared --enable-static --disable-dependency-tracking", "inside the interpreter"),
    Flag("--without-python --without-docs --without-debug --without-readline --without-history", "the library alone"),
    Flag("--disable-maintainer-mode", "no tool of autoconf's is called for"),
    Flag("--without-modules", "it loads no shared libraries"),
    Flag("--without-zlib", "what is compressed is unpacked by its callers"),
    Flag("--without-icu --with-iconv", "encodings are glibc's: ICU's data would be 30 MB"),
    Flag("--with-threads", "its state is apart in each thread"),
)


def recipe(platform: Platform) -> Recipe:
    return Recipe(
        source="libxml2",
        options=OPTIONS,
        # It insists on a pkg-config, and asks it nothing.
        environment={**AUTOCONF, "PKG_CONFIG": "true", "CFLAGS": joined(COMPILER_FLAGS)},
        commands=(
            ("./configure", BUILD_TRIPLET, f"--host={platform.triplet}", *words(OPTIONS)),
            ("make", "CC=cc-profiled", "libxml2.la"),
            make_out("lib", "include"),
            ("cp", ".libs/libxml2.a", "../out/lib"),
            ("cp", "-R", "include/libxml", "../out/include"),
        ),
    )
