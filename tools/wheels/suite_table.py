"""The section on test suites of docs/wheels.md, from ``docs/suites.json``, which has each product's last results."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from tools.support.product import ROOT
from tools.wheels.suites import Compared, Suite, explain
from tools.wheels.table import one_line

RESULTS = ROOT / "docs" / "suites.json"
HEADING = "\n## Test suites\n"
_SHOWN = 3
"""Names of tests in a line, at the most."""

_HEAD = """
The own tests of libraries that live close to the interpreter, with the same wheels and the same tests on two
interpreters: the layer at /opt, and another. Both run in one Debian 13, as an unprivileged user without a network.
Libraries and what their tests import are locked in `requirements/suites.in`; the tests are from the sdists, and
greenlet's from its wheel, where their compiled part is. A test that ends otherwise on the two is tried twice more on
both, and counts if it does so again.

`./nox -s wheels -- --test-suites` writes this section. It fails on a test that passes only on the other one and
is not explained in `tools/wheels/suites.toml`, and on an explanation that nothing needs. Debian 13 has one Python:
a layer of that series, 3.13, is compared with it (`STATIC_PYTHON_PRODUCT` chooses the product). One of another is
compared with its variant `upstream`, which shows what our patches do, and nothing of how the layer is built.

| library | what it uses of the interpreter |
| --- | --- |
"""


@dataclass(frozen=True)
class Run:
    """The last results for one product."""

    here: str
    """The layer's interpreter, as its ``-VV`` says."""
    rival: str
    """What it was compared with: ``Debian 13``."""
    there: str
    """That one's ``-VV``."""
    suites: Mapping[str, Compared]
    """By library."""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """From JSON."""
        suites = {library: _compared(each) for library, each in data["suites"].items()}
        return cls(data["here"], data["rival"], data["there"], suites)


def _compared(data: Mapping[str, Any]) -> Compared:
    lists = {name: tuple(data[name]) for name in ("better", "unsteady", "unfinished")}
    return Compared(**{**data, **lists})


def read_runs(path: Path = RESULTS) -> dict[str, Run]:
    """Product → its last results; none if there is no such file."""
    if not path.exists():
        return {}
    return {name: Run.parse(run) for name, run in json.loads(path.read_text(encoding="utf-8")).items()}


def write_run(product: str, run: Run, path: Path = RESULTS) -> None:
    """Puts a run's suites in the place of the product's, which go if they were of other interpreters."""
    runs = read_runs(path)
    last = runs.get(product)
    if last and replace(last, suites={}) == replace(run, suites={}):
        run = replace(run, suites={**last.suites, **run.suites})
    runs[product] = run
    text = json.dumps({name: asdict(runs[name]) for name in sorted(runs)}, indent=1, ensure_ascii=False)
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text(f"{text}\n", encoding="utf-8")
    os.replace(unfinished, path)


def with_section(page: str, suites: Sequence[Suite], runs: Mapping[str, Run]) -> str:
    """The page with the section at its end, in the place of the one that it had."""
    return page.partition(HEADING)[0] + "".join(f"{line}\n" for line in _section(suites, runs)) if runs else page


def _section(suites: Sequence[Suite], runs: Mapping[str, Run]) -> Iterator[str]:
    yield (HEADING + _HEAD).rstrip("\n")
    for suite in suites:
        if any(suite.library in run.suites for run in runs.values()):
            yield f"| {suite.library} | {suite.why} |"
    for product, run in runs.items():
        yield f"\n### {product} and {run.rival}\n"
        yield f"Here: {run.here}. There: {run.there}.\n"
        yield "| library | version | tests | pass there | pass here | only there | only here |"
        yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
        for library, compared in _in_order(suites, run):
            yield (
                f"| {library} | {compared.version} | {compared.tests} | {compared.passed_there} "
                f"| {compared.passed_here} | {len(compared.worse)} | {len(compared.better)} |"
            )
        yield from _explanations(suites, run)


def _explanations(suites: Sequence[Suite], run: Run) -> Iterator[str]:
    """A line for each reason."""
    rows: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for suite in suites:
        if suite.library in run.suites:
            for test, message, why in explain(suite, run.suites[suite.library]):
                rows.setdefault((suite.library, why or "**not explained**"), []).append((test, message))
    if rows:
        yield "\n| library | passes only there | what it says here | why |\n| --- | --- | --- | --- |"
        for (library, why), found in rows.items():
            yield f"| {library} | {_names([test for test, _ in found])} | `{one_line(found[0][1])}` | {why} |"
    for what, field in (("Passed only here", "better"), ("Differed once, but not when tried again", "unsteady")):
        named = [
            f"{library}: {_names(getattr(each, field))}"
            for library, each in _in_order(suites, run)
            if getattr(each, field)
        ]
        if named:
            yield f"\n{what}: {'; '.join(named)}."


def _in_order(suites: Sequence[Suite], run: Run) -> list[tuple[str, Compared]]:
    return [(suite.library, run.suites[suite.library]) for suite in suites if suite.library in run.suites]


def _names(tests: Sequence[str]) -> str:
    more = f" and {len(tests) - _SHOWN} more" if len(tests) > _SHOWN else ""
    return ", ".join(f"`{one_line(test)}`" for test in tests[:_SHOWN]) + more
