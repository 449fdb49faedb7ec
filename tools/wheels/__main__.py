"""The command line: imports the packages, runs the programs, prints what came of each, and writes docs/wheels.md."""

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
from tools.support.product import ROOT, interpreter
from tools.support.wheels import DEBIAN_11, kept_wheels
from tools.wheels.environments import Place, in_container, on_host
from tools.wheels.packages import REQUIREMENTS, Packages, load_packages
from tools.wheels.table import WORK, ImportResult, ScenarioResult, document, problems

DOCUMENT = ROOT / "docs" / "wheels.md"
IMAGE, SYSTEM = "debian11", "a container of Debian 11 (glibc 2.31)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Only a whole run in the default image writes the table."""
    parser = argparse.ArgumentParser(prog="wheels", description=__doc__)
    parser.add_argument("word", nargs="*", help="only packages and programs whose name has one of these in it")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--image", default=IMAGE, metavar="NAME", help=f"another image (default: {IMAGE})")
    place.add_argument("--on-host", action="store_true", help="without a container")
    options = parser.parse_args(arguments)
    return report_errors(lambda terminal: _run(options, terminal))


def _run(options: argparse.Namespace, terminal: Terminal) -> None:
    packages, cache = load_packages(), cache_folder()
    with tempfile.TemporaryDirectory(prefix="layer-") as folder:
        python = interpreter(Path(folder))
        terminal.note("installing the packages, unless that is done")
        site = kept_wheels(REQUIREMENTS, python, cache, DEBIAN_11)
        if options.on_host:
            chosen = on_host(Path(python), site)
        else:
            chosen = in_container(options.image, Path(python), site, cache, terminal)
        with chosen as place:
            loaded, worked = results(place, tasks(packages, options.word))
    wrong = list(problems(packages, loaded, worked))
    imported, whole = (sum(getattr(result, what) for result in loaded) for what in ("imports", "whole"))
    print(f"{imported} of {len(loaded)} packages import, {whole} of them with all that they have")
    if not (options.word or options.on_host) and options.image == IMAGE:
        unfinished = DOCUMENT.with_name(f"{DOCUMENT.name}.part")
        unfinished.write_text(document(packages, loaded, worked, SYSTEM), encoding="utf-8")
        os.replace(unfinished, DOCUMENT)
    if wrong:
        do = "See what changed; if it is to be so, say why in tools/wheels/packages.toml."
        raise BuildError("Packages are not as packages.toml has them.", "\n       ".join(wrong), do)


def tasks(packages: Packages, words: Sequence[str]) -> list[str]:
    """What `tools.wheels.guest` is to do. Programs come first: the longest task would otherwise end alone."""
    programs = sorted(path.name for path in WORK.glob("with_*.py"))
    everything = [*programs, *(":".join((name, *packages.first.get(name, ()))) for name in packages.ranks)]
    return [task for task in everything if not words or any(word in task.partition(":")[0] for word in words)]


def results(place: Place, todo: Sequence[str]) -> tuple[list[ImportResult], list[ScenarioResult]]:
    """Carries the tasks out in a place.

    Raises:
        BuildError: it did not come to its end there.
    """
    loaded: list[ImportResult] = []
    worked: list[ScenarioResult] = []

    def take(line: bytes) -> None:
        if not line.startswith(b"{"):
            print(line.decode(errors="replace"), file=sys.stderr)
            return
        found = json.loads(line)
        result = ImportResult.read(found) if "package" in found else ScenarioResult(**found)
        if isinstance(result, ImportResult):
            loaded.append(result)
        else:
            worked.append(result)
        problems = [f"    {module}: {said}" for module, said in result.failures.items()]
        print(f"{'✗' if problems else '✓'} {result.name}", *problems, sep="\n", flush=True)

    code = place(todo, by_lines(take))
    if code or len(loaded) + len(worked) < len(todo):
        do = "The last lines above say more."
        raise BuildError("The imports did not come to their end.", f"guest.py ended with exit code {code}.", do)
    return loaded, worked


def by_lines(take: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """Pieces as they come from a pipe or a socket → whole lines."""
    rest = b""

    def piece(more: bytes) -> None:
        nonlocal rest
        *lines, rest = (rest + more).split(b"\n")
        for line in lines:
            take(line)

    return piece


if __name__ == "__main__":
    sys.exit(main())
