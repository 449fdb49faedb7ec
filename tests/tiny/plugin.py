"""The plug-in: see `builder.interpreters.Interpreter`."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from builder.executors import Sandbox
from builder.flags import Flag, words
from builder.plan.keys import Materials
from builder.plan.steps import Assemble, Pack
from builder.platform import Platform
from builder.product import Product
from builder.recipes import Recipe, make_out
from builder.toolchain import COMPILER_FLAGS, LINKER_FLAGS

FILES = ("words.toml",)
TREE_FILES = ()
DATA = ()
OPTIONS = (Flag("-D_GNU_SOURCE", "strcasestr()"),)


def recipes(product: Product, platform: Platform, files: Materials) -> Mapping[str, Recipe]:
    compiling = ("cc", *words(COMPILER_FLAGS + OPTIONS), "-I../deps/zlib/include", "-c", "tiny.c", "-o", "tiny.o")
    return {
        "tiny": Recipe(
            source=product.source,
            kind="interpreter",
            needs=("zlib",),
            options=OPTIONS,
            commands=(
                compiling,
                make_out("bin"),
                ("cc-link", *words(LINKER_FLAGS), "tiny.o", "../deps/zlib/lib/libz.a", "-o", "../out/bin/tiny"),
            ),
        )
    }


def rules() -> Mapping[str, Any]:
    return {"exports": [], "required": {}}


def facts(product: Product, files: Materials) -> Mapping[str, Any]:
    return files.toml(product.file("words.toml"))


def origins(path: str, linked: tuple[str, ...]) -> tuple[str, ...]:
    return linked


def assemble(
    task: Assemble, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path], data: Mapping[str, Path]
) -> None:
    shutil.copytree(inputs["tiny"] / "bin", work / "out" / "bin")
    for role in ("tiny", "zlib"):
        shutil.copytree(inputs[role] / "licenses", work / "out" / "share" / "licenses", dirs_exist_ok=True)


def lay_runtime(task: Pack, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path]) -> None:
    """The script is all there is."""
    (work / "runtime").mkdir()
