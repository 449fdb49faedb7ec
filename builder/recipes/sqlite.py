"""SQLite, from its canonical tree: both archive forms hold it, and it makes its own amalgamation."""

from builder.platform import Target
from builder.recipes import MAKE_LIBRARY, Recipe, library, make_out
from builder.toolchain import COMPILER_FLAGS, words

OPTIONS = (
    "-DSQLITE_THREADSAFE=1",  # CPython's `sqlite3.threadsafety` 3: connections may be shared between threads
    "-DSQLITE_ENABLE_FTS3 -DSQLITE_ENABLE_FTS3_PARENTHESIS -DSQLITE_ENABLE_FTS4 -DSQLITE_ENABLE_FTS5",
    "-DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_GEOPOLY",
    "-DSQLITE_ENABLE_MATH_FUNCTIONS",
    "-DSQLITE_ENABLE_DBSTAT_VTAB",
    "-DSQLITE_ENABLE_COLUMN_METADATA -DSQLITE_ENABLE_STAT4 -DSQLITE_ENABLE_UNLOCK_NOTIFY",
    "-DSQLITE_ENABLE_SESSION -DSQLITE_ENABLE_PREUPDATE_HOOK",
    "-DSQLITE_ENABLE_DESERIALIZE",  # Connection.serialize()
    "-DSQLITE_USE_URI",  # file: names, as Debian and Amazon Linux have it
    "-DSQLITE_MAX_VARIABLE_NUMBER=250000",  # as Debian has it: long IN lists
    # glibc 2.26 has all of these.
    "-DHAVE_FDATASYNC -DHAVE_GMTIME_R -DHAVE_LOCALTIME_R -DHAVE_ISNAN -DHAVE_STRCHRNUL -DHAVE_USLEEP",
    "-DHAVE_MALLOC_USABLE_SIZE -DHAVE_PREAD64 -DHAVE_PWRITE64",
)


def recipe(_: Target) -> Recipe:
    return Recipe(
        source="sqlite",
        files=library("sqlite3", ("sqlite3.c",), (*words(COMPILER_FLAGS), *" ".join(OPTIONS).split())),
        commands=(
            make_out("lib", "include"),
            # The tree brings its own Tcl (jimsh); it and the parser generator are helpers that run here.
            ("make", "-f", "Makefile.linux-generic", "sqlite3.c", "B.cc=build-cc"),
            MAKE_LIBRARY,
            ("cp", "sqlite3.h", "sqlite3ext.h", "../out/include"),
        ),
    )
