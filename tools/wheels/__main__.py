"""The command line: imports packages and runs scenarios, or libraries' own tests, and writes docs/wheels.md."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from builder.console import Terminal
from builder.context import cache_folder, report_errors
from builder.errors import BuildError
from tools.support.product import PRODUCT, ROOT, interpreter
from tools.support.sdists import locked_packages
from tools.support.wheels import DEBIAN_11, cached_wheels
from tools.wheels.environments import Environment, in_container, on_host
from tools.wheels.lines import split_lines
from tools.wheels.packages import REQUIREMENTS, Packages, load_packages
from tools.wheels.suite_places import in_container as suites_in_container
from tools.wheels.suite_places import on_host as suites_on_host
from tools.wheels.suite_run import GUEST, HERE, lay_out, print_result, rival, run_suites, version_of
from tools.wheels.suite_table import Run, read_runs, with_section, write_run
from tools.wheels.suites import REQUIREMENTS as SUITES
from tools.wheels.suites import Compared, expecting, load_suites
from tools.wheels.suites import problems as suite_problems
from tools.wheels.table import SCENARIOS, ImportResult, ScenarioResult, document, problems

DOCUMENT = ROOT / "docs" / "wheels.md"
IMAGE, SYSTEM = "debian11", "a container of Debian 11 (glibc 2.31)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Imports write the page if all are done in the default image for the default product; a suite, its own results."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.test_suites and options.image:
        parser.error("--test-suites has a system of its own: the other interpreter is in it")
    return report_errors(lambda terminal: (_run_suites if options.test_suites else _run)(options, terminal))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wheels", description=__doc__)
    parser.add_argument("name", nargs="*", help="only packages, scenarios and suites whose name contains one of these")
    parser.add_argument(
        "--test-suites", action="store_true", help="run libraries' own tests here and on another Python"
    )
    environment = parser.add_mutually_exclusive_group()
    environment.add_argument("--image", metavar="NAME", help=f"container image for imports (default: {IMAGE})")
    environment.add_argument("--on-host", action="store_true", help="run without a container")
    return parser


def _run(options: argparse.Namespace, terminal: Terminal) -> None:
    packages, cache, image = load_packages(), cache_folder(), options.image or IMAGE
    with tempfile.TemporaryDirectory(prefix="layer-") as folder:
        python = interpreter(Path(folder))
        terminal.note("installing the packages, unless they are cached")
        site = cached_wheels(REQUIREMENTS, python, cache, DEBIAN_11)
        if options.on_host:
            selected = on_host(Path(python), site)
        else:
            selected = in_container(image, Path(python), site, cache, terminal)
        with selected as run:
            imports, scenarios = run_tasks(run, tasks(packages, options.name))
    found = list(problems(packages, imports, scenarios))
    importable, complete = (sum(getattr(result, what) for result in imports) for what in ("importable", "complete"))
    print(f"{importable} of {len(imports)} packages import, {complete} of them completely")
    if not (options.name or options.on_host) and image == IMAGE and PRODUCT.default:
        _write(with_section(document(packages, imports, scenarios, SYSTEM), load_suites(), read_runs()))
    if found:
        do = "See what changed; if that is intended, say why in tools/wheels/packages.toml."
        raise BuildError("Packages do not behave as packages.toml says.", "\n       ".join(found), do)


def _run_suites(options: argparse.Namespace, terminal: Terminal) -> None:
    every, cache = load_suites(), cache_folder()
    suites = tuple(each for each in every if not options.name or any(name in each.library for name in options.name))
    if not suites:
        raise BuildError(
            "No suite is called so.", f"There are: {', '.join(each.library for each in every)}.", "Take one."
        )
    locked = locked_packages(SUITES)
    with tempfile.TemporaryDirectory(prefix="suites-") as name:
        folder = Path(name)
        python = interpreter(folder)
        other = rival(folder / "rival")
        terminal.note("fetching wheels and sdists, unless they are cached")
        files = {
            **other.files,
            "opt": Path(python).parents[1],
            "site": cached_wheels(SUITES, python, cache, DEBIAN_11),
            "suites": lay_out(suites, locked, cache, folder / "suites"),
            "wheels": GUEST.parent,
        }
        selected = suites_on_host(files, cache) if options.on_host else suites_in_container(files, cache, terminal)
        with selected as place:
            versions = [version_of(place, each) for each in (HERE, other.python)]

            def take(library: str, compared: Compared, seconds: float) -> None:
                print_result(library, compared, seconds)
                write_run(PRODUCT.name, Run(versions[0], other.name, versions[1], {library: compared}))

            compared = run_suites(place, suites, locked, other.python, take)
    _write(with_section(DOCUMENT.read_text(encoding="utf-8"), every, read_runs()))
    expected = expecting(suites, other.causes)
    found = [problem for suite in expected for problem in suite_problems(suite, compared[suite.library])]
    if found:
        do = "Find out why; if the layer is right, say so in tools/wheels/suites.toml."
        raise BuildError("Suites do not end as suites.toml says.", "\n       ".join(found), do)


def _write(page: str) -> None:
    unfinished = DOCUMENT.with_name(f"{DOCUMENT.name}.part")
    unfinished.write_text(page, encoding="utf-8")
    os.replace(unfinished, DOCUMENT)


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


if __name__ == "__main__":
    sys.exit(main())
