"""Oniguruma: regular expressions in many encodings.

Upstream's archive has no ``configure``, and making one takes autotools of the machine. What configure would find out
is known for every glibc of the two processors, so it stands here.
"""

from builder.flags import Flag, words
from builder.platform import Platform
from builder.recipes import MAKE_LIBRARY, Recipe, library, make_out
from builder.toolchain import COMPILER_FLAGS

MODULES = (
    *("regparse", "regcomp", "regexec", "regenc", "regerror", "regext", "regsyntax", "regtrav", "regversion", "st"),
    *("reggnu", "unicode", "unicode_unfold_key", "unicode_fold1_key", "unicode_fold2_key", "unicode_fold3_key"),
    *("ascii", "utf8", "utf16_be", "utf16_le", "utf32_be", "utf32_le", "euc_jp", "euc_jp_prop", "sjis", "sjis_prop"),
    *(f"iso8859_{part}" for part in (*range(1, 12), *range(13, 17))),
    *("euc_tw", "euc_kr", "big5", "gb18030", "koi8_r", "cp1251", "onig_init"),
)

HAVE = ("STDINT_H", "INTTYPES_H", "SYS_TIME_H", "SYS_TIMES_H", "SYS_TYPES_H", "UNISTD_H", "ALLOCA", "ALLOCA_H")
SIZES = {"INT": 4, "LONG": 8, "LONG_LONG": 8, "VOIDP": 8}

CONFIGURATION = "".join(
    (
        *(f"#define HAVE_{name} 1\n" for name in HAVE),
        *(f"#define SIZEOF_{name} {size}\n" for name, size in SIZES.items()),
    )
)

OPTIONS = (
    Flag("-DHAVE_CONFIG_H -Isrc", "the answers above, and its own headers"),
    Flag("-DONIG_STATIC", "inside the interpreter"),
)


def recipe(_: Platform) -> Recipe:
    return Recipe(
        source="oniguruma",
        options=OPTIONS,
        files={
            "src/src/config.h": CONFIGURATION,
            **library("onig", tuple(f"src/{module}.c" for module in MODULES), words(COMPILER_FLAGS + OPTIONS)),
        },
        commands=(
            make_out("lib", "include"),
            MAKE_LIBRARY,
            ("cp", "src/oniguruma.h", "src/oniggnu.h", "../out/include"),
        ),
    )
