"""Runs libraries' own tests on the layer and on its rival: Debian 13's Python, or the layer without our patches.

Debian 13 has one Python, 3.13: a layer of that series is compared with it. A layer of another series is compared with
its variant `upstream`, which shows what the patches change, and nothing of how the layer is built.
"""

import json
import shutil
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.errors import BadPins, BuildError
from builder.plan.steps import LockedPackage
from tools.bench.stock import stock_layer, stock_product
from tools.support.product import PRODUCT, TARGET
from tools.support.sdists import unpacked_sdist
from tools.wheels.lines import split_lines
from tools.wheels.suite_guest import BEGUN
from tools.wheels.suite_places import Place
from tools.wheels.suites import LAYER, PATCHES, Compared, Outcomes, Suite, compare, differing, parse_outcomes

GUEST = Path(__file__).with_name("suite_guest.py")
HERE = f"/opt/bin/{TARGET.executable}"
"""The layer's interpreter in the place where suites run."""
DEBIAN_SERIES = "3.13"
AGAIN = 2
"""How often tests are run again that ended otherwise: under load, some end so now and then."""
_ENDED = (0, 1)
"""pytest's exit codes if it came to the end."""
_SAID = 15
"""Lines of what a suite wrote last, which are shown if it did not come to its end."""


@dataclass(frozen=True)
class Rival:
    """What the layer is compared with."""

    name: str
    """As the page calls it."""
    python: str
    """Its interpreter in the place where suites run."""
    files: Mapping[str, Path]
    """What has to be laid out there for it."""
    causes: frozenset[str]
    """Why a test may pass on it alone."""


def rival(folder: Path) -> Rival:
    """Debian's Python if it is of the layer's series, else the variant `upstream`, unzipped into a folder.

    Raises:
        Unavailable: there is no such variant, or it cannot be built.
    """
    patches = {PATCHES} if PRODUCT.variant == "fast" else set()
    if TARGET.series == DEBIAN_SERIES:
        return Rival("Debian 13", f"/usr/bin/python{DEBIAN_SERIES}", {}, frozenset({LAYER, *patches}))
    name = stock_product().name
    return Rival(name, f"/rival/bin/{TARGET.executable}", {"rival": stock_layer(folder)}, frozenset(patches))


def lay_out(suites: Sequence[Suite], packages: Mapping[str, LockedPackage], cache: Path, folder: Path) -> Path:
    """A folder for each library, in ``folder``, with those files of its sdist that its tests need.

    Raises what `unpacked_sdist` raises, and `BadPins` if an sdist has no such file.
    """
    for suite in suites:
        (folder / suite.library).mkdir(parents=True, exist_ok=True)
        for source, goal in suite.files.items():
            sdist = unpacked_sdist(packages[suite.library], cache)
            place = folder / suite.library / goal
            if not (sdist / source).exists():
                why = f"{suite.library} {packages[suite.library].version} has no {source}."
                raise BadPins("suites.toml names a file that is not in the sdist.", why, "See where its tests are now.")
            place.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (sdist / source).is_dir() else shutil.copyfile
            copy(sdist / source, place)
    return folder


def run_suites(
    place: Place,
    suites: Sequence[Suite],
    packages: Mapping[str, LockedPackage],
    there: str,
    tell: Callable[[str, Compared, float], object],
) -> dict[str, Compared]:
    """Library → its tests on the layer and on another interpreter; ``tell`` takes each result, with its seconds."""
    found = {}
    for suite in suites:
        started = time.monotonic()
        found[suite.library] = _run_on_both(place, suite, packages[suite.library].version, there)
        tell(suite.library, found[suite.library], time.monotonic() - started)
    return found


def print_result(library: str, compared: Compared, seconds: float) -> None:
    """A line for a library, and one for each test that did not end on both in the same way."""
    numbers = f"{compared.tests} tests, {compared.passed_there} pass there and {compared.passed_here} here"
    print(f"{library} {compared.version}: {numbers} ({seconds:.0f} s)", flush=True)
    for test, message in compared.worse.items():
        print(f"    only there: {test}: {message}", flush=True)
    for what, tests in (("only here", compared.better), ("not again", compared.unsteady)):
        for test in tests:
            print(f"    {what}: {test}", flush=True)


def version_of(place: Place, python: str) -> str:
    """What an interpreter's ``-VV`` prints, in one line."""
    said: list[bytes] = []
    code = place((python, "-VV"), said.append, said.append)
    text = " ".join(b"".join(said).decode(errors="replace").split())
    if code:
        raise BuildError(f"{python} does not run.", f"It ended with exit code {code}: {text}", "See what is missing.")
    return text


def _run_on_both(place: Place, suite: Suite, version: str, there: str) -> Compared:
    unfinished: list[str] = []

    def run(python: str, tests: Collection[str] = ()) -> Outcomes:
        outcomes, sentence = run_once(place, python, suite, tests)
        if sentence and not tests:
            unfinished.append(sentence)
        return outcomes

    first = run(HERE), run(there)
    tests = differing(*first)
    again = [(run(HERE, tests), run(there, tests)) for _ in range(AGAIN if tests else 0)]
    return compare(version, *first, again, unfinished)


def run_once(place: Place, python: str, suite: Suite, tests: Collection[str] = ()) -> tuple[Outcomes, str]:
    """What became of each test, or of some, and how the run ended, if it did not come to the end of its tests."""
    lines: list[bytes] = []
    said: deque[bytes] = deque(maxlen=_SAID)
    command = (
        python,
        "-P",
        "/wheels/suite_guest.py",
        f"/suites/{suite.library}",
        json.dumps(sorted(tests)),
        *suite.arguments,
    )
    code = place(command, split_lines(lines.append), split_lines(said.append))
    outcomes = parse_outcomes(lines)
    if code in _ENDED:
        return outcomes, ""
    begun = ", in ".join(test for test, outcome in outcomes.items() if outcome.result == BEGUN)
    last = "\n".join(f"           | {line.decode(errors='replace')}" for line in said)
    return outcomes, f"{python} ended with exit code {code}{begun and f', in {begun}'}; it wrote last:\n{last}"
