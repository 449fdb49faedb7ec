"""The command line: imports packages, runs scenarios, prints each result, and writes docs/wheels.md."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from builder.console import Terminal
from builder.context import cache_folder, report_errors
from builder.errors import BuildError
from tools.support.product import PRODUCT, ROOT, interpreter
from tools.support.wheels import DEBIAN_11, cached_wheels
from tools.wheels.environments import Environment, in_container, on_host
from tools.wheels.packages import REQUIREMENTS, Packages, load_packages
from tools.wheels.table import SCENARIOS, ImportResult, ScenarioResult, document, problems

DOCUMENT = ROOT / "docs" / "wheels.md"
IMAGE, SYSTEM = "debian11", "a container of Debian 11 (glibc 2.31)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Only a complete run in the default image writes the table."""
    options = make_parser().parse_args(arguments)
    return report_errors(lambda terminal: _run(options, terminal))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wheels", description=__doc__)
    parser.add_argument("name", nargs="*", help="only packages and scenarios whose name contains one of these")
    environment = parser.add_mutually_exclusive_group()
    environment.add_argument("--image", default=IMAGE, metavar="NAME", help="container image (default: %(default)s)")
    environment.add_argument("--on-host", action="store_true", help="run without a container")
    return parser


def _run(options: argparse.Namespace, terminal: Terminal) -> None:
    packages, cache = load_packages(), cache_folder()
    with tempfile.TemporaryDirectory(prefix="layer-") as folder:
        python = interpreter(Path(folder))
        terminal.note("installing the packages, unless they are cached")
        site = cached_wheels(REQUIREMENTS, python, cache, DEBIAN_11)
        if options.on_host:
            selected = on_host(Path(python), site)
        else:
            selected = in_container(options.image, Path(python), site, cache, terminal)
        with selected as run:
            imports, scenarios = run_tasks(run, tasks(packages, options.name))
    found = list(problems(packages, imports, scenarios))
    importable, complete = (sum(getattr(result, what) for result in imports) for what in ("importable", "complete"))
    print(f"{importable} of {len(imports)} packages import, {complete} of them completely")
    if not (options.name or options.on_host) and options.image == IMAGE and PRODUCT.default:
        unfinished = DOCUMENT.with_name(f"{DOCUMENT.name}.part")
        unfinished.write_text(document(packages, imports, scenarios, SYSTEM), encoding="utf-8")
        os.replace(unfinished, DOCUMENT)
    if found:
        do = "See what changed; if that is intended, say why in tools/wheels/packages.toml."
        raise BuildError("Packages do not behave as packages.toml says.", "\n       ".join(found), do)


def tasks(packages: Packages, names: Sequence[str]) -> list[str]:
    """The tasks for `tools.wheels.guest`. Scenarios come first, or the longest task would run alone at the end."""
    scenarios = sorted(path.name for path in SCENARIOS.glob("with_*.py"))
    imports = (":".join((name, *packages.import_first.get(name, ()))) for name in packages.ranks)
    return [
        task for task in (*scenarios, *imports) if not names or any(name in task.partition(":")[0] for name in names)
    ]


def run_tasks(run: Environment, todo: Sequence[str]) -> tuple[list[ImportResult], list[ScenarioResult]]:
    """Runs the tasks in an environment.

    Raises:
        BuildError: the run there did not finish.
    """
    imports: list[ImportResult] = []
    scenarios: list[ScenarioResult] = []

    def parse(line: bytes) -> None:
        if not line.startswith(b"{"):
            print(line.decode(errors="replace"), file=sys.stderr)
            return
        found = json.loads(line)
        result = ImportResult.parse(found) if "package" in found else ScenarioResult(**found)
        if isinstance(result, ImportResult):
            imports.append(result)
        else:
            scenarios.append(result)
        failures = [f"    {module}: {message}" for module, message in result.failures.items()]
        print(f"{'✗' if failures else '✓'} {result.name}", *failures, sep="\n", flush=True)

    code = run(todo, split_lines(parse))
    if code or len(imports) + len(scenarios) < len(todo):
        do = "The last lines above say more."
        raise BuildError("The imports did not finish.", f"guest.py ended with exit code {code}.", do)
    return imports, scenarios


def split_lines(callback: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """Chunks as they come from a pipe or a socket → whole lines."""
    rest = b""

    def receive(chunk: bytes) -> None:
        nonlocal rest
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            callback(line)

    return receive


if __name__ == "__main__":
    sys.exit(main())
