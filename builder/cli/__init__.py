"""The command line: parses, calls, and renders errors. The only place that ends the process."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import get_args

from builder import DIST
from builder.arguments import count, image_tag, number, variable
from builder.artifacts.download import download
from builder.artifacts.export import export
from builder.artifacts.verify import rebuild, rebuild_layer, verify
from builder.cache_size import table
from builder.console import Terminal
from builder.context import cache_folder, report_errors
from builder.dist import check_dist
from builder.emulator.call import Call, Invocation, Where, changes, check, invoke, summary
from builder.emulator.image import invoke_image
from builder.errors import FunctionFailed, NoFunction, UnknownTarget, Vulnerable
from builder.executors.choice import Choice
from builder.executors.images import DEFAULT_IMAGE
from builder.functions.options import add_packaging, read_request
from builder.functions.package import package_function
from builder.layers import Request, build_layers, plan_layers
from builder.oci.build import FOLDER, ImageRequest, build_image
from builder.oci.verify import is_image, verify_image
from builder.pins import load_pins
from builder.plan.steps import Step
from builder.platform import CPUS, RUNTIMES, default_arch, make_platform, this_machine
from builder.product import load_products
from builder.prune import Policy, prune
from builder.repository import load_repository
from builder.reproduce import VARIATIONS, reproduce
from builder.scheduler import closure
from builder.store import Store
from builder.update import update_pins
from builder.vulnerabilities.audit import ASSESSED, audit, read_assessed, read_sbom
from builder.vulnerabilities.databases import SERVICE, open_database


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = make_parser().parse_args(arguments)
    return report_errors(lambda terminal: options.command(options, terminal))


def build_layer(options: argparse.Namespace, terminal: Terminal) -> None:
    """From pins to dist/, for each product and architecture; what they share is built once."""
    request = Request(
        products=_products(options),
        archs=tuple(options.arch or ()),
        stdlib=options.stdlib,
        packages=options.packages,
        runtime=options.runtime,
    )
    if options.plan:
        steps = (step for wanted in plan_layers(request, load_repository()) for step in wanted.steps)
        _print_plan(closure(steps), Store(cache_folder()))
        return
    image = options.image or DEFAULT_IMAGE
    built = build_layers(
        request, terminal, jobs=options.jobs, output=options.output, choice=_choice(options), image=image
    )
    print(*built, sep="\n")


def _products(options: argparse.Namespace) -> tuple[str, ...]:
    """Names and globs of products; ``--python 3.13`` is short for ``--product cpython-3.13``."""
    return (*options.product, *(f"cpython-{series}" for series in options.python))


def build_again(options: argparse.Namespace, terminal: Terminal) -> None:
    """Two builds that must agree."""
    choice = _choice(options)
    image = options.image or DEFAULT_IMAGE
    wanted = (*(f"--product={each}" for each in _products(options)), *(f"--arch={arch}" for arch in options.arch))
    reproduce(tuple(options.without), choice, image, cache_folder(), terminal, wanted, built=options.first)


def release(options: argparse.Namespace, terminal: Terminal) -> None:
    """Every architecture, built twice from nothing, into dist/ if the two agree.

    Raises:
        UnknownTarget: a preview is meant.
    """
    keep = partial(export, folder=options.output, lock=Store(cache_folder()).lock("export"))
    chosen = (tuple(options.without), _choice(options), options.image or DEFAULT_IMAGE)
    named = _products(options)
    products = [each for each in load_repository().products.choose(named or ("*",)) if named or each.tracked]
    if previews := [f"{each.name} ({each.version})" for each in products if each.preview]:
        why = f"Its version is not final: {', '.join(previews)}."
        raise UnknownTarget("A preview is not released.", why, "Leave it out; build_layer builds it.")
    wanted = (*(f"--product={each.name}" for each in products), *(f"--arch={cpu.lambda_name}" for cpu in CPUS))
    reproduce(*chosen, cache_folder(), terminal, wanted, keep)
    print(f"To be committed: {options.output}")


def compare_dist(options: argparse.Namespace, terminal: Terminal) -> None:
    """Is what git tracks in dist/ what this checkout gives?"""
    # On the host unless another executor is named: `reproduce` compares that with a container.
    choice: Choice = _choice(options) if options.executor or options.image else "host"
    image = options.image or DEFAULT_IMAGE
    given = {"everything": options.all, "since": options.since, "choice": choice, "image": image}
    check_dist(terminal, jobs=options.jobs, **given)


def audit_cves(options: argparse.Namespace, terminal: Terminal) -> None:
    """What a public database has against the components of layers.

    Raises:
        Vulnerable: something that is not in assessed.toml.
    """
    sboms = options.sbom or sorted(DIST.glob("*.cdx.json"))
    components = [component for path in sboms for component in read_sbom(path)]
    found = audit(components, open_database(options.database, terminal), read_assessed(ASSESSED.read_text("utf-8")))
    if found.unnamed:
        terminal.note(f"without a CPE, not looked for: {', '.join(each.name for each in found.unnamed)}")
    for identifier, why in found.assessed.items():
        print(f"{identifier}: does not concern the layers: {why}")
    for each in found.open:
        print(f"{each.identifier}  {each.severity or 'not rated'}  {each.component.name} {each.component.version}")
        print(f"    {each.summary}")
    if found.open:
        names = ", ".join(sorted({each.component.name for each in found.open}))
        raise Vulnerable(
            f"{len(found.open)} vulnerabilities are known of {names}.",
            "They are listed above.",
            "Update: ./nox -s update_pins -- NAME. What does not concern the layers goes into\n"
            "       builder/vulnerabilities/assessed.toml, with the reason.",
        )
    print(f"{len({each for each in components if each.cpe})} components: nothing is known that is not assessed.")


def _choice(options: argparse.Namespace) -> Choice:
    """Who names an image wants a container."""
    return options.executor or ("container" if options.image else "auto")


def verify_zip(options: argparse.Namespace, terminal: Terminal) -> None:
    """Is a zip, or an image, what a manifest says, and what its sources give?"""
    path, downloads = Path(options.artifact), cache_folder() / "downloads"
    if is_image(options.artifact):
        for each in verify_image(options.artifact, options.manifest, (FOLDER, DIST), terminal):
            if options.rebuild:
                rebuild_layer(each, downloads, terminal)
    else:
        expected = verify(path, options.manifest, DIST, terminal)
        if options.rebuild:
            rebuild(path, expected, downloads, terminal)
    print(f"{options.artifact}: OK")


def raise_pins(options: argparse.Namespace, terminal: Terminal) -> None:
    """Newer versions into pins.toml; prints what became of each pin."""
    print(*update_pins(options.name, options.dry_run, terminal), sep="\n")


def download_zips(options: argparse.Namespace, terminal: Terminal) -> None:
    """Released zips into dist/, as its manifests have them."""
    for path in download(options.origin, options.name, options.output, cache_folder(), terminal):
        print(path)


def show_sizes(_: argparse.Namespace, __: Terminal) -> None:
    """What the cache folder takes."""
    print(table(Store(cache_folder())))


def prune_store(options: argparse.Namespace, _: Terminal) -> None:
    """What nobody asked for lately, away; prints what went."""
    if options.keep is not None:
        policy = Policy(newest=options.keep, days=0)
    elif options.older_than is not None:
        policy = Policy(newest=0, days=options.older_than)
    else:
        policy = Policy()
    print(*prune(Store(cache_folder()), policy, dry_run=options.dry_run), sep="\n")


def invoke_function(options: argparse.Namespace, terminal: Terminal) -> None:
    """A function on the layer, once, or again for each change of it, or one of an image; prints what it gives."""
    event = _read_event(options.event)
    if options.source is None:
        _invoke_image(options, event, terminal)
        return
    if not options.handler:
        why, do = "A folder may have several.", "Pass --handler MODULE.FUNCTION."
        raise NoFunction(f"Nothing says which function of {options.source} is to be called.", why, do)
    machine = this_machine()
    product = load_products(load_pins()).choose_one(_products(options))
    name = product.stem(machine.lambda_name)
    call = Call(
        zip=options.zip or DIST / f"{name}.zip",
        source=options.source.absolute(),
        handler=options.handler,
        event=event,
        environment=dict(options.env),
        timeout=options.timeout,
        memory=options.memory,
        port=options.port,
    )

    def once() -> None:
        where = Where(_choice(options), options.image or DEFAULT_IMAGE, cache_folder(), machine.lambda_name)
        outcome = invoke(call, where, terminal)
        print(outcome.body, flush=True)
        terminal.note(summary(outcome, call))
        check(outcome, call)

    if not options.watch:
        once()
        return
    with suppress(KeyboardInterrupt):
        for _ in changes(call.source):
            try:
                once()
            except FunctionFailed as error:
                print(f"error: {error}", file=sys.stderr)
            terminal.note(f"watching {options.source}; Ctrl-C ends it")


def _invoke_image(options: argparse.Namespace, event: bytes, terminal: Terminal) -> None:
    """The function that is in an image."""
    if not options.image or options.zip or options.watch or options.executor == "host":
        raise NoFunction(
            "There is no function to invoke.",
            "Without --source it is one of an image, which runs in a container and has its own layer.",
            "Pass --source DIR and --handler MODULE.FUNCTION; or --image FILE|NAME, without --zip, --watch, --in host.",
        )
    call = Invocation(options.handler, event, dict(options.env), options.timeout, options.memory, options.port)
    outcome = invoke_image(options.image, call, cache_folder(), terminal)
    print(outcome.body, flush=True)
    terminal.note(summary(outcome, call))
    check(outcome, call)


def package(options: argparse.Namespace, terminal: Terminal) -> None:
    """A function's folder and its packages, with bytecode, as a zip; prints its path."""
    request = read_request(options, load_products(load_pins()).choose_one(_products(options)))
    path = options.output or DIST / f"{options.source.resolve().name}.function.zip"
    written = package_function(request, path, terminal, _choice(options), options.image or DEFAULT_IMAGE)
    terminal.note(f"{len(written.records)} files, {written.size:,} bytes, sha256 {written.sha256}")
    print(path)


def make_image(options: argparse.Namespace, terminal: Terminal) -> None:
    """The layer, and a function if there is one, as a container image; prints what is there then."""
    product = load_products(load_pins()).choose_one(_products(options))
    archs = tuple(dict.fromkeys(make_platform(arch).cpu.lambda_name for arch in options.arch or (default_arch(),)))
    function = None
    if options.source:
        given = argparse.Namespace(**{**vars(options), "arch": archs[0]})
        function = read_request(given, product)
    request = ImageRequest(product, archs, options.base, function, options.handler, options.tag or "")
    choice, image = _choice(options), options.image or DEFAULT_IMAGE
    made = build_image(request, terminal, jobs=options.jobs, output=options.output, choice=choice, image=image)
    print(*made, sep="\n")


def _read_event(path: str) -> bytes:
    try:
        event = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        json.loads(event)
    except (OSError, ValueError) as error:
        raise NoFunction(f"There is no event in {path}.", f"{error}.", "Pass a file with JSON as --event.") from error
    return event


def _print_plan(steps: Iterable[Step], store: Store) -> None:
    for step in steps:
        reasons = store.reasons(step)
        print(f"{'run ' if reasons else 'done'}  {step.key[:12]}  {step.name}")
        for reason in reasons:
            print(f"      {'':12}  - {reason}")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="builder", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    build = commands.add_parser("build-layer", help="build the layer into dist/")
    _add_products(build)
    build.add_argument(
        "--arch",
        action="append",
        help=f"Lambda's name of the architecture, once or several times (default: {default_arch()})",
    )
    build.add_argument("--stdlib", choices=("lean", "full"), default="lean", help="full: with the .py sources")
    build.add_argument(
        "--packages", type=Path, metavar="FILE", help="requirements with hashes, to be baked in as wheels"
    )
    build.add_argument(
        "--runtime",
        choices=RUNTIMES,
        default="provided.al2",
        help="oldest runtime for the packages (default: %(default)s)",
    )
    build.add_argument("--plan", action="store_true", help="print the steps and why each has to run; build nothing")
    _add_jobs(build)
    build.add_argument(
        "--output", type=Path, metavar="DIR", default=DIST, help="folder for the results (default: dist/)"
    )
    _add_executor(build, "an engine answers and the image need not be downloaded")
    build.set_defaults(command=build_layer)

    _add_comparisons(commands)

    check = commands.add_parser("verify", help="check a zip or an image, from wherever it is, against its manifest")
    check.add_argument(
        "artifact",
        metavar="ZIP|IMAGE",
        help="an image is an archive, a folder with an OCI layout, or HOST/NAME@sha256:… of a registry",
    )
    check.add_argument(
        "--manifest",
        type=Path,
        metavar="FILE",
        help="the manifest, or for an image a folder with several (default: the one in dist/ that speaks of it)",
    )
    check.add_argument("--rebuild", action="store_true", help="also build it from nothing and compare")
    check.set_defaults(command=verify_zip)

    known = commands.add_parser("audit-cves", help="look for known vulnerabilities of what is in layers")
    known.add_argument(
        "--sbom", type=Path, action="append", metavar="FILE", help="a layer's .cdx.json (default: all of dist/)"
    )
    known.add_argument(
        "--database",
        default=SERVICE,
        metavar="URL|PATH",
        help="NVD's service, or a file or folder with copies of NVD's yearly files (default: %(default)s)",
    )
    known.set_defaults(command=audit_cves)

    newer = commands.add_parser("update-pins", help="raise pins to the newest that can be had, and compare hashes")
    newer.add_argument("name", nargs="*", help="a source of pins.toml (default: all)")
    newer.add_argument("--dry-run", action="store_true", help="show it; write nothing")
    newer.set_defaults(command=raise_pins)

    get = commands.add_parser("download", help="bring released zips into dist/, if its manifests attest for them")
    get.add_argument("--from", dest="origin", required=True, metavar="URL|DIR", help="what has them, by their names")
    get.add_argument("--name", action="append", default=[], help="cpython-3.13.15-x86_64 (default: all of dist/)")
    get.add_argument(
        "--output", type=Path, metavar="DIR", default=DIST, help="folder of the manifests (default: dist/)"
    )
    get.set_defaults(command=download_zips)

    _add_store(commands.add_parser("store", help="see what the cache folder takes, and take away what is old"))

    function = commands.add_parser("invoke", help="run a function on the layer, under AWS's emulator")
    function.add_argument(
        "--source", type=Path, metavar="DIR", help="folder of its files; without, the function is in the --image"
    )
    function.add_argument(
        "--handler", default="", metavar="MODULE.FUNCTION", help="required with --source, else the image's"
    )
    function.add_argument("--event", required=True, metavar="FILE", help="JSON; - for standard input")
    function.add_argument("--zip", type=Path, help="the layer (default: the product's in dist/, without packages)")
    _add_products(function)
    function.add_argument("--env", action="append", default=[], type=variable, metavar="NAME=VALUE", help="a variable")
    function.add_argument(
        "--timeout", type=count, default=3, metavar="SECONDS", help="of one invocation (default: %(default)s)"
    )
    function.add_argument(
        "--memory", type=count, default=128, metavar="MB", help="of the function (default: %(default)s)"
    )
    function.add_argument("--port", type=int, default=0, help="where the emulator listens (default: anywhere free)")
    function.add_argument("--watch", action="store_true", help="again for each change in the folder")
    _add_executor(function, "one can be had")
    function.set_defaults(command=invoke_function)

    _add_package_function(commands.add_parser("package-function", help="zip a function with its bytecode"))
    _add_build_image(commands.add_parser("build-image", help="the layer as a container image, with a function or not"))
    return parser


def _add_package_function(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", required=True, type=Path, metavar="DIR", help="folder of its files")
    parser.add_argument(
        "--output", type=Path, metavar="ZIP", help="where to write it (default: dist/<the folder's name>.function.zip)"
    )
    parser.add_argument(
        "--arch",
        choices=[cpu.lambda_name for cpu in CPUS],
        default=default_arch(),
        help="the packages' (default: %(default)s)",
    )
    _add_products(parser)
    add_packaging(parser)
    parser.add_argument("--runtime", choices=RUNTIMES, default="provided.al2023", help="oldest (default: %(default)s)")
    _add_executor(parser, "one can be had; only if there is no Python yet to compile with")
    parser.set_defaults(command=package)


def _add_build_image(parser: argparse.ArgumentParser) -> None:
    _add_products(parser)
    parser.add_argument(
        "--arch", action="append", help=f"once, or several times for an index (default: {default_arch()})"
    )
    parser.add_argument(
        "--base",
        default=DEFAULT_IMAGE,
        metavar="NAME|FILE",
        help="what it stands on: a name of docker/images.toml, a file or folder with an image, HOST/NAME@sha256:…,"
        " or an image that the engine has (default: %(default)s)",
    )
    parser.add_argument("--source", type=Path, metavar="DIR", help="folder of a function's files")
    parser.add_argument("--handler", default="", metavar="MODULE.FUNCTION", help="required with --source")
    add_packaging(parser)
    parser.add_argument(
        "--runtime",
        choices=RUNTIMES,
        default="provided.al2023",
        help="whose glibc wheels may need (default: %(default)s)",
    )
    parser.add_argument("--tag", type=image_tag, metavar="NAME:TAG", help="what engines will call it")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder for the results (default: dist/images/)")
    _add_jobs(parser)
    _add_executor(parser, "an engine answers and the image need not be downloaded")
    parser.set_defaults(command=make_image)


def _add_comparisons(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The commands that build in order to compare."""
    again = commands.add_parser("reproduce", help="build twice, the second time under other circumstances, and compare")
    again.add_argument("--arch", action="append", default=[], help="as for build-layer")
    again.add_argument("--first", type=Path, metavar="DIR", help="take what is in this folder for the first build")
    again.set_defaults(command=build_again)
    both = commands.add_parser("release", help="the same for every architecture, and the result into dist/")
    both.add_argument(
        "--output", type=Path, metavar="DIR", default=DIST, help="folder for the results (default: dist/)"
    )
    both.set_defaults(command=release)
    tracked = commands.add_parser("check-dist", help="compare what git tracks in dist/ with what this checkout gives")
    which = tracked.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="build what has not changed by its key, too")
    which.add_argument("--since", default="", metavar="REV", help="the keys to compare with (default: those in dist/)")
    _add_jobs(tracked)
    _add_executor(tracked, "one can be had; without any of these, the host")
    tracked.set_defaults(command=compare_dist)
    for twice in (again, both):
        _add_products(twice)
        _add_variations(twice)


def _add_products(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        *("--product", "-p"),
        action="append",
        default=[],
        metavar="NAME",
        help="a product of products/ or a glob, 'cpython-*', once or several times (default: the default product)",
    )
    parser.add_argument("--python", action="append", default=[], metavar="X.Y", help="short for --product cpython-X.Y")


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs", type=count, default=os.cpu_count() or 1, help="processes at once (default: all cores)"
    )


def _add_store(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    size = commands.add_parser("size", help="print what each kind of thing takes")
    size.set_defaults(command=show_sizes)

    usual = Policy()
    less = commands.add_parser(
        "prune",
        help="remove results of steps that no build used lately",
        description=f"Removes results of steps: all but the {usual.newest} of each step that builds used last, and "
        "those that were used within a day. What a running build needs always stays. Results of an older builder go "
        "by their age alone. With them go logs that are a day old, and what killed builds left; downloads, roots, "
        "wheels and zig's cache stay.",
    )
    which = less.add_mutually_exclusive_group()
    which.add_argument(
        "--keep", type=number, metavar="N", help="keep the N of each step that builds used last, and no others"
    )
    which.add_argument(
        "--older-than", type=number, metavar="DAYS", help="keep what was used within so many days, and nothing else"
    )
    less.add_argument("--dry-run", action="store_true", help="print it; remove nothing")
    less.set_defaults(command=prune_store)


def _add_variations(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="WHAT",
        choices=[variation.name for variation in VARIATIONS],
        help="leave out a variation: %(choices)s",
    )
    _add_executor(parser, "one can be had")


def _add_executor(parser: argparse.ArgumentParser, condition: str) -> None:
    """``--in`` and ``--image``; ``condition``: when ``auto`` is a container."""
    parser.add_argument(
        "--in",
        dest="executor",
        choices=get_args(Choice),
        help=f"where commands run; auto: in a container if {condition}, else on the host (default: auto, or container"
        " if there is an --image)",
    )
    parser.add_argument(
        "--image", metavar="NAME", help=f"one of docker/images.toml, or of the engine's (default: {DEFAULT_IMAGE})"
    )
