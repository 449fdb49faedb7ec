"""A plain CPython of the same version for the machine at hand.

It freezes modules into the product and writes its bytecode, and ships nowhere. Only what these two jobs import is
built in, and all variants of a series share it: what they are patched with besides is nothing to these jobs.
"""

from builder.flags import Flag, words
from builder.interpreters.cpython.product import ABI_FLAGS, abi_flags_of, executable_of, read_modules
from builder.plan.keys import Materials
from builder.product import Product
from builder.recipes import AUTOCONF, Recipe, make_out

UNUSED = (
    *("_asyncio", "_bz2", "_codecs_cn", "_codecs_hk", "_codecs_iso2022", "_codecs_jp", "_codecs_kr"),
    *("_codecs_tw", "_contextvars", "_csv", "_ctypes", "_datetime", "_decimal", "_elementtree", "_hashlib", "_hmac"),
    *("_interpchannels", "_interpqueues", "_interpreters", "_json", "_lsprof", "_lzma", "_multibytecodec"),
    *("_multiprocessing", "_pickle", "_posixshmem", "_queue", "_remote_debugging", "_socket", "_sqlite3"),
    *("_ssl", "_statistics", "_uuid", "_zoneinfo", "_zstd"),
    *("cmath", "mmap", "pyexpat", "resource", "syslog", "termios", "zlib"),
)
"""Of all series; a series is told of those that it has."""


OPTIONS = (
    Flag("--prefix=/opt", "as the product's"),
    Flag("--without-ensurepip --disable-test-modules --without-static-libpython", "nothing of it ships"),
)

ENVIRONMENT = (
    Flag("CC=build-cc", "it is for the machine at hand"),
    Flag("MODULE_BUILDTYPE=static", "one executable"),
    Flag("OPT=-DNDEBUG", "no assertions"),
    Flag("CFLAGS=-O1 -g0", "it works for half a minute: compiling it well would take longer"),
)


def recipe(product: Product, files: Materials) -> Recipe:
    """The recipe of a product's series."""
    executable, modules = executable_of(product), read_modules(product, files)
    absent = (*(name for name in UNUSED if name in modules.present), *modules.absent)
    options = OPTIONS + ABI_FLAGS[abi_flags_of(product)]
    return Recipe(
        source=product.source,
        kind="tool",
        options=options + ENVIRONMENT,
        environment={**AUTOCONF, **dict(flag.text.split("=", 1) for flag in ENVIRONMENT)},
        files={"config.site": "".join(f"py_cv_module_{name}=n/a\n" for name in absent)},
        commands=(
            ("./configure", *words(options)),
            ("make", "python"),
            make_out("bin", f"lib/{executable}/lib-dynload"),
            ("cp", "python", f"../out/bin/{executable}"),
            ("cp", "-R", "Lib/.", f"../out/lib/{executable}"),
        ),
    )
