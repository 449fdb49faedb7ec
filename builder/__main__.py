"""The command line: parses, calls, and renders errors. The only place that ends the process."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn, get_args

import platformdirs

from builder import CACHE_VARIABLE, DISTRIBUTION, ROOT
from builder.build import Site, carry_out
from builder.console import Terminal
from builder.deliver import deliver
from builder.errors import BuildError, Interrupted
from builder.images import DEFAULT_IMAGE
from builder.pack import compressor_version
from builder.pins import load_pins
from builder.plan import Step, epoch, make_plan, read_materials, release_date
from builder.provenance import vouch
from builder.reproduce import VARIATIONS, reproduce
from builder.store import Store
from builder.target import default_arch, make_target, this_machine
from builder.verify import rebuild, verify
from builder.workshop.choice import Choice, open_workshop
from builder.workshop.host import Host


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = _parser().parse_args(arguments)
    return report_errors(lambda terminal: options.command(options, terminal))


def report_errors(work: Callable[[Terminal], None]) -> int:
    """Does some work, tells in a few lines what a user can do about its failure, and returns the exit code."""
    for request in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(request) is not signal.SIG_IGN:  # as under nohup
            signal.signal(request, _interrupt)
    terminal = Terminal()
    try:
        work(terminal)
    except KeyboardInterrupt:
        return _complain(
            terminal,
            Interrupted("The build was stopped.", "Somebody asked for it.", "Run it again: it goes on where it was."),
        )
    except BuildError as error:
        return _complain(terminal, error)
    return 0


def build_layer(options: argparse.Namespace, terminal: Terminal) -> None:
    """From pins to dist/, for each architecture; what they share is built once."""
    pins = load_pins()
    version = pins.python(options.python or pins.default_python).version
    targets = [make_target(version, arch) for arch in dict.fromkeys(options.arch or [default_arch()])]
    materials, tools = read_materials(), {"deflate": compressor_version()}
    plans = [make_plan(pins, target, this_machine(), materials, options.stdlib, tools) for target in targets]
    cache = cache_folder()
    store = Store(cache)
    if options.plan:
        _print_plan({step.key: step for steps in plans for step in steps}.values(), store)
        return
    host = Host(cache, store.result(plans[0][0]), epoch(pins, targets[0]), options.jobs)
    choice = "host" if all(store.has(steps[-1]) for steps in plans) else _choice(options, "host")
    with open_workshop(choice, options.image or DEFAULT_IMAGE, host, terminal) as workshop:
        results = [carry_out(steps, Site(cache, store, workshop, terminal)) for steps in plans]
    for result in results:
        papers = vouch(result, release_date(pins, targets[0]))
        for path in deliver(result, options.output, store.lock("deliver"), papers):
            print(path)


def build_again(options: argparse.Namespace, terminal: Terminal) -> None:
    """Two builds that must agree."""
    choice = _choice(options, "auto")
    reproduce(tuple(options.without), choice, options.image or DEFAULT_IMAGE, cache_folder(), terminal)


def _choice(options: argparse.Namespace, default: Choice) -> Choice:
    """Who names an image wants a container."""
    return options.workshop or ("container" if options.image else default)


def verify_zip(options: argparse.Namespace, terminal: Terminal) -> None:
    """Is a zip what a manifest says, and what its sources give?"""
    claim = verify(options.zip, options.manifest, ROOT / "dist", terminal)
    if options.rebuild:
        rebuild(options.zip, claim, cache_folder() / "downloads", terminal)
    print(f"{options.zip}: OK")


def _print_plan(steps: Iterable[Step], store: Store) -> None:
    for step in steps:
        reasons = store.reasons(step)
        print(f"{'run ' if reasons else 'done'}  {step.key[:12]}  {step.name}")
        for reason in reasons:
            print(f"      {'':12}  - {reason}")


def cache_folder() -> Path:
    """The folder of store and downloads."""
    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir(DISTRIBUTION)).absolute()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="builder", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    build = commands.add_parser("build-layer", help="build the layer into dist/")
    build.add_argument("--python", metavar="X.Y", help="CPython series (default: the newest pinned)")
    build.add_argument(
        "--arch",
        action="append",
        help=f"Lambda's name of the architecture, once or several times (default: {default_arch()})",
    )
    build.add_argument("--stdlib", choices=("lean", "full"), default="lean", help="full: with the .py sources")
    build.add_argument("--plan", action="store_true", help="print the steps and why each has to run; build nothing")
    build.add_argument(
        "--jobs", type=_count, default=os.cpu_count() or 1, help="processes at once (default: all cores)"
    )
    build.add_argument("--output", type=Path, default=ROOT / "dist", help="folder for the results (default: dist/)")
    _add_workshop(build, "host, or container if there is an --image")
    build.set_defaults(command=build_layer)

    again = commands.add_parser("reproduce", help="build twice, the second time under other circumstances, and compare")
    again.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="WHAT",
        choices=[variation.name for variation in VARIATIONS],
        help="leave out a variation: %(choices)s",
    )
    _add_workshop(again, "auto, or container if there is an --image")
    again.set_defaults(command=build_again)

    check = commands.add_parser("verify", help="check a zip, from wherever it is, against its manifest")
    check.add_argument("zip", type=Path)
    check.add_argument("--manifest", type=Path, help="the manifest (default: the one in dist/ that speaks of the zip)")
    check.add_argument("--rebuild", action="store_true", help="also build it from nothing and compare")
    check.set_defaults(command=verify_zip)
    return parser


def _add_workshop(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--workshop",
        choices=get_args(Choice),
        help=f"where commands run; auto: in a container if one can be had (default: {default})",
    )
    parser.add_argument(
        "--image", metavar="NAME", help=f"one of docker/images.toml, or of the engine's (default: {DEFAULT_IMAGE})"
    )


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _complain(terminal: Terminal, error: BuildError) -> int:
    terminal.stop()
    print(f"error: {error}", file=sys.stderr)
    return error.exit_code


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
