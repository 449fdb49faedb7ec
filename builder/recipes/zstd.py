"""zstd: its library alone, with neither the formats of before 2016 nor the interface that is deprecated."""

from builder.flags import Flag, words
from builder.platform import Platform
from builder.recipes import MAKE_LIBRARY, Recipe, library, make_out
from builder.toolchain import COMPILER_FLAGS

MODULES = (
    *(f"common/{module}" for module in ("debug", "entropy_common", "error_private", "fse_decompress", "pool")),
    *(f"common/{module}" for module in ("threading", "xxhash", "zstd_common")),
    *(f"compress/{module}" for module in ("fse_compress", "hist", "huf_compress", "zstd_compress")),
    *(f"compress/zstd_compress_{module}" for module in ("literals", "sequences", "superblock")),
    *(f"compress/zstd_{module}" for module in ("double_fast", "fast", "lazy", "ldm", "opt", "preSplit")),
    "compress/zstdmt_compress",
    *(f"decompress/{module}" for module in ("huf_decompress", "zstd_ddict", "zstd_decompress")),
    "decompress/zstd_decompress_block",
    *(f"dictBuilder/{module}" for module in ("cover", "divsufsort", "fastcover", "zdict")),
)

ASSEMBLY = {"x86_64": ("decompress/huf_decompress_amd64.S",), "aarch64": ()}
"""Files in assembly, by processor. That for x86_64 runs where a processor has BMI2, which is asked when it starts."""

OPTIONS = (
    Flag("-DZSTD_MULTITHREAD", "one stream can be compressed by several threads, as with Debian's library"),
    Flag(
        "-DZSTD_LEGACY_SUPPORT=0",
        "files of zstd before 0.8, of 2016, are not read, which is the default without its makefile",
    ),
)


def recipe(platform: Platform) -> Recipe:
    sources = (*(f"{module}.c" for module in MODULES), *ASSEMBLY[platform.cpu.machine])
    return Recipe(
        source="zstd",
        options=OPTIONS,
        files=library("zstd", tuple(f"lib/{path}" for path in sources), words(COMPILER_FLAGS + OPTIONS)),
        commands=(
            make_out("lib", "include"),
            MAKE_LIBRARY,
            ("cp", "lib/zstd.h", "lib/zdict.h", "lib/zstd_errors.h", "../out/include"),
        ),
    )
