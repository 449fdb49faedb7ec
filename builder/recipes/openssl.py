"""OpenSSL: libcrypto and libssl, for ``ssl`` and ``hashlib``."""

from builder.platform import Target
from builder.recipes import Recipe, make_out
from builder.toolchain import COMPILER_FLAGS, words

PLATFORMS = {"x86_64": "linux-x86_64", "aarch64": "linux-aarch64"}

OPTIONS = (
    # /opt/ssl does not exist. Amazon Linux's own openssl.cnf has directives that only its patched OpenSSL knows;
    # a function that wants a configuration names it in OPENSSL_CONF. Certificates: see patches/openssl/3.5/needed/.
    "--prefix=/opt",
    "--openssldir=/opt/ssl",
    "--libdir=lib",
    "no-shared",
    "no-module",  # providers are inside libcrypto, the legacy one (MD4, RC4, Blowfish…) too
    "no-apps",
    "no-docs",
    "no-tests",
    "no-engine",  # deprecated; CPython does not use it
    "no-afalgeng",
    "no-comp",  # TLS compression: nobody may use it since CRIME
    "no-ssl3",
    "no-uplink",  # Windows
    # Nothing that CPython offers leads there: it does TLS over streams, and hashes.
    *("no-quic", "no-dtls", "no-srtp", "no-srp", "no-ct", "no-ocsp"),
    *("no-cms", "no-cmp", "no-ts", "no-http", "no-rfc3779"),
    *("no-sm2", "no-sm4", "no-ec2m", "no-ocb", "no-siv", "no-argon2"),
    "no-filenames",  # no source paths in error records
    "enable-ktls",
)


def recipe(target: Target) -> Recipe:
    return Recipe(
        source="openssl",
        environment={"CC": "cc", "AR": "ar", "RANLIB": "ranlib"},
        commands=(
            ("perl", "Configure", PLATFORMS[target.cpu.machine], *OPTIONS, *words(COMPILER_FLAGS)),
            ("make", "CC=cc-profiled", "build_libs"),
            make_out("lib", "include"),
            ("cp", "libcrypto.a", "libssl.a", "../out/lib"),
            ("cp", "-R", "include/openssl", "../out/include"),
        ),
    )
