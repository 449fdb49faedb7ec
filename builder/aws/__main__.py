"""The command line for AWS: parses, calls, and renders errors."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from builder import ROOT
from builder.arguments import variable
from builder.aws.calls import copying
from builder.aws.clients import default_region, open_clients
from builder.aws.deploy import Function, carry_out, check_layers, find, make_calls, recorded_layer
from builder.aws.errors import UnknownRegion
from builder.aws.package import check_handler, make_package
from builder.aws.product import read_product
from builder.aws.publish import Order, Outcome, publish
from builder.aws.registry import Record
from builder.aws.upload import Package
from builder.context import report_errors
from builder.errors import BuildError
from builder.pins import load_pins
from builder.platform import CPUS, RUNTIMES, default_arch, make_target

DIST = ROOT / "dist"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = _parser().parse_args(arguments)
    return report_errors(lambda _: options.command(options))


def publish_layer(options: argparse.Namespace) -> None:
    """From ``dist/`` to regions; prints where the layer is, a line a region."""
    product = read_product(options.zip)
    package = Package(product.zip, product.sha256, options.s3_bucket)
    order = Order(options.name, product, package, options.public, options.dry_run)
    places = open_clients(_regions(options.region), options.endpoint_url)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (TextColumn(f"  {options.name}"), BarColumn(), MofNCompleteColumn(), TextColumn("regions"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(places))

        def report(news: Outcome | BuildError) -> None:
            text = f"✓ {news.region:<16} {news.what}" if isinstance(news, Outcome) else f"✗ {news.what}"
            console.print(text, markup=False)
            progress.advance(task)

        outcomes = publish(order, places, Record(options.record), report)
    for outcome in outcomes:
        print(outcome.region, outcome.arn or "-")


def deploy_function(options: argparse.Namespace) -> None:
    """From a folder to a function on the layer; prints what would do the same on the aws command line."""
    (clients,) = open_clients(_regions([options.region])[:1], options.endpoint_url)
    layers = options.layer or [recorded_layer(Record(options.record), clients.region, options.arch, _default_python())]
    if len(layers) == 1:  # another layer may hold the handler
        check_handler(options.handler, options.source)
    path = options.package or DIST / f"{options.function}.function.zip"
    function = Function(
        name=options.function,
        handler=options.handler,
        role=options.role,
        runtime=options.runtime,
        architecture=options.arch,
        layers=tuple(layers),
        memory=options.memory,
        timeout=options.timeout,
        environment=dict(options.env) if options.env else None,
        package=make_package(options.source, path, options.s3_bucket),
    )
    function.package.check()
    check_layers(function.layers, function.architecture, clients)
    calls = make_calls(function, find(function.name, clients), clients.region)
    ending = ("--region", clients.region, *(("--endpoint-url", options.endpoint_url) if options.endpoint_url else ()))
    if calls and function.package.through_s3:
        print(copying(function.package, clients.region, ending))
    for call in calls:
        print("\n".join(call.commands(ending)), flush=True)
    if calls and not options.dry_run:
        carry_out(calls, function, clients)
    done = ("would be done" if options.dry_run else "done") if calls else "there is nothing to do"
    print(f"✓ {function.name} in {clients.region}: {done}", file=sys.stderr)


def _regions(given: list[str]) -> list[str]:
    """What was asked for, once each; commas separate as well as options do."""
    words = dict.fromkeys(word for text in given for word in re.split(r"[,\s]+", text) if word)
    if regions := list(words) or [name for name in [default_region()] if name]:
        return regions
    raise UnknownRegion(
        "It is not said which region is meant.",
        "There is no --region, and neither AWS_REGION nor AWS's configuration names one.",
        "Pass --region, as in --region eu-west-3,us-east-1",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m aws", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    layer = commands.add_parser("publish-layer", help="publish the layer to regions")
    layer.add_argument("--name", required=True, help="name of the layer, such as python313")
    layer.add_argument("--zip", type=Path, default=_default_zip(), help="zip with its manifest (default: %(default)s)")
    layer.add_argument("--public", action="store_true", help="let every AWS account use the layer")
    layer.add_argument("--region", action="append", default=[], help="AWS region; several with commas or repeated")
    layer.set_defaults(command=publish_layer)

    function = commands.add_parser("deploy-function", help="create or update a function on the layer")
    function.add_argument("--function", required=True, metavar="NAME", help="name of the function")
    function.add_argument("--source", required=True, type=Path, metavar="DIR", help="folder of its files")
    function.add_argument("--handler", required=True, metavar="MODULE.FUNCTION")
    function.add_argument("--role", required=True, metavar="ARN", help="what the function may do")
    function.add_argument("--region", default="", help="AWS region (default: AWS's own setting)")
    function.add_argument(
        "--layer",
        action="append",
        metavar="ARN",
        help="a layer's version; repeated for more (default: the recorded one)",
    )
    function.add_argument("--arch", choices=[cpu.lambda_name for cpu in CPUS], default="x86_64")
    function.add_argument("--runtime", choices=RUNTIMES, default="provided.al2023")
    function.add_argument("--memory", type=int, metavar="MB", help="memory (default: as it is)")
    function.add_argument("--timeout", type=int, metavar="SECONDS", help="longest invocation (default: as it is)")
    function.add_argument(
        "--env", action="append", type=variable, metavar="NAME=VALUE", help="all variables (default: as they are)"
    )
    function.add_argument("--package", type=Path, metavar="ZIP", help="keep the zip here (default: in dist/)")
    function.set_defaults(command=deploy_function)
    for command in (layer, function):
        _add_common(command)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--endpoint-url", metavar="URL", help="another endpoint than AWS's own")
    parser.add_argument("--s3-bucket", metavar="NAME", default="", help="for zips over 50 MiB; {region} is replaced")
    parser.add_argument("--record", type=Path, default=DIST / "layers.json", help="ARNs (default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done in AWS; do nothing there")


def _default_python() -> str:
    pins = load_pins()
    return pins.python(pins.default_python).version


def _default_zip() -> Path:
    return DIST / f"{make_target(_default_python(), default_arch()).name}.zip"


if __name__ == "__main__":
    sys.exit(main())
