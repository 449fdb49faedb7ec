"""A function's files → the same with bytecode that is never compared with its source.

/var/task is read-only on Lambda: what comes without bytecode is compiled at every cold start, and thrown away. All
files of a zip have one date, so bytecode that is checked against its source's would be thrown away, too.
"""

import json
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.artifacts.deterministic_zip import LINK
from builder.artifacts.packages import TREE
from builder.executors import Sandbox
from builder.functions.compiler import TASK, Compiled, CompileFunction
from builder.functions.source import BYTECODE, CACHE
from builder.interpreters.cpython import bytecode, function_bytecode
from builder.interpreters.cpython.assemble import run_build_python
from builder.interpreters.cpython.packages.abi import check_loadable
from builder.interpreters.cpython.packages.install import site_packages
from builder.interpreters.cpython.product import executable_of
from builder.interpreters.cpython.target import target_of
from builder.product import Product

TOOL = "build_python"
PLACE = "/var/task"
"""Where Lambda unpacks a function."""

_HEADER = struct.Struct("<4sLLL")
"""Of bytecode (PEP 552): magic number, flags; then the source's time and size, or its hash."""
_HASHED = 1


def package_files(packages: Path, product: Product) -> Iterator[tuple[str, Path]]:
    """What a step that installed packages left, where ``pip install --target`` puts it: modules at the root."""
    prefix = packages / TREE / "python"
    site = packages / TREE / site_packages(executable_of(product))
    for path in sorted(prefix.rglob("*")):
        if path.is_file() and path.parent.name != CACHE:
            base = site if path.is_relative_to(site) else prefix
            yield path.relative_to(base).as_posix(), path


def compile_function(task: CompileFunction, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path]) -> Compiled:
    """Compiles what stands in the work folder, and looks at what the function brought."""
    tree = work / TASK
    target = target_of(task.product, task.platform)
    own = {entry.path: ("the function",) for entry in task.source.entries if (tree / entry.path).is_file()}
    check_loadable(tree, own, target)
    # Their sources do not ship: `bytecode.WITHOUT_COLUMNS` says why their bytecode has no columns then.
    environment = {} if task.keep_sources else bytecode.WITHOUT_COLUMNS
    folder = TASK.rpartition("/")[0]
    compiling = (function_bytecode.__file__, PLACE)
    run_build_python(sandbox, inputs[TOOL], task.product, folder, environment, compiling)
    report = Report(**json.loads((work / folder / "report.json").read_text("utf-8", "surrogateescape")))
    dangling = _dangling(task, tree)
    if not task.keep_sources:
        _drop_sources(tree, report.tag)
    broken = [_describe(path, *what) for path, what in report.broken.items() if path in own]
    foreign = [path for path in own if path.endswith(BYTECODE) and (tree / path).read_bytes()[:4] != report.raw_magic]
    broken += [f"{path}: is not bytecode of CPython {target.series}, and has no source" for path in sorted(foreign)]
    broken += [f"{path}: leads to a source that is left out" for path in sorted(_dangling(task, tree) - dangling)]
    return Compiled(tuple(broken), tuple(_notes(task, report)))


def _dangling(task: CompileFunction, tree: Path) -> set[str]:
    """The function's links that lead nowhere."""
    paths = (entry.path for entry in task.source.entries if entry.mode == LINK)
    return {path for path in paths if (tree / path).is_symlink() and not (tree / path).exists()}


@dataclass(frozen=True)
class Report:
    """What ``function_bytecode.py`` tells."""

    magic: str
    tag: str
    broken: Mapping[str, tuple[int, str]]
    hashes: Mapping[str, str]

    @property
    def raw_magic(self) -> bytes:
        return bytes.fromhex(self.magic)


def _describe(path: str, line: int, reason: str) -> str:
    return f"{path}:{line}: {reason}" if line else f"{path}: {reason}"


def _drop_sources(tree: Path, tag: str) -> None:
    """Puts bytecode where its source stood, as the import system wants it; what did not compile stays."""
    for compiled in sorted(tree.rglob(f"{CACHE}/*.{tag}{BYTECODE}")):
        source = compiled.parent.with_name(f"{compiled.name.removesuffix(f'.{tag}{BYTECODE}')}.py")
        source.unlink()
        compiled.replace(source.with_suffix(BYTECODE))
    for folder in sorted(tree.rglob(CACHE)):
        folder.rmdir()


def _notes(task: CompileFunction, report: Report) -> Iterator[str]:
    """One line for each kind of bytecode that the folder has and the zip has not."""
    kinds = Counter(_kind(task.source.folder, path, report) for path in task.source.bytecode)
    for kind, count in sorted(kinds.items()):
        if kind:
            yield f"left out of {task.source.folder.name}: {count} file{'s'[: count != 1]} of bytecode {kind}"


def _kind(folder: Path, path: str, report: Report) -> str:
    """What is wrong with bytecode that is left out; empty if it is only made anew."""
    place, stem = path.rpartition("/")[0], path.rpartition("/")[2].removesuffix(BYTECODE)
    name, _, tag = stem.partition(".")
    in_cache = place.rpartition("/")[2] == CACHE
    header = (folder / path).read_bytes()[: _HEADER.size]
    if in_cache and tag.split(".")[0] != report.tag:
        return f"of another Python ({tag.split('.')[0] or 'unknown'})"
    if len(header) < _HEADER.size or header[:4] != report.raw_magic:
        return "of another Python"
    parent = place.rpartition("/")[0] if in_cache else place
    source = f"{parent}/{name}.py".lstrip("/")
    if not (folder / source).is_file():
        return "without a source, which import would not look at"
    return "that is older than its source" if _is_stale(folder / source, header, report.hashes.get(source, "")) else ""


def _is_stale(source: Path, header: bytes, source_hash: str) -> bool:
    _, flags, time, size = _HEADER.unpack(header)
    if flags & _HASHED:
        return header[8:].hex() != source_hash
    found = source.stat()
    return (time, size) != (int(found.st_mtime) & 0xFFFFFFFF, found.st_size & 0xFFFFFFFF)
