"""PHP: one executable that holds every extension and every library.

Its files are optimized one by one, and not once more when they are linked: on all of PHP, LLD's ThinLTO ends with a
segmentation fault.
"""

from builder.flags import Flag, joined, words
from builder.interpreters.php.product import read_configure, read_extensions
from builder.plan.keys import Materials
from builder.platform import Platform
from builder.product import Product
from builder.recipes import AUTOCONF, BUILD_TRIPLET, Recipe, make_out
from builder.toolchain import COMPILER_FLAGS, LINKER_FLAGS

NATIVE = "layer_runtime"
"""The loop's own extension, in C."""
MODULE = f"{NATIVE}_module_entry"
READER = "runtime/python/native/answer.h"
"""What reads answers of the Runtime API. It is the other loop's, and nothing of Python is in it."""

# What compilers call where a processor has no instruction, and is not in glibc: by processor.
BUILTINS = {
    "x86_64": ("__cpu_indicator_init", "__cpu_model", "__cpu_features2"),  # which code for which processor
    "aarch64": (
        "__clear_cache",  # libffi, PCRE and the JIT, when they have written code
        *("__extenddftf2", "__trunctfdf2"),  # long double has 128 bits
    ),
}

SWITCHES = {
    **{name: f"--enable-{name}" for name in ("bcmath", "calendar", "exif", "ftp", "mbstring", "pcntl", "shmop")},
    **{name: f"--enable-{name}" for name in ("soap", "sockets", "sysvmsg", "sysvsem", "sysvshm", "mysqlnd")},
    **{name: f"--with-{name}" for name in ("curl", "openssl", "sodium", "zip", "zlib")},
    "FFI": "--with-ffi",
    "bz2": "--with-bz2=../deps/bzip2",
    "mysqli": "--with-mysqli",
    "pdo_mysql": "--with-pdo-mysql=mysqlnd",
}
"""Extension → configure's option for it; the others that are present are so without one."""

DEFAULTS = {
    **{name: f"--disable-{name.lower()}" for name in ("ctype", "dom", "fileinfo", "filter", "PDO", "Phar", "posix")},
    **{name: f"--disable-{name.lower()}" for name in ("session", "SimpleXML", "tokenizer", "xml", "xmlreader")},
    **{name: f"--without-{name.replace('_', '-')}" for name in ("iconv", "libxml", "pdo_sqlite", "sqlite3")},
    "xmlwriter": "--disable-xmlwriter",
}
"""Extension that is there without an option → the option that takes it out."""

LIBRARIES = {
    "LIBXML": ("libxml", ("libxml2",), "-lxml2 -lm"),
    "OPENSSL": ("openssl", ("openssl",), "-lssl -lcrypto"),
    "ZLIB": ("zlib", ("zlib",), "-lz"),
    "SQLITE": ("sqlite3", ("sqlite",), "-lsqlite3 -lm"),
    "ONIG": ("mbstring", ("oniguruma",), "-lonig"),
    "LIBSODIUM": ("sodium", ("libsodium",), "-lsodium"),
    "LIBZIP": ("zip", ("libzip", "bzip2", "zlib", "openssl"), "-lzip -lbz2 -lz -lcrypto"),
    "CURL": ("curl", ("curl", "nghttp2", "openssl", "zlib"), "-lcurl -lnghttp2 -lssl -lcrypto -lz"),
    "FFI": ("FFI", ("libffi",), "-lffi"),
    "BZ2": ("bz2", ("bzip2",), "-lbz2"),
}
"""configure's name of a library → the extension that it is for, our names of it and of what it needs, what to link."""

BUNDLED = {
    "bcmath": "ext/bcmath/libbcmath/LICENSE",
    "boost-context": "Zend/asm/LICENSE",
    "dynasm": "ext/opcache/jit/ir/dynasm/dasm_proto.h",
    "ir": "ext/opcache/jit/ir/LICENSE",
    "lexbor": "ext/dom/lexbor/LICENSE",
    "libavifinfo": "ext/standard/libavifinfo/LICENSE",
    "libmagic": "ext/fileinfo/libmagic/LICENSE",
    "libmbfl": "ext/mbstring/libmbfl/LICENSE",
    "pcre2": "ext/pcre/pcre2lib/pcre2.h",
    "timelib": "ext/date/lib/LICENSE.rst",
    "tsrm": "TSRM/LICENSE",
    "xxhash": "ext/hash/xxhash/xxhash.h",
    "zend": "Zend/LICENSE",
}
"""What PHP has copies of → the file of the source that has its licence."""

OPTIONS = (
    Flag(BUILD_TRIPLET, "configure believes in a cross build, and runs nothing that it compiles"),
    Flag("--prefix=/opt", "where Lambda unpacks a layer"),
    Flag("--with-config-file-path=/opt/bin", "php.ini stands beside the executable, where it also finds it elsewhere"),
    Flag(
        "--with-config-file-scan-dir=/opt/php/conf.d:/var/task/php/conf.d",
        "other layers and the function may say more; PHP_INI_SCAN_DIR names other folders",
    ),
    Flag("--disable-cgi --disable-phpdbg", "one executable, the command line's"),
    Flag("--without-pear", "it installs packages with the machine's PHP"),
    Flag("--disable-rpath", "nothing is loaded from a folder of the build"),
    Flag("--enable-ipv6", "it is not to be guessed from the machine of the build"),
)

QUIET = Flag("-Wno-unterminated-string-initialization", "fileinfo's database would be a thousand warnings")

LINK_OPTIONS = (
    Flag("-Wl,--export-dynamic", "extensions that are loaded link to PHP's symbols"),
    Flag("-Wl,--exclude-libs,ALL", "but to none of OpenSSL's, SQLite's and the others'"),
    Flag("-Wl,--Map=../out/link.map", "what is where, for those who ask; it does not ship"),
)

_TABLE = "main/internal_functions_cli.c"
_TOLD = "main/build-defs.h"
_AFTER_CONFIGURE = (
    # The folder of the build, which configure has put before each path.
    f'sed -i "s#$PWD/##g; s#$PWD#.#g; s#${{PWD%/src}}/#../#g" Makefile libtool {_TOLD} main/php_config.h',
    # What phpinfo() tells of variables, and of folders of the sandbox.
    f"sed -i \"/CONFIGURE_COMMAND/s# *'[A-Z0-9_]*=[^']*'##g; /CONFIGURE_COMMAND/s#=../deps/[a-z0-9]*##g\" {_TOLD}",
    # The loop's own extension, first in the list of those that are inside.
    f"sed -i 's#^static zend_module_entry .*{{$#extern zend_module_entry {MODULE};\\n&\\n\\t\\&{MODULE},#' {_TABLE}",
    f"grep -q '&{MODULE},' {_TABLE}",
)

_LINK = (
    "$(PHP_GLOBAL_OBJS:.lo=.o) $(PHP_BINARY_OBJS:.lo=.o) $(PHP_CLI_OBJS:.lo=.o) "
    f"../builtins.o ../{NATIVE}.o $(EXTRA_LIBS) -o sapi/cli/php"
)


def recipe(product: Product, platform: Platform, files: Materials) -> Recipe:
    """The recipe of a product; what differs between series and variants is in the product's folder."""
    configure = read_configure(product, platform, files)
    present = read_extensions(product, files).present
    linked = {prefix: (needs, link) for prefix, (name, needs, link) in LIBRARIES.items() if name in present}
    needs = tuple(dict.fromkeys(need for needs, _ in linked.values() for need in needs))
    switches = (
        *(option for name, option in SWITCHES.items() if name in present),
        *(option for name, option in DEFAULTS.items() if name not in present),
    )
    libraries = {
        variable: text
        for prefix, (of, link) in linked.items()
        for variable, text in (
            (f"{prefix}_CFLAGS", " ".join(f"-I../deps/{name}/include" for name in of)),
            (f"{prefix}_LIBS", f"{' '.join(f'-L../deps/{name}/lib' for name in of)} {link}"),
        )
    }
    compiling, linking = joined(COMPILER_FLAGS), joined(LINKER_FLAGS + LINK_OPTIONS)
    return Recipe(
        source=product.source,
        kind="interpreter",
        needs=needs,
        options=(*OPTIONS, *configure.options, QUIET, *LINK_OPTIONS),
        environment={
            **AUTOCONF,
            **libraries,
            "BUILD_CC": "build-cc",
            "PKG_CONFIG": "false",  # where the libraries are, it is told
            "CFLAGS": joined(COMPILER_FLAGS),
            "PHP_UNAME": "Linux",
            "PHP_BUILD_SYSTEM": "",
            "PHP_BUILD_PROVIDER": "",
        },
        files={
            "config.site": "".join(f"{question}={answer}\n" for question, answer in configure.answers.items()),
            f"{NATIVE}.c": files.text(f"runtime/{product.runtime}/native/{NATIVE}.c"),
            "answer.h": files.text(READER),
        },
        commands=(
            (
                "./configure",
                f"--host={platform.triplet}",
                *words(OPTIONS + configure.options),
                *switches,
            ),
            ("sh", "-ec", "\n".join(_AFTER_CONFIGURE)),
            make_out("bin", *(f"bundled/{name}" for name in BUNDLED)),
            ("cc-builtins", "../builtins.o", *BUILTINS[platform.cpu.machine]),
            (
                "sh",
                "-c",
                f"cc {compiling} -fvisibility=hidden -I. -Imain -IZend -ITSRM -c ../{NATIVE}.c -o ../{NATIVE}.o",
            ),
            (
                "make",
                "CC=cc-profiled",
                f"EXTRA_CFLAGS={QUIET.text}",
                f"BUILD_CLI=cc-link $(EXTRA_LDFLAGS_PROGRAM) {linking} {_LINK}",
                "sapi/cli/php",
            ),
            ("cp", "sapi/cli/php", "../out/bin/php"),
            *(("cp", path, f"../out/bundled/{name}/LICENSE") for name, path in BUNDLED.items()),
        ),
    )
