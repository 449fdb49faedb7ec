"""The command line: one command for each subject, from ``coldstart`` to ``workers``."""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from builder.arguments import count
from builder.context import cache_folder
from builder.errors import BuildError
from builder.platform import this_machine
from tools.bench import functions, interpreter_report
from tools.bench.cgroup import orderly_ends, parent_for
from tools.bench.cold_cache import cold_coldstart
from tools.bench.files import Unavailable, files
from tools.bench.interpreter import common_benchmarks, compare
from tools.bench.interpreter_report import ratios_to
from tools.bench.interpreters import DEBIAN, MACHINE, OURS, make_interpreters
from tools.bench.measure import coldstart, invoke
from tools.bench.memory import LARGEST, SMALLEST, USUAL, Contestants, Failed, make_loops, measure
from tools.bench.memory_report import measured, write_report
from tools.bench.report import show
from tools.bench.rival import GCC
from tools.bench.size import lines, link_map_of, sizes, write_treemap
from tools.bench.soak import LIMIT, soak
from tools.bench.stock import STOCK, stock_layer, with_paths
from tools.bench.subjects import Workspace, make_workspace
from tools.bench.threads import threads
from tools.bench.workers import soak_workers, throughput, worker_memory
from tools.support.product import NAME, PLATFORM, PRODUCT, ROOT, TARGET, interpreter
from tools.support.wheels import lock_file, wheels_for

USUAL_OTHERS = (GCC, DEBIAN)
"""What the interpreter is compared with, unless something else is asked for; the first is that of the chart."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one measurement and prints its results; returns the exit code."""
    options = make_parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            return int(options.command(options, Path(folder).resolve()))
        except (Unavailable, Failed, BuildError) as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("bench: stopped", file=sys.stderr)
            return 130


def _coldstart(options: argparse.Namespace, folder: Path) -> int:
    workspace = make_workspace(folder)
    if options.files:
        show(files(workspace))
    elif options.cold_cache:
        show(cold_coldstart(workspace, options.repetitions or 20))
    else:
        show(coldstart(workspace, options.repetitions or 200))
    return 0


def _functions(options: argparse.Namespace, folder: Path) -> int:
    workspace = make_workspace(folder)
    functions.lay_functions(folder, requirements=lock_file("functions"))
    functions.show(functions.measure(workspace, options.repetitions or 20))
    return 0


def _invoke(options: argparse.Namespace, folder: Path) -> int:
    show(invoke(make_workspace(folder), options.repetitions or 10_000))
    return 0


def _soak(options: argparse.Namespace, folder: Path) -> int:
    if options.slots:
        show(soak_workers(make_workspace(folder), options.repetitions or 200_000, options.slots, options.kills))
        return 0
    result = soak(make_workspace(folder), options.repetitions or 200_000)
    show(result)
    growth = result["results"]["this layer"]["growth, %"]
    if abs(growth) < LIMIT:
        return 0
    print(f"soak: resident memory differs by {growth:.1f} %, the limit is {LIMIT:.0f} %", file=sys.stderr)
    return 1


def _workers(options: argparse.Namespace, folder: Path) -> int:
    workspace = make_workspace(folder)
    show(throughput(workspace, options.slots, options.rounds, options.seconds))
    show(worker_memory(workspace, options.slots, options.rounds))
    return 0


def _interpreter(options: argparse.Namespace, folder: Path) -> int:
    from tools.bench.interpreter_plot import plot  # noqa: PLC0415 (matplotlib is slow to import)

    ours = Path(interpreter(folder)).resolve()
    others = with_paths(options.against or USUAL_OTHERS, folder)
    if PRODUCT.variant != STOCK:
        stock = Workspace(folder / STOCK)
        stock_layer(stock.root)
        others.append(f"{STOCK}={stock.python}")
    cache = cache_folder()
    interpreters = tuple(
        replace(each, site=wheels_for("pyperformance", each.command, cache))
        for each in make_interpreters(ours, others, cache)
    )
    only = options.only.split(",") if options.only else ()
    selected = [each for each in common_benchmarks(interpreters) if not only or each.name in only]
    results = compare(interpreters, selected, folder, options.rounds)
    versions = {each.name: each.version for each in interpreters}
    page = interpreter_report.write_report(results, versions, PRODUCT.name, options.rounds, options.output)
    first = interpreters[1].name
    plot(ratios_to(results, first), f"{OURS} / {first}", options.output / interpreter_report.STEM)
    print(page)
    return 0


def _threads(options: argparse.Namespace, folder: Path) -> int:
    others = with_paths(options.against, folder)
    show(threads(make_interpreters(Path(interpreter(folder)).resolve(), others, cache_folder()), options.rounds))
    return 0


def _memory(options: argparse.Namespace, folder: Path) -> int:
    if PLATFORM.cpu != this_machine():
        raise Unavailable(f"memory under qemu says nothing: measure {NAME} on a machine of its own kind")
    output = options.output.resolve()  # the folder in which subjects start is another
    with orderly_ends(), parent_for(max(options.limits)) as parent:
        ours, stock = make_workspace(folder), Workspace(folder / STOCK)
        stock_layer(stock.root)
        (scratch := folder / "scratch").mkdir()
        others = (f"{STOCK}={stock.python}", *with_paths(options.against, folder))
        contestants = Contestants(make_interpreters(ours.python, others, cache_folder()), make_loops(ours, stock))
        results = measure(contestants, parent, options.limits, options.rounds, scratch)
        of = measured(f"{PRODUCT.name} {PRODUCT.version}", options.rounds, parent.version.number)
        print(write_report(results, of, output))
    return 0


def _size(options: argparse.Namespace, _folder: Path) -> int:
    manifest = json.loads(options.manifest.read_text(encoding="utf-8"))
    (sha256,) = (each["sha256"] for each in manifest["entries"] if each["path"] == f"bin/{TARGET.executable}")
    found = sizes(manifest, link_map_of(sha256))
    print(*lines(found, options.smallest / 100), sep="\n")
    page = options.manifest.with_name(options.manifest.name.replace(".manifest.json", ".html"))
    write_treemap(found, page)
    print(f"\n{page}: the same as a treemap")
    return 0


def _sizes(text: str) -> tuple[int, ...]:
    """``512,128`` → (128, 512): MB that a function can have."""
    limits = tuple(sorted({int(word) for word in text.split(",")}))
    if wrong := [str(limit) for limit in limits if not SMALLEST <= limit <= LARGEST]:
        raise argparse.ArgumentTypeError(f"no function has {', '.join(wrong)} MB, but {SMALLEST} to {LARGEST}")
    return limits


def _add_against(parser: argparse.ArgumentParser, debians: str) -> None:
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="INTERPRETER",
        help=f"{debians}, {MACHINE}, a product's name, or NAME=PATH of a python; repeatable",
    )


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, command, summary in (
        ("coldstart", _coldstart, "process start to the first request for an event, and idle memory"),
        (
            "functions",
            _functions,
            "the same for functions with libraries, with and without bytecode, by processor time",
        ),
        ("invoke", _invoke, "event to the request for the next one"),
        ("soak", _soak, "does memory grow over many invocations?"),
    ):
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(command=command)
        sub.add_argument("--repetitions", type=int, metavar="N", help="starts or invocations per subject")
        if name == "soak":
            sub.add_argument("--slots", type=count, metavar="N", help="over as many workers, as on Managed Instances")
            sub.add_argument("--kills", type=int, default=0, metavar="N", help="workers to kill at random moments")
        if name == "coldstart":
            sub.add_argument("--files", action="store_true", help="count files opened and bytes read, with strace")
            sub.add_argument("--cold-cache", action="store_true", help="with an empty page cache; needs root")
    summary = "many invocations at once, as on Lambda Managed Instances: throughput, and memory with boto3"
    sub = commands.add_parser("workers", help=summary, description=summary)
    sub.set_defaults(command=_workers)
    sub.add_argument("--slots", type=count, default=16, metavar="N", help="invocations at once (default: 16)")
    sub.add_argument("--rounds", type=count, default=3, metavar="N", help="turns per contestant (default: 3)")
    sub.add_argument("--seconds", type=float, default=3.0, metavar="S", help="of load in each turn (default: 3)")
    summary = "pyperformance's benchmarks on this layer and on other interpreters, in turns"
    sub = commands.add_parser("interpreter", help=summary, description=summary)
    sub.set_defaults(command=_interpreter)
    _add_against(sub, f"{GCC} and {DEBIAN} (default)")
    sub.add_argument("--only", metavar="A,B", help="only these benchmarks")
    sub.add_argument("--rounds", type=int, default=5, metavar="N", help="turns per interpreter (default: 5)")
    folder = ROOT / ("docs" if PRODUCT.default else "dist")
    sub.add_argument("--output", type=Path, default=folder, metavar="DIR", help="folder for table and plot")
    summary = "Python code in two threads, by the same in one"
    sub = commands.add_parser("threads", help=summary, description=summary)
    sub.set_defaults(command=_threads)
    _add_against(sub, f"{GCC}, {DEBIAN}")
    sub.add_argument("--rounds", type=count, default=5, metavar="N", help="turns, of which medians are (default: 5)")
    summary = f"memory of this layer beside the variant {STOCK}'s, in functions of several sizes; needs root"
    sub = commands.add_parser("memory", help=summary, description=summary)
    sub.set_defaults(command=_memory)
    usual = ",".join(map(str, USUAL))
    sub.add_argument(
        "--limits", type=_sizes, default=USUAL, metavar="MB,MB", help=f"functions' sizes (default: {usual})"
    )
    sub.add_argument("--rounds", type=count, default=3, metavar="N", help="turns, of which medians are (default: 3)")
    sub.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="INTERPRETER",
        help=f"{GCC}, {DEBIAN}, {MACHINE}, a product's name, or NAME=PATH of a python, for the figures without a loop; "
        "repeatable",
    )
    sub.add_argument("--output", type=Path, default=folder, metavar="DIR", help="folder for table and JSON")
    summary = "the layer's size by source and by module"
    sub = commands.add_parser("size", help=summary, description=summary)
    sub.set_defaults(command=_size)
    manifest = ROOT / "dist" / f"{NAME}.manifest.json"
    sub.add_argument("--manifest", type=Path, default=manifest, help="of a layer built from these sources")
    sub.add_argument("--smallest", type=float, default=0.5, metavar="PERCENT", help="hide smaller ones (default: 0.5)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
