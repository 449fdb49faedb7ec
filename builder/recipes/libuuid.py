"""libuuid of util-linux, for ``_uuid``: time-based UUIDs that are safe against two processes at one moment.

util-linux's configure looks into every corner of a system; these nine files need a dozen answers, given here.
"""

from builder.flags import Flag, words
from builder.platform import Platform
from builder.recipes import MAKE_LIBRARY, Recipe, library, make_out
from builder.toolchain import COMPILER_FLAGS

SOURCES = (
    *(f"libuuid/src/{module}.c" for module in ("clear", "compare", "copy", "gen_uuid", "isnull", "pack", "parse")),
    *(f"libuuid/src/{module}.c" for module in ("predefined", "unpack", "unparse", "uuid_time")),
    *(f"lib/{module}.c" for module in ("randutils", "md5", "sha1")),
)

HAVE = (
    *("ERR", "ERR_H", "ERRX", "WARN", "WARNX", "LANGINFO_H", "LOCALE_H", "LOFF_T", "NANOSLEEP", "USLEEP"),
    *("GETRANDOM", "EXPLICIT_BZERO", "JRAND48", "SRANDOM", "MEMPCPY", "STRNDUP", "STRNLEN", "REALLOCARRAY", "TLS"),
    *("DIRFD", "DECL_DIRFD", "NETINET_IN_H", "NET_IF_H", "STDLIB_H", "UNISTD_H", "SYS_FILE_H", "SYS_IOCTL_H"),
    *("SYS_SOCKET_H", "SYS_SYSCALL_H", "SYS_SYSMACROS_H", "SYS_TIME_H", "SYS_UN_H", "LIBPTHREAD"),
    *("PROGRAM_INVOCATION_SHORT_NAME", "STRUCT_STAT_ST_MTIM_TV_NSEC"),
)

PATHS = {"_PATH_LOCALSTATEDIR": "/var", "_PATH_RUNSTATEDIR": "/run", "_PATH_SYSCONFSTATICDIR": "/usr/lib"}

CONFIGURATION = "".join(
    (
        *(f"#define HAVE_{name} 1\n" for name in HAVE),
        *(f'#define {name} "{path}"\n' for name, path in PATHS.items()),
    )
)
OPTIONS = (
    Flag("-D_GNU_SOURCE", "as its own configure has it"),
    Flag("-include config.h -I. -Iinclude -Ilibuuid/src", "the answers above, and its own headers"),
)


def recipe(_: Platform) -> Recipe:
    return Recipe(
        source="util-linux",
        options=OPTIONS,
        files={
            "src/config.h": CONFIGURATION,
            **library("uuid", SOURCES, words(COMPILER_FLAGS + OPTIONS)),
        },
        commands=(
            make_out("lib", "include"),
            MAKE_LIBRARY,
            ("cp", "libuuid/src/uuid.h", "../out/include"),
        ),
    )
