"""curl: libcurl, HTTP/2 included.

configure answers what the system has; the library is then compiled by a makefile of ours from the source's own list,
because its own goes into folders from which the other libraries would have to be found by absolute paths.
"""

from builder.flags import Flag, joined, words
from builder.platform import Platform
from builder.recipes import AUTOCONF, BUILD_TRIPLET, MAKE_LIBRARY, Recipe, make_out
from builder.toolchain import COMPILER_FLAGS

NEEDS = ("zlib", "openssl", "nghttp2")

OPTIONS = (
    Flag("--prefix=/opt", "where Lambda unpacks a layer"),
    Flag("--disable-shared --enable-static --disable-dependency-tracking", "inside the interpreter"),
    Flag("--with-openssl=../deps/openssl --with-zlib=../deps/zlib --with-nghttp2=../deps/nghttp2", "ours"),
    Flag(
        "--without-ca-bundle --without-ca-path --with-ca-fallback",
        "certificates are those that OpenSSL finds, of the running system: patches/openssl/3.5/needed/",
    ),
    Flag("--disable-openssl-auto-load-config", "whoever links it decides which configuration OpenSSL reads"),
    Flag(
        "--without-libpsl --without-brotli --without-zstd --without-libssh2 --without-librtmp --without-libidn2 "
        "--without-gssapi --without-libgsasl --disable-ldap --disable-ldaps",
        "libraries that are not part of any product",
    ),
    Flag(
        "--disable-rtsp --disable-dict --disable-telnet --disable-tftp --disable-pop3 --disable-imap --disable-smb "
        "--disable-gopher --disable-mqtt --disable-ipfs",
        "HTTP, FTP, file and SMTP are what functions use",
    ),
    Flag("--disable-manual --disable-docs --disable-libcurl-option", "the library alone"),
    Flag("--enable-threaded-resolver", "a slow name server does not stop other transfers"),
    Flag("--enable-ipv6 --enable-unix-sockets", "they are not to be guessed from the machine of the build"),
)

COMPILING = (
    Flag("-D_GNU_SOURCE -DBUILDING_LIBCURL -DHAVE_CONFIG_H -Iinclude -Ilib", "as its own makefile has it"),
    Flag("-DCURL_STATICLIB -DNGHTTP2_STATICLIB", "inside the interpreter"),
    Flag(" ".join(f"-I../deps/{name}/include" for name in NEEDS), "ours"),
)

MAKEFILE = f"""\
include lib/Makefile.inc
objects := $(patsubst %.c,lib/%.o,$(filter %.c,$(CSOURCES)))
../out/lib/libcurl.a: $(objects) ; ar rcs $@ $^
lib/%.o: lib/%.c ; cc-profiled {joined(COMPILER_FLAGS + COMPILING)} -c $< -o $@
"""


def recipe(platform: Platform) -> Recipe:
    return Recipe(
        source="curl",
        needs=NEEDS,
        options=OPTIONS + COMPILING,
        environment={
            **AUTOCONF,
            "CFLAGS": joined(COMPILER_FLAGS),
            "CPPFLAGS": f"-DNGHTTP2_STATICLIB {COMPILING[2].text}",
            "LDFLAGS": " ".join(f"-L../deps/{name}/lib" for name in NEEDS),
        },
        files={"library.mk": MAKEFILE},
        commands=(
            ("./configure", BUILD_TRIPLET, f"--host={platform.triplet}", *words(OPTIONS)),
            # A build that found less than it was to is refused.
            ("sh", "-ec", _CHECK),
            make_out("lib", "include"),
            MAKE_LIBRARY,
            ("cp", "-R", "include/curl", "../out/include"),
        ),
    )


_CHECK = "\n".join(
    f"grep -q '^#define {name} 1$' lib/curl_config.h"
    for name in ("USE_OPENSSL", "USE_NGHTTP2", "HAVE_LIBZ", "USE_IPV6", "USE_UNIX_SOCKETS", "CURL_CA_FALLBACK")
)
