"""Libraries whose own tests are run, and how the same tests on two interpreters compare: ``suites.toml``."""

import json
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from builder.errors import BadPins
from tools.wheels.suite_guest import BEGUN, FAILED, PASSED, SKIPPED

REQUIREMENTS = "suites"
FILE = Path(__file__).with_name("suites.toml")
NOT_RUN = "not run"
LAYER, PATCHES = "layer", "patches"
_RANKS = (BEGUN, SKIPPED, PASSED, FAILED)
"""Of all that is told of a test, the last of these is its outcome: one report that failed is enough."""


@dataclass(frozen=True)
class Explained:
    """Tests that do not pass on the layer, and pass on the rival."""

    tests: tuple[str, ...]
    """Their names; ``*`` stands for anything. Each has to be needed."""
    match: str
    """Part of what each of them says."""
    cause: str
    """``layer``: how every layer is built, which does not show against another one; or ``patches``."""
    why: str


@dataclass(frozen=True)
class Suite:
    """One library's tests."""

    library: str
    why: str
    """What of the interpreter it uses."""
    files: Mapping[str, str]
    """Path in the sdist → path in the folder that the tests run in."""
    arguments: tuple[str, ...]
    """pytest's."""
    explained: tuple[Explained, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of a test."""

    result: str
    """``passed``, ``failed``, ``skipped``, ``begun`` if it did not end, or ``not run``."""
    message: str = ""
    """The last line of a failure, or the reason of a skip."""


Outcomes = Mapping[str, Outcome]
"""Test → what became of it."""


@dataclass(frozen=True)
class Compared:
    """One library's tests on the layer (here) and on the rival (there)."""

    version: str
    """The library's."""
    tests: int
    passed_here: int
    passed_there: int
    worse: Mapping[str, str]
    """Test that did not pass here, though tried again, and passed there → what it said here."""
    better: tuple[str, ...]
    """Tests that passed here and did not there, though tried again."""
    unsteady: tuple[str, ...]
    """Tests that ended otherwise here than there at first, and not so each time when they were tried again."""
    unfinished: tuple[str, ...] = ()
    """How a run ended that did not come to the end of its tests, as sentences."""


def load_suites(path: Path = FILE) -> tuple[Suite, ...]:
    """Reads and checks the file; `BadPins` lists everything that is wrong with it."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        problems = list(_problems(data))
        if not problems:
            return tuple(_suite(entry) for entry in data["suite"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        problems = [f"invalid TOML, or something is missing: {error}"]
    raise BadPins(f"{path} is invalid.", "; ".join(problems) + ".", "Fix the entries named above.")


def _problems(data: Mapping[str, Any]) -> Iterator[str]:
    libraries = [entry["library"] for entry in data["suite"]]
    yield from (f"{name} is listed twice" for name in sorted({name for name in libraries if libraries.count(name) > 1}))
    for entry in data["suite"]:
        if not entry["why"]:
            yield f"{entry['library']} needs why"
        for each in entry.get("fails-only-here", ()):
            if not (each["tests"] and all(each["tests"]) and each["match"] and each["why"]):
                yield f"{entry['library']}: an entry of fails-only-here needs tests, match and why"
            if each["cause"] not in (LAYER, PATCHES):
                yield f"{entry['library']}: {each['cause']} is no cause: {LAYER} or {PATCHES}"


def _suite(entry: Mapping[str, Any]) -> Suite:
    explained = (
        Explained(tuple(each["tests"]), each["match"], each["cause"], each["why"])
        for each in entry.get("fails-only-here", ())
    )
    return Suite(entry["library"], entry["why"], entry["files"], tuple(entry["arguments"]), tuple(explained))


def expecting(suites: Sequence[Suite], causes: Collection[str]) -> tuple[Suite, ...]:
    """The suites with those explanations whose cause there is in a comparison."""
    return tuple(
        replace(suite, explained=tuple(entry for entry in suite.explained if entry.cause in causes)) for suite in suites
    )


def parse_outcomes(lines: Iterable[bytes]) -> dict[str, Outcome]:
    """From the lines of `tools.wheels.suite_guest`, in their order; others are not looked at."""
    found: dict[str, Outcome] = {}
    for line in lines:
        if not line.startswith(b"["):
            continue
        test, event, message = json.loads(line)
        known = found.get(test)
        if known is None or _RANKS.index(event) > _RANKS.index(known.result):
            found[test] = Outcome(event, message)
    return found


def differing(here: Outcomes, there: Outcomes) -> list[str]:
    """Tests that pass on one side alone, in the order in which they were run."""
    names = dict.fromkeys((*here, *there))
    return [
        name for name in names if (PASSED in (_result(here, name), _result(there, name))) and _differ(here, there, name)
    ]


def compare(
    version: str,
    here: Outcomes,
    there: Outcomes,
    again: Sequence[tuple[Outcomes, Outcomes]] = (),
    unfinished: Sequence[str] = (),
) -> Compared:
    """``again`` has what later runs of the tests that differed gave, here and there."""
    first = differing(here, there)
    steady = set(first)
    for later_here, later_there in again:
        steady &= {
            name for name in differing(later_here, later_there) if _result(later_here, name) == _result(here, name)
        }
    return Compared(
        version,
        len({*here, *there}),
        _count(here),
        _count(there),
        {name: _message(here, name) for name in first if name in steady and _result(there, name) == PASSED},
        tuple(name for name in first if name in steady and _result(here, name) == PASSED),
        tuple(name for name in first if name not in steady),
        tuple(unfinished),
    )


def explain(suite: Suite, compared: Compared) -> Iterator[tuple[str, str, str]]:
    """Each test that passes only on the rival, what it says here, and why that is: empty if nobody says."""
    for test, message in compared.worse.items():
        entries = (each for each in suite.explained if each.match in message)
        whys = (each.why for each in entries if any(_matches(pattern, test) for pattern in each.tests))
        yield test, message, next(whys, "")


def problems(suite: Suite, compared: Compared) -> Iterator[str]:
    """Runs without an end, tests that fail only here and are not explained, and explanations that nothing needs."""
    yield from (f"{suite.library}: {sentence}" for sentence in compared.unfinished)
    for test, message, why in explain(suite, compared):
        if not why:
            yield f"{suite.library}: {test} passes only on the other interpreter: {message}"
    for entry in suite.explained:
        for pattern in entry.tests:
            if not any(_matches(pattern, test) for test in compared.worse):
                yield f"{suite.library}: suites.toml says why {pattern} fails only here, and it does not"


def _matches(pattern: str, test: str) -> bool:
    """Not `fnmatch`: names of tests have brackets."""
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), test, re.DOTALL) is not None


def _differ(here: Outcomes, there: Outcomes, name: str) -> bool:
    return _result(here, name) != _result(there, name)


def _result(outcomes: Outcomes, name: str) -> str:
    return outcomes[name].result if name in outcomes else NOT_RUN


def _message(outcomes: Outcomes, name: str) -> str:
    found = outcomes.get(name, Outcome(NOT_RUN))
    return f"{found.result}: {found.message}" if found.message else found.result


def _count(outcomes: Outcomes) -> int:
    return sum(outcome.result == PASSED for outcome in outcomes.values())
