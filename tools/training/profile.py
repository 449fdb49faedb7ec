"""Trains the profile: builds an instrumented interpreter, runs workloads on it, and writes the profile with a note.

The compiler's wheel contains neither the profiling runtime of instrumented programs nor llvm-profdata, which merges
their profiles. Both must match the compiler's version of LLVM, which Debian 13 has: they come from a Debian made by
`mmdebstrap`.
"""

import argparse
import hashlib
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from builder import ROOT
from builder.console import Terminal
from builder.context import cache_folder, report_errors
from builder.executors.debian import debian
from builder.executors.host import Host
from builder.plan.make import LIBRARIES_PROFILE, compile_steps
from builder.plan.steps import Compile, Step
from builder.platform import make_platform, this_machine
from builder.profile import note_of
from builder.repository import load_repository
from builder.run import BuildContext, run_plan
from builder.store import Store

LLVM = "22"
RUNTIME = f"usr/lib/llvm-{LLVM}/lib/clang/{LLVM}/lib/linux/libclang_rt.profile-x86_64.a"

WORKLOADS = {
    "training": ("-m", "programs"),
    # What CPython's own build trains with. The seed fixes the order of tests.
    "tests": ("-m", "test", "--pgo", "--timeout=600", "--randseed=1"),
}
"""Name → arguments for the interpreter, run in ``tools/training/``. Both have the same weight."""


@dataclass(frozen=True)
class LlvmTools:
    """LLVM's tools in a Debian root file system."""

    root: Path

    def run(self, tool: str, *arguments: str | Path) -> str:
        """Returns a tool's output. The root's own loader runs it, without privileges and on this machine's files."""
        libraries = (f"usr/lib/llvm-{LLVM}/lib", "usr/lib/x86_64-linux-gnu")
        command: tuple[str | Path, ...] = (
            self.root / "lib64" / "ld-linux-x86-64.so.2",
            "--library-path",
            ":".join(str(self.root / folder) for folder in libraries),
            self.root / "usr" / "lib" / f"llvm-{LLVM}" / "bin" / tool,
            *arguments,
        )
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main(arguments: Sequence[str] | None = None) -> int:
    options = make_parser().parse_args(arguments)
    return report_errors(partial(train, libraries=options.libraries))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train_profile", description=__doc__)
    parser.add_argument("--libraries", action="store_true", help="write the libraries' profile, not the product's")
    return parser


def train(terminal: Terminal, *, libraries: bool) -> None:
    """Writes the profile of the product's variant, or that of the libraries, which all products share, and its note."""
    cache = cache_folder()
    llvm = LlvmTools(debian(cache, "training", "--variant=apt", f"--include=llvm-{LLVM},libclang-rt-{LLVM}-dev"))
    repository = load_repository()
    product = repository.products.choose_one(())
    path = LIBRARIES_PROFILE if libraries else product.file(f"{product.variant}.profdata.xz")
    pins, platform = repository.pins, make_platform("x86_64")
    steps = compile_steps(pins, product, platform, this_machine(), repository.files, llvm.root / RUNTIME)
    store = Store(cache)
    host = Host(cache, store.result(steps["toolchain"]), os.cpu_count() or 1)
    *_, result = run_plan(tuple(steps.values()), BuildContext(cache, store, host, terminal))
    profile = ROOT / path
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        merged = Path(folder, "merged.profdata")
        parts = [
            merge(llvm, run_workload(result, Path(folder, kind), arguments)) for kind, arguments in WORKLOADS.items()
        ]
        llvm.run("llvm-profdata", "merge", f"--output={merged}", *parts)
        profile.write_bytes(lzma.compress(merged.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
        functions = count_functions(llvm, steps, store, merged)
    tools = {"compiler": f"ziglang {pins['ziglang'].version}", "profdata": _version(llvm)}
    (ROOT / note_of(path)).write_text(note(profile, tools, functions), encoding="utf-8")
    terminal.note(f"{profile}: {profile.stat().st_size} bytes")


def run_workload(cpython: Path, folder: Path, arguments: Iterable[str]) -> Path:
    """Runs a workload on a copy of the instrumented interpreter; returns the folder with the raw profiles."""
    shutil.copytree(cpython, folder / "python")
    (library,) = (folder / "python" / "lib").glob("python3.*")
    (library / "lib-dynload").mkdir()
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "LLVM_PROFILE_FILE": str(folder / "counts" / "%4m.profraw"),  # four files, into which all processes merge
    }
    python = folder / "python" / "bin" / library.name
    subprocess.run((python, *arguments), cwd=Path(__file__).parent, env=variables, check=True)
    return folder / "counts"


def merge(llvm: LlvmTools, counts: Path) -> Path:
    merged = counts.with_suffix(".profdata")
    llvm.run("llvm-profdata", "merge", f"--output={merged}", *sorted(counts.glob("*.profraw")))
    return merged


def count_functions(llvm: LlvmTools, steps: Mapping[str, Step], store: Store, merged: Path) -> dict[str, int]:
    """Source → number of functions: the libraries' have counters in their archives, the others are CPython's."""
    functions = {}
    for step in steps.values():
        if isinstance(step.work, Compile) and step.work.profile_runtime and step.work.recipe.kind == "library":
            archives = sorted(store.result(step).glob("lib/*.a"))
            symbols = llvm.run("llvm-nm", "--quiet", *archives)
            functions[step.work.source.name] = symbols.count(" __profc_")
    shown = llvm.run("llvm-profdata", "show", merged)
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
            *(f'{kind} = "{" ".join(arguments)}"' for kind, arguments in WORKLOADS.items()),
            '# Over the lines "<sha256>  <name>" of programs/*.py.',
            f'sha256 = "{hashlib.sha256(workload.encode()).hexdigest()}"',
            "",
            "[functions] # compiled when the profile was trained",
            *(f"{source} = {count}" for source, count in functions.items()),
            "",
        )
    )


def _version(llvm: LlvmTools) -> str:
    (line,) = (line for line in llvm.run("llvm-profdata", "--version").splitlines() if "version" in line)
    return line.strip()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
