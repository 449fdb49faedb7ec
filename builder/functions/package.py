"""A function's folder, and locked packages → a zip with their bytecode, which is the same on every machine."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from builder import DIST
from builder.artifacts.deterministic_zip import LINK, Entry, Written, read_entry, write_zip
from builder.console import Terminal
from builder.context import cache_folder
from builder.disk import make_folder, translate_os_errors
from builder.errors import BadSource, FilesCollide, FunctionTooLarge
from builder.executors.choice import Choice, open_executor
from builder.executors.host import Host
from builder.executors.images import DEFAULT_IMAGE
from builder.functions.compiler import TASK, CompileFunction, FunctionCompiler, load_compiler
from builder.functions.source import bad_source, read_source
from builder.package_manager import load_package_manager
from builder.platform import RUNTIMES, Platform, make_platform
from builder.product import Product
from builder.repository import load_repository
from builder.run import BuildContext, run_plan
from builder.store import Store

LIMIT = 262_144_000
"""Unzipped bytes of a function with its layers: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
MOST_SHOWN = 5


@dataclass(frozen=True)
class FunctionRequest:
    """A function to package."""

    source: Path
    product: Product
    architecture: str
    """Lambda's name."""
    runtime: str
    """Lambda's name of the runtime: wheels may need its glibc."""
    requirements: Path | None = None
    """A requirements file with hashes."""
    keep_sources: bool = True
    allow_broken: bool = False
    """Whether what does not compile is packaged all the same."""


def package_sources(folder: Path, path: Path) -> Written:
    """A zip of the folder alone, without bytecode.

    Raises:
        BadSource: it cannot be a function's source.
    """
    source = read_source(folder)
    return _write(source.entries, path, folder)


def package_function(
    request: FunctionRequest, path: Path, terminal: Terminal, choice: Choice = "auto", image: str = DEFAULT_IMAGE
) -> Written:
    """A zip of the folder, the packages, and the bytecode of both; raises what `function_entries` raises.

    Raises:
        FunctionTooLarge: Lambda would not unzip it.
        BadSource: the zip would be in the folder, and so in the next zip.
    """
    if path.resolve().is_relative_to(request.source.resolve()):
        raise bad_source(request.source, f"The zip is to be in it: {path}.")
    entries = function_entries(request, terminal, choice, image)
    check_size(entries, _layer_size(request.product.stem(request.architecture)))
    return _write(entries, path, request.source)


def function_entries(
    request: FunctionRequest, terminal: Terminal, choice: Choice = "auto", image: str = DEFAULT_IMAGE
) -> tuple[Entry, ...]:
    """What is in such a zip.

    The bytecode is made by a Python of the product's version that runs on this machine, whatever the function is for:
    bytecode is the same for all. If the store has none it is built first, which takes a minute or two.

    Raises:
        BadSource: it cannot be a function's source, or something in it cannot be imported.
        NotLoadable: something compiled in it is for another processor, or for a newer glibc.
        FilesCollide: the folder has another file where a package has one.
    """
    source, cache = read_source(request.source), cache_folder()
    compiler = load_compiler(request.product.interpreter)
    platform = replace(make_platform(request.architecture), glibc=RUNTIMES[request.runtime])
    tool, packages, host = _make_inputs(request, platform, compiler, cache, terminal, choice, image)
    with tempfile.TemporaryDirectory(prefix="function-") as folder:
        work = Path(folder).resolve()
        lay_entries(source.entries, work / TASK)
        if packages:
            _add_packages(compiler, packages, request.product, work / TASK)
        log = cache / "logs" / "function.log"
        log.unlink(missing_ok=True)
        task = CompileFunction(request.product, platform, source, request.keep_sources)
        compiled = compiler.compile_function(task, host.sandbox(work, log), work, {compiler.TOOL: tool})
        if compiled.broken and not request.allow_broken:
            raise BadSource(
                f"{request.source} has what cannot be imported.",
                "\n       ".join(compiled.broken),
                "Correct it, or pass --allow-broken: it is packaged as it is then.",
            )
        for note in (*compiled.broken, *compiled.notes):
            terminal.note(note)
        return _gather(work / TASK)


def _make_inputs(
    request: FunctionRequest,
    platform: Platform,
    compiler: FunctionCompiler,
    cache: Path,
    terminal: Terminal,
    choice: Choice,
    image: str,
) -> tuple[Path, Path | None, Host]:
    """What compiles, the packages, and where the compiling is done: on this machine, wherever the rest was made."""
    packages = None
    if request.requirements:
        manager = load_package_manager(request.product.interpreter)
        packages = manager.lock_packages(request.requirements, request.product, platform)
    plan = load_repository().plan(request.product, make_platform(request.architecture), packages=packages)
    steps = {step.role: step for step in plan}
    wanted = [steps[role] for role in (compiler.TOOL, *(("packages",) if packages else ()))]
    store = Store(cache)
    host = Host(cache, store.result(steps["toolchain"]), 1)
    if all(map(store.has, wanted)):
        choice = "host"  # nothing has to run
    with open_executor(choice, image, host, terminal) as executor:
        tool, *others = run_plan(wanted, BuildContext(cache, store, executor, terminal))
    return tool, others[0] if others else None, host


def check_size(entries: Iterable[Entry], layer: int) -> None:
    """`FunctionTooLarge`, with what weighs most, if Lambda does not unzip these beside so many bytes of a layer."""
    sizes: Counter[str] = Counter()
    for entry in entries:
        sizes[entry.path.partition("/")[0]] += len(entry.content)
    if (total := sizes.total()) + layer > LIMIT:
        heaviest = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in sizes.most_common(MOST_SHOWN))
        raise FunctionTooLarge(
            "The function is too large.",
            f"Unzipped it has {total:,} bytes, and the layer {layer:,}; Lambda takes {LIMIT:,} for both.\n"
            f"       Most weigh {heaviest}.",
            "Leave something out, pass --no-sources, or deploy it as a container image.",
        )


def _layer_size(stem: str) -> int:
    """Unzipped bytes of a product's layer, by its manifest; 0 if there is none here."""
    try:
        manifest = json.loads((DIST / f"{stem}.manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0
    return sum(int(each["unzipped_size"]) for each in manifest["artifacts"] if each["kind"] == "zip")


def lay_entries(entries: Iterable[Entry], root: Path) -> None:
    """Makes the files and links of a zip in a folder."""
    for entry in entries:
        path = root / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.mode == LINK:
            path.symlink_to(entry.content.decode())
        else:
            path.write_bytes(entry.content)
            path.chmod(entry.mode)


def _add_packages(compiler: FunctionCompiler, packages: Path, product: Product, root: Path) -> None:
    """Lays packages' files beside the function's own; `FilesCollide` lists those that both have, and differ in."""
    collisions = []
    for place, path in compiler.package_files(packages, product):
        goal = root / place
        above = [parent for parent in goal.parents if parent.is_relative_to(root)]
        if goal.is_symlink() or any(parent.is_symlink() or parent.is_file() for parent in above):
            collisions.append(place)
        elif goal.exists():
            if not (goal.is_file() and goal.read_bytes() == path.read_bytes()):
                collisions.append(place)
        else:
            goal.parent.mkdir(parents=True, exist_ok=True)
            goal.write_bytes(path.read_bytes())
            goal.chmod(path.stat().st_mode & 0o777)
    if collisions:
        raise FilesCollide(
            "The function has other files than its packages at the same places.",
            ", ".join(collisions[:MOST_SHOWN]) + " …" * (len(collisions) > MOST_SHOWN),
            "Leave the packages out of the folder, or out of the requirements.",
        )


def _gather(root: Path) -> tuple[Entry, ...]:
    paths = (path for path in sorted(root.rglob("*")) if path.is_symlink() or path.is_file())
    return tuple(read_entry(path, path.relative_to(root).as_posix()) for path in paths)


def _write(entries: tuple[Entry, ...], path: Path, folder: Path) -> Written:
    with translate_os_errors(path.parent):
        make_folder(path.parent)
        try:
            return write_zip(entries, path)
        except ValueError as error:
            raise bad_source(folder, f"{error}.") from error
