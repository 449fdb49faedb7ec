"""The command line for AWS: parses arguments, runs the command, and renders errors."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from builder import DIST
from builder.arguments import variable
from builder.aws.calls import s3_upload_command
from builder.aws.clients import default_region, open_clients
from builder.aws.deploy import Function, apply, check_layers, find_function, plan_calls, recorded_layer
from builder.aws.errors import Preview, UnknownRegion
from builder.aws.layer_zip import read_layer_zip
from builder.aws.publish import Outcome, PublishRequest, publish
from builder.aws.registry import LayerRegistry
from builder.aws.upload import Package
from builder.console import Terminal
from builder.context import report_errors
from builder.errors import BuildError
from builder.functions.handler import check_handler
from builder.functions.options import add_packaging, read_request
from builder.functions.package import package_function, package_sources
from builder.pins import load_pins
from builder.platform import CPUS, RUNTIMES, default_arch
from builder.product import Product, load_products


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = make_parser().parse_args(arguments)
    return report_errors(lambda terminal: options.command(options, terminal))


def publish_layer(options: argparse.Namespace, _: Terminal) -> None:
    """Publishes a zip of ``dist/``; prints the layer version's ARN in each region, one per line."""
    layer = read_layer_zip(options.zip or DIST / f"{_product(options).stem(default_arch())}.zip")
    if layer.preview and not options.preview:
        raise Preview(
            f"{layer.zip.name} is a preview.",
            f"{layer.product} has {layer.version}, which is no final version; functions could come to depend on it.",
            "Pass --preview if that is what you want.",
        )
    package = Package(layer.zip, layer.sha256, options.s3_bucket)
    request = PublishRequest(options.name, layer, package, options.public, options.dry_run)
    regions = open_clients(_parse_regions(options.region), options.endpoint_url)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (TextColumn(f"  {options.name}"), BarColumn(), MofNCompleteColumn(), TextColumn("regions"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(regions))

        def report(result: Outcome | BuildError) -> None:
            text = f"✓ {result.region:<16} {result.status}" if isinstance(result, Outcome) else f"✗ {result.what}"
            console.print(text, markup=False)
            progress.advance(task)

        outcomes = publish(request, regions, LayerRegistry(options.record), report)
    for outcome in outcomes:
        print(outcome.region, outcome.arn or "-")


def deploy_function(options: argparse.Namespace, terminal: Terminal) -> None:
    """Deploys a folder as a function on the layer; prints the equivalent commands of the AWS CLI."""
    (clients,) = open_clients(_parse_regions([options.region])[:1], options.endpoint_url)
    layers = options.layer or [
        recorded_layer(LayerRegistry(options.record), clients.region, options.arch, _product(options))
    ]
    if len(layers) == 1:  # with more, another layer may contain the handler
        check_handler(options.handler, options.source)
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
        package=_package(options, terminal),
    )
    function.package.check()
    check_layers(function.layers, function.architecture, clients)
    calls = plan_calls(function, find_function(function.name, clients), clients.region)
    endpoint = ("--endpoint-url", options.endpoint_url) if options.endpoint_url else ()
    cli_options = ("--region", clients.region, *endpoint)
    if calls and function.package.through_s3:
        print(s3_upload_command(function.package, clients.region, cli_options))
    for call in calls:
        print("\n".join(call.cli_commands(cli_options)), flush=True)
    if calls and not options.dry_run:
        apply(calls, function, clients)
    status = ("would be done" if options.dry_run else "done") if calls else "there is nothing to do"
    print(f"✓ {function.name} in {clients.region}: {status}", file=sys.stderr)


def _package(options: argparse.Namespace, terminal: Terminal) -> Package:
    """The folder as a zip, with what is to be in it besides."""
    path = options.package or DIST / f"{options.function}.function.zip"
    if options.no_bytecode:
        written = package_sources(options.source, path)
    else:
        written = package_function(read_request(options, _product(options)), path, terminal)
    return Package(path, written.sha256, options.s3_bucket)


def _parse_regions(values: list[str]) -> list[str]:
    """The requested regions without duplicates; each value of the option may hold several, separated by commas."""
    names = dict.fromkeys(name for text in values for name in re.split(r"[,\s]+", text) if name)
    if regions := list(names) or [name for name in [default_region()] if name]:
        return regions
    raise UnknownRegion(
        "No region is specified.",
        "There is no --region, and neither AWS_REGION nor AWS's configuration names one.",
        "Pass --region, as in --region eu-west-3,us-east-1",
    )


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m builder.aws", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    layer = commands.add_parser("publish-layer", help="publish the layer to regions")
    layer.add_argument("--name", required=True, help="name of the layer, such as python313")
    layer.add_argument("--zip", type=Path, help="zip, its manifest beside it (default: the product's in dist/)")
    layer.add_argument("--public", action="store_true", help="let every AWS account use the layer")
    layer.add_argument("--preview", action="store_true", help="publish it even if its version is not final")
    layer.add_argument("--region", action="append", default=[], help="AWS regions, comma-separated; repeatable")
    layer.set_defaults(command=publish_layer)

    function = commands.add_parser("deploy-function", help="create or update a function on the layer")
    function.add_argument("--function", required=True, metavar="NAME", help="name of the function")
    function.add_argument("--source", required=True, type=Path, metavar="DIR", help="folder with its files")
    function.add_argument("--handler", required=True, metavar="MODULE.FUNCTION", help="what Lambda calls")
    function.add_argument("--role", required=True, metavar="ARN", help="execution role")
    function.add_argument("--region", default="", help="AWS region (default: from AWS's configuration)")
    function.add_argument(
        "--layer",
        action="append",
        metavar="ARN",
        help="layer version; repeatable (default: the recorded one)",
    )
    function.add_argument(
        "--arch", choices=[cpu.lambda_name for cpu in CPUS], default="x86_64", help="(default: %(default)s)"
    )
    function.add_argument("--runtime", choices=RUNTIMES, default="provided.al2023", help="(default: %(default)s)")
    function.add_argument("--memory", type=int, metavar="MB", help="memory (default: unchanged)")
    function.add_argument("--timeout", type=int, metavar="SECONDS", help="timeout (default: unchanged)")
    function.add_argument(
        "--env", action="append", type=variable, metavar="NAME=VALUE", help="all variables (default: unchanged)"
    )
    function.add_argument("--package", type=Path, metavar="ZIP", help="where to write the zip (default: in dist/)")
    add_packaging(function)
    function.add_argument("--no-bytecode", action="store_true", help="zip the folder as it is, and nothing else")
    function.set_defaults(command=deploy_function)
    for command in (layer, function):
        _add_common(command)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--product", metavar="NAME", help="the layer's product (default: the default product)")
    parser.add_argument("--endpoint-url", metavar="URL", help="endpoint to use instead of AWS's own")
    parser.add_argument("--s3-bucket", metavar="NAME", default="", help="for zips over 50 MiB; {region} is replaced")
    parser.add_argument(
        "--record",
        type=Path,
        default=DIST / "layers.json",
        metavar="FILE",
        help="registry of ARNs (default: dist/layers.json)",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be done in AWS without doing it")


def _product(options: argparse.Namespace) -> Product:
    return load_products(load_pins()).choose_one([options.product] if options.product else [])


if __name__ == "__main__":
    sys.exit(main())
