"""OpenSSL: libcrypto and libssl."""

from builder.flags import Flag, words
from builder.platform import Platform
from builder.recipes import Recipe, make_out
from builder.toolchain import COMPILER_FLAGS

PLATFORMS = {"x86_64": "linux-x86_64", "aarch64": "linux-aarch64"}

OPTIONS = (
    # /opt/ssl does not exist. Amazon Linux's own openssl.cnf has directives that only its patched OpenSSL knows.
    Flag(
        "--prefix=/opt --openssldir=/opt/ssl --libdir=lib",
        "no system's configuration is read: OPENSSL_CONF names one; for certificates see patches/openssl/3.5/needed/",
    ),
    Flag("no-shared", "inside the interpreter"),
    Flag("no-module", "providers are inside libcrypto, the legacy one (MD4, RC4, Blowfish…) too"),
    Flag("no-apps no-docs no-tests", "nothing of them ships"),
    Flag("no-engine no-afalgeng", "deprecated, and no interpreter here uses it"),
    Flag("no-comp", "TLS compression: nobody may use it since CRIME"),
    Flag("no-ssl3", "broken since POODLE"),
    Flag("no-uplink", "Windows"),
    Flag(
        "no-quic no-dtls no-srtp no-srp no-ct no-ocsp",
        "not reachable: interpreters do TLS over streams",
    ),
    Flag("no-cms no-cmp no-ts no-http no-rfc3779", "not reachable: message and certificate services"),
    Flag("no-sm2 no-sm4 no-ec2m no-ocb no-siv no-argon2", "not reachable: interpreters offer hashes and TLS"),
    Flag("no-filenames", "no source paths in error records"),
    Flag("enable-ktls", "the kernel encrypts where a program asks for it"),
)


def recipe(platform: Platform) -> Recipe:
    return Recipe(
        source="openssl",
        options=OPTIONS,
        environment={"CC": "cc", "AR": "ar", "RANLIB": "ranlib"},
        commands=(
            ("perl", "Configure", PLATFORMS[platform.cpu.machine], *words(OPTIONS + COMPILER_FLAGS)),
            ("make", "CC=cc-profiled", "build_libs"),
            make_out("lib", "include"),
            ("cp", "libcrypto.a", "libssl.a", "../out/lib"),
            ("cp", "-R", "include/openssl", "../out/include"),
        ),
    )
