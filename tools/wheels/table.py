"""Renders the results as docs/wheels.md, and compares them with the expectations."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tools.support.product import TARGET
from tools.wheels.packages import Packages

SCENARIOS = Path(__file__).with_name("scenarios")

HEAD = """\
# Wheels

The {count} compiled packages of PyPI that are downloaded most, on this layer in {system}.
Each was imported in a fresh process: what a user can name first, then every compiled module in it, so that a library
that is missing or a symbol that is not found would show.

**{imported} of {count} import, {whole} of them with all that they have.** Of {modules} modules {loaded} load; why the
others do not stands below.

`./nox -s wheels` writes this file, and fails on what is not explained here, and on an explanation that nothing needs.

## The list

`requirements/popular.in`, with versions and hashes in `{series}/popular.txt`. In the list is what has a wheel for
CPython {series} (`{abi}` or `abi3`) on x86_64 with manylinux for glibc 2.31 or older, in the newest version that agrees
with the others: all are in one folder. The ranks are those of a public list of PyPI's 15,000 most downloaded packages,
of November 2026; nothing here counts downloads. Which of the ranked packages are compiled was decided by hand, from
what is known of them, then checked for each one in the list. One that has been compiled only lately may have been
overlooked.

Not in it, though downloaded as much:

| packages | why not |
| --- | --- |
{left_out}"""


@dataclass(frozen=True)
class ImportResult:
    """The result of importing one package."""

    name: str
    version: str
    glibc: str
    """The oldest glibc named inside the wheel; a question mark if only its file name has one."""
    modules: tuple[str, ...]
    failures: Mapping[str, str]
    """Module → the exception of its import."""

    @property
    def complete(self) -> bool:
        """Whether there are modules, and all of them can be imported."""
        return bool(self.modules) and not self.failures

    @property
    def importable(self) -> bool:
        return len(self.failures) < len(self.modules)

    @classmethod
    def parse(cls, line: Mapping[str, Any]) -> Self:
        """From a line of `tools.wheels.guest`."""
        minors = [int(minor) for tag in line["tags"] for minor in re.findall(r"manylinux_2_(\d+)_", tag)]
        minors += [17 for tag in line["tags"] if "manylinux2014_" in tag]
        glibc = f"2.{min(minors)}" if minors else "?"
        return cls(line["package"], line["version"], glibc, tuple(line["modules"]), line["failures"])


@dataclass(frozen=True)
class ScenarioResult:
    """The result of one scenario."""

    name: str
    output: str
    failures: Mapping[str, str]
    """Empty, or one that says how it ended."""

    @property
    def description(self) -> str:
        """The first line of the script's docstring."""
        docstring = ast.get_docstring(ast.parse((SCENARIOS / self.name).read_text(encoding="utf-8"))) or ""
        return docstring.partition("\n")[0]


def problems(packages: Packages, imports: Sequence[ImportResult], scenarios: Sequence[ScenarioResult]) -> Iterator[str]:
    """Unexpected failures, and expected failures that do not occur."""
    for result in imports:
        if not result.modules:
            yield f"{result.name}: there is nothing to import"
        for module, message in result.failures.items():
            if (result.name, module) not in packages.expected_failures:
                yield f"{result.name}: {module}: {message}"
    failures = {(result.name, module) for result in imports for module in result.failures}
    tried = {result.name for result in imports}
    for package, module in packages.expected_failures:
        if package in tried and (package, module) not in failures:
            yield f"{package}: packages.toml says why {module} cannot be imported, but it can"
    for scenario in scenarios:
        yield from (f"{scenario.name}: {failure}" for failure in scenario.failures.values())


def document(
    packages: Packages, imports: Sequence[ImportResult], scenarios: Sequence[ScenarioResult], system: str
) -> str:
    """The whole of docs/wheels.md."""
    modules = sum(len(result.modules) for result in imports)
    incomplete = [result for result in imports if result.failures]
    text = HEAD.format(
        system=system,
        series=TARGET.series,
        abi=TARGET.abi,
        count=len(imports),
        imported=sum(result.importable for result in imports),
        whole=sum(result.complete for result in imports),
        loaded=modules - sum(len(result.failures) for result in incomplete),
        modules=modules,
        left_out="".join(f"| {', '.join(entry.packages)} | {entry.why} |\n" for entry in packages.excluded),
    )
    text += "\n## What cannot be imported\n\n| package | module | what it says | why |\n| --- | --- | --- | --- |\n"
    for result in incomplete:
        for module, message in result.failures.items():
            why = packages.expected_failures.get((result.name, module), "**not explained**")
            text += f"| {result.name} | `{module}` | `{one_line(message)}` | {why} |\n"
    text += "\n## Work\n\nPrograms of `tools/wheels/scenarios/`, and what they print.\n\n| | | |\n| --- | --- | --- |\n"
    for scenario in scenarios:
        outcome = one_line(scenario.output) or "✓"
        for failure in scenario.failures.values():
            outcome = f"**{one_line(failure)}**"
        text += f"| `{scenario.name}` | {scenario.description} | {outcome} |\n"
    text += (
        "\n## Packages\n\nglibc: the oldest that is named inside a wheel; Amazon Linux 2 has 2.26, 2023 has 2.34.\n\n"
    )
    text += "| rank | package | version | glibc | modules | |\n| ---: | --- | --- | --- | ---: | --- |\n"
    for result in imports:
        status = f"all but {len(result.failures)}" if result.failures else "✓"
        about = f"| {packages.ranks[result.name]} | {result.name} | {result.version} | {result.glibc} "
        text += f"{about}| {len(result.modules)} | {status} |\n"
    return text


def one_line(text: str) -> str:
    """What fits into a cell of a table."""
    return " ".join(text.replace("|", "\\|").split())[:200]
