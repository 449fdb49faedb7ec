"""What compiles functions: a part of the plug-ins of those interpreters whose functions can be compiled."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from builder.errors import BadProduct
from builder.executors import Sandbox
from builder.functions.source import Source
from builder.interpreters import load_interpreter
from builder.platform import Platform
from builder.product import Product

TASK = "function/task"
"""Where a function's files stand in a step's work folder."""


@dataclass(frozen=True)
class CompileFunction:
    """A function to compile, whose files are in `TASK`."""

    product: Product
    platform: Platform
    """Its glibc is that of the runtime that the function is for."""
    source: Source
    """The function's own files, without those of locked packages."""
    keep_sources: bool


@dataclass(frozen=True)
class Compiled:
    """What was found while a function was compiled."""

    broken: tuple[str, ...]
    """What would fail when it is imported, one line for each."""
    notes: tuple[str, ...]
    """What was left out, and why: of interest, and nothing to worry about."""


class FunctionCompiler(Protocol):
    """What a plug-in has besides if functions for it can be compiled."""

    TOOL: str
    """The role of the step whose result compiles, on the machine at hand."""

    @staticmethod
    def package_files(packages: Path, product: Product) -> Iterator[tuple[str, Path]]:
        """The files of a step that installed packages: where they stand in a function, and where they are."""

    @staticmethod
    def compile_function(task: CompileFunction, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path]) -> Compiled:
        """Puts compiled files into `TASK` of the work folder; `NotLoadable` if what is there is for no such target."""


def load_compiler(name: str) -> FunctionCompiler:
    """An interpreter's plug-in as one that compiles functions; `BadProduct` if it does not."""
    found = load_interpreter(name)
    if not hasattr(found, "compile_function"):
        do = "Deploy it as it is, with --no-bytecode; or zip the folder."
        raise BadProduct(f"Functions for {name} are not compiled.", "Its plug-in does not know how.", do)
    return cast("FunctionCompiler", found)
