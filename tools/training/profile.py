"""Trains the profile: builds an instrumented interpreter, lets it work, and writes what it counted, with a note.

The compiler's wheel has neither the library by which instrumented programs write down what they counted, nor the tool
that adds up what several wrote. Both must be of the compiler's own version of LLVM, and Debian 13 has it: they are
taken from a Debian that `mmdebstrap` makes.
"""

import hashlib
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from builder import ROOT
from builder.console import Terminal
from builder.context import cache_folder, report_errors
from builder.executors.debian import debian
from builder.executors.host import Host
from builder.plan.make import compile_steps, epoch
from builder.plan.steps import Compile, Step
from builder.platform import make_platform, this_machine
from builder.profile import note_of
from builder.repository import load_repository
from builder.run import BuildContext, run_plan
from builder.store import Store

LLVM = "22"
RUNTIME = f"usr/lib/llvm-{LLVM}/lib/clang/{LLVM}/lib/linux/libclang_rt.profile-x86_64.a"

WORK = {
    "training": ("-m", "programs"),
    # What CPython's own build trains with. The seed decides the order of tests.
    "tests": ("-m", "test", "--pgo", "--timeout=600", "--randseed=1"),
}
"""Name → arguments for the interpreter, in ``tools/training/``. Each counts as much as the other."""


@dataclass(frozen=True)
class Kit:
    """LLVM's own tools, in a root of Debian's."""

    root: Path

    def run(self, tool: str, *arguments: str | Path) -> str:
        """What a tool prints, run by the root's own loader: it needs no privileges, and sees this machine's files."""
        libraries = (f"usr/lib/llvm-{LLVM}/lib", "usr/lib/x86_64-linux-gnu")
        command: tuple[str | Path, ...] = (
            self.root / "lib64" / "ld-linux-x86-64.so.2",
            "--library-path",
            ":".join(str(self.root / folder) for folder in libraries),
            self.root / "usr" / "lib" / f"llvm-{LLVM}" / "bin" / tool,
            *arguments,
        )
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> int:
    return report_errors(train)


def train(terminal: Terminal) -> None:
    """Writes the product's ``fast.profdata.xz`` and its note."""
    cache = cache_folder()
    kit = Kit(debian(cache, "training", "--variant=apt", f"--include=llvm-{LLVM},libclang-rt-{LLVM}-dev"))
    repository = load_repository()
    (product,) = repository.products.choose(())
    pins, platform = repository.pins, make_platform("x86_64")
    steps = compile_steps(pins, product, platform, this_machine(), repository.files, kit.root / RUNTIME)
    store = Store(cache)
    host = Host(cache, store.result(steps["toolchain"]), epoch(pins, product), os.cpu_count() or 1)
    result = run_plan(tuple(steps.values()), BuildContext(cache, store, host, terminal))
    profile = ROOT / product.profile
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        merged = Path(folder, "merged.profdata")
        parts = [merge(kit, work(result, Path(folder, kind), arguments)) for kind, arguments in WORK.items()]
        kit.run("llvm-profdata", "merge", f"--output={merged}", *parts)
        profile.write_bytes(lzma.compress(merged.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
        functions = count_functions(kit, steps, store, merged)
    tools = {"compiler": f"ziglang {pins['ziglang'].version}", "profdata": _version(kit)}
    (ROOT / note_of(product.profile)).write_text(note(profile, tools, functions), encoding="utf-8")
    terminal.note(f"{profile}: {profile.stat().st_size} bytes")


def work(cpython: Path, folder: Path, arguments: Iterable[str]) -> Path:
    """Lets a copy of the instrumented interpreter work; the folder of what it counted."""
    shutil.copytree(cpython, folder / "python")
    (library,) = (folder / "python" / "lib").glob("python3.*")
    (library / "lib-dynload").mkdir()
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "LLVM_PROFILE_FILE": str(folder / "counts" / "%4m.profraw"),  # four files, into which all processes add theirs
    }
    python = folder / "python" / "bin" / library.name
    subprocess.run((python, *arguments), cwd=Path(__file__).parent, env=variables, check=True)
    return folder / "counts"


def merge(kit: Kit, counts: Path) -> Path:
    merged = counts.with_suffix(".profdata")
    kit.run("llvm-profdata", "merge", f"--output={merged}", *sorted(counts.glob("*.profraw")))
    return merged


def count_functions(kit: Kit, steps: Mapping[str, Step], store: Store, merged: Path) -> dict[str, int]:
    """Source → its functions: those of the libraries have counters in their archives, CPython has the others."""
    functions = {}
    for step in steps.values():
        if isinstance(step.work, Compile) and step.work.profile_runtime and step.work.recipe.kind == "library":
            archives = sorted(store.result(step).glob("lib/*.a"))
            symbols = kit.run("llvm-nm", "--quiet", *archives)
            functions[step.work.source.name] = symbols.count(" __profc_")
    shown = kit.run("llvm-profdata", "show", merged)
    (total,) = (int(line.split()[-1]) for line in shown.splitlines() if line.startswith("Total functions:"))
    return {**functions, "cpython": total - sum(functions.values())}


def note(profile: Path, tools: Mapping[str, str], functions: Mapping[str, int]) -> str:
    """The text of the note."""
    programs = sorted(path for path in (Path(__file__).parent / "programs").glob("*.py"))
    workload = "".join(f"{_sha256(path)}  {path.name}\n" for path in programs)
    return "\n".join(
        (
            "# ./nox -s train_profile wrote this.",
            f'sha256 = "{_sha256(profile)}"',
            "",
            "[tools]",
            *(f'{tool} = "{version}"' for tool, version in tools.items()),
            "",
            "[workload]",
            *(f'{kind} = "{" ".join(arguments)}"' for kind, arguments in WORK.items()),
            '# Over the lines "<sha256>  <name>" of programs/*.py.',
            f'sha256 = "{hashlib.sha256(workload.encode()).hexdigest()}"',
            "",
            "[functions] # compiled when the profile was trained",
            *(f"{source} = {count}" for source, count in functions.items()),
            "",
        )
    )


def _version(kit: Kit) -> str:
    (line,) = (line for line in kit.run("llvm-profdata", "--version").splitlines() if "version" in line)
    return line.strip()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
