"""SQLite, from its canonical tree: both archive forms hold it, and it makes its own amalgamation."""

from builder.flags import Flag, words
from builder.platform import Platform
from builder.recipes import MAKE_LIBRARY, Recipe, library, make_out
from builder.toolchain import COMPILER_FLAGS

OPTIONS = (
    Flag("-DSQLITE_THREADSAFE=1", "connections may be shared between threads"),
    Flag(
        "-DSQLITE_ENABLE_FTS3 -DSQLITE_ENABLE_FTS3_PARENTHESIS -DSQLITE_ENABLE_FTS4 -DSQLITE_ENABLE_FTS5",
        "full-text search, as Debian has it",
    ),
    Flag("-DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_GEOPOLY", "indices for ranges and shapes, as Debian has them"),
    Flag("-DSQLITE_ENABLE_MATH_FUNCTIONS", "sqrt() and the like in SQL"),
    Flag("-DSQLITE_ENABLE_DBSTAT_VTAB", "what takes the space in a database, as Debian has it"),
    Flag(
        "-DSQLITE_ENABLE_COLUMN_METADATA -DSQLITE_ENABLE_STAT4 -DSQLITE_ENABLE_UNLOCK_NOTIFY",
        "interfaces that Debian's build has and programs expect; STAT4 also plans queries better",
    ),
    Flag("-DSQLITE_ENABLE_SESSION -DSQLITE_ENABLE_PREUPDATE_HOOK", "change sets, as Debian has them"),
    Flag("-DSQLITE_ENABLE_DESERIALIZE", "a database as bytes: sqlite3_serialize(), which interpreters offer"),
    Flag("-DSQLITE_USE_URI", "file: names, as Debian and Amazon Linux have it"),
    Flag("-DSQLITE_MAX_VARIABLE_NUMBER=250000", "long IN lists, as Debian has it"),
    Flag(
        "-DHAVE_FDATASYNC -DHAVE_GMTIME_R -DHAVE_LOCALTIME_R -DHAVE_ISNAN -DHAVE_STRCHRNUL -DHAVE_USLEEP "
        "-DHAVE_MALLOC_USABLE_SIZE -DHAVE_PREAD64 -DHAVE_PWRITE64",
        "glibc 2.26 has all of these; configure would ask",
    ),
)


def recipe(_: Platform) -> Recipe:
    return Recipe(
        source="sqlite",
        options=OPTIONS,
        files=library("sqlite3", ("sqlite3.c",), words(COMPILER_FLAGS + OPTIONS)),
        commands=(
            make_out("lib", "include"),
            # The tree brings its own Tcl (jimsh); it and the parser generator are helpers that run here.
            ("make", "-f", "Makefile.linux-generic", "sqlite3.c", "B.cc=build-cc"),
            MAKE_LIBRARY,
            ("cp", "sqlite3.h", "sqlite3ext.h", "../out/include"),
        ),
    )
