"""The command line: ``coldstart``, ``invoke``, ``soak``, ``interpreter``, ``size``."""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from builder.context import cache_folder
from builder.errors import BuildError
from tools.bench.cold_cache import cold_coldstart
from tools.bench.files import Unavailable, files
from tools.bench.interpreter import benchmarks, compare
from tools.bench.interpreters import DEBIAN, MACHINE, make_interpreters
from tools.bench.measure import coldstart, invoke
from tools.bench.report import show
from tools.bench.size import lines, link_map_of, sizes, write_treemap
from tools.bench.soak import LIMIT, soak
from tools.bench.subjects import make_workspace
from tools.support.product import NAME, PRODUCT, ROOT, TARGET, interpreter
from tools.support.wheels import cached_wheels


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one measurement and prints its results; returns the exit code."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            return int(options.command(options, Path(folder).resolve()))
        except (Unavailable, BuildError) as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1


def _coldstart(options: argparse.Namespace, folder: Path) -> int:
    workspace = make_workspace(folder)
    if options.files:
        show(files(workspace))
    elif options.cold_cache:
        show(cold_coldstart(workspace, options.repetitions or 20))
    else:
        show(coldstart(workspace, options.repetitions or 200))
    return 0


def _invoke(options: argparse.Namespace, folder: Path) -> int:
    show(invoke(make_workspace(folder), options.repetitions or 10_000))
    return 0


def _soak(options: argparse.Namespace, folder: Path) -> int:
    result = soak(make_workspace(folder), options.repetitions or 200_000)
    show(result)
    growth = result["results"]["this layer"]["growth, %"]
    if abs(growth) < LIMIT:
        return 0
    print(f"soak: resident memory differs by {growth:.1f} %, the limit is {LIMIT:.0f} %", file=sys.stderr)
    return 1


def _interpreter(options: argparse.Namespace, folder: Path) -> int:
    from tools.bench.interpreter_report import write_report  # noqa: PLC0415 (matplotlib is slow to import)

    ours = Path(interpreter(folder)).resolve()
    site = cached_wheels("pyperformance", str(ours), cache_folder())
    selected = [each for each in benchmarks(site) if not options.only or each.name in options.only.split(",")]
    interpreters = make_interpreters(ours, options.against or (DEBIAN,), cache_folder())
    print(write_report(compare(interpreters, selected, site, folder, options.rounds), options.rounds, options.output))
    return 0


def _size(options: argparse.Namespace, _folder: Path) -> int:
    manifest = json.loads(options.manifest.read_text(encoding="utf-8"))
    (sha256,) = (each["sha256"] for each in manifest["entries"] if each["path"] == f"bin/python{TARGET.series}")
    found = sizes(manifest, link_map_of(sha256))
    print(*lines(found, options.smallest / 100), sep="\n")
    page = options.manifest.with_name(options.manifest.name.replace(".manifest.json", ".html"))
    write_treemap(found, page)
    print(f"\n{page}: the same as a treemap")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, command, summary in (
        ("coldstart", _coldstart, "process start to the first request for an event, and idle memory"),
        ("invoke", _invoke, "event to the request for the next one"),
        ("soak", _soak, "does memory grow over many invocations?"),
    ):
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(command=command)
        sub.add_argument("--repetitions", type=int, metavar="N", help="starts or invocations per subject")
        if name == "coldstart":
            sub.add_argument("--files", action="store_true", help="count files opened and bytes read, with strace")
            sub.add_argument("--cold-cache", action="store_true", help="with an empty page cache; needs root")
    summary = "pyperformance's benchmarks on this layer and on other interpreters, in turns"
    sub = commands.add_parser("interpreter", help=summary, description=summary)
    sub.set_defaults(command=_interpreter)
    sub.add_argument(
        "--against",
        action="append",
        metavar="INTERPRETER",
        help=f"{DEBIAN} (default), {MACHINE}, or NAME=PATH of a python; repeatable",
    )
    sub.add_argument("--only", metavar="A,B", help="only these benchmarks")
    sub.add_argument("--rounds", type=int, default=5, metavar="N", help="turns per interpreter (default: 5)")
    folder = ROOT / ("docs" if PRODUCT.default else "dist")
    sub.add_argument("--output", type=Path, default=folder, metavar="DIR", help="folder for table and plot")
    summary = "the layer's size by source and by module"
    sub = commands.add_parser("size", help=summary, description=summary)
    sub.set_defaults(command=_size)
    manifest = ROOT / "dist" / f"{NAME}.manifest.json"
    sub.add_argument("--manifest", type=Path, default=manifest, help="of a layer built from these sources")
    sub.add_argument("--smallest", type=float, default=0.5, metavar="PERCENT", help="hide smaller ones (default: 0.5)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
