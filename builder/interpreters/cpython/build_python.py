"""A plain CPython of the same version for the machine at hand.

It freezes modules into the product and writes its bytecode, and ships nowhere. Only what these two jobs import is
built in.
"""

from builder.interpreters.cpython.recipe import read_modules
from builder.platform import Target
from builder.recipes import AUTOCONF, Recipe, make_out

UNUSED = (
    *("_asyncio", "_bz2", "_codecs_cn", "_codecs_hk", "_codecs_iso2022", "_codecs_jp", "_codecs_kr"),
    *("_codecs_tw", "_contextvars", "_csv", "_ctypes", "_datetime", "_decimal", "_elementtree", "_hashlib"),
    *("_interpchannels", "_interpqueues", "_interpreters", "_json", "_lsprof", "_lzma", "_multibytecodec"),
    *("_multiprocessing", "_pickle", "_posixshmem", "_queue", "_socket", "_sqlite3"),
    *("_ssl", "_statistics", "_uuid", "_zoneinfo", "cmath", "mmap", "pyexpat", "resource", "syslog", "termios", "zlib"),
)


def recipe(target: Target) -> Recipe:
    series = target.series
    absent = (*UNUSED, *read_modules().absent)
    return Recipe(
        source="cpython",
        environment={
            **AUTOCONF,
            "CC": "build-cc",
            "MODULE_BUILDTYPE": "static",
            "OPT": "-DNDEBUG",
            "CFLAGS": "-O1 -g0",  # it works for half a minute: compiling it well would take longer
        },
        files={"config.site": "".join(f"py_cv_module_{name}=n/a\n" for name in absent)},
        commands=(
            (
                "./configure",
                "--prefix=/opt",
                "--without-ensurepip",
                "--disable-test-modules",
                "--without-static-libpython",
            ),
            ("make", "python"),
            make_out("bin", f"lib/python{series}/lib-dynload"),
            ("cp", "python", f"../out/bin/python{series}"),
            ("cp", "-R", "Lib/.", f"../out/lib/python{series}"),
        ),
    )
