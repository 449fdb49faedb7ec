"""Results → text for a person."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tools.wheels.packages import Packages

WORK = Path(__file__).with_name("scenarios")

HEAD = """\
# Wheels

The {count} compiled packages of PyPI that are downloaded most, on this layer in {system}.
Each was imported in a fresh process: what a user can name first, then every compiled module in it, so that a library
that is missing or a symbol that is not found would show.

**{imported} of {count} import, {whole} of them with all that they have.** Of {modules} modules {loaded} load; why the
others do not stands below.

`./nox -s wheels` writes this file, and fails on what is not explained here, and on an explanation that nothing needs.

## The list

`requirements/popular.in`, with versions and hashes in `popular.txt`. In the list is what has a wheel for CPython 3.13
(`cp313` or `abi3`) on x86_64 with manylinux for glibc 2.31 or older, in the newest version that agrees with the others:
all are in one folder. The ranks are those of a public list of PyPI's 15,000 most downloaded packages, of November 2026;
nothing here counts downloads. Which of the ranked packages are compiled was decided by hand, from what is known of
them, then checked for each one in the list. One that has been compiled only lately may have been overlooked.

Not in it, though downloaded as much:

| packages | why not |
| --- | --- |
{left_out}"""


@dataclass(frozen=True)
class ImportResult:
    """What came of importing one package."""

    name: str
    version: str
    floor: str
    """The oldest glibc that is named inside the wheel, or a question mark: some name it in their file's name alone."""
    modules: tuple[str, ...]
    failures: Mapping[str, str]
    """Module → what its import said."""

    @property
    def whole(self) -> bool:
        """Whether all that it has can be imported, and there is something."""
        return bool(self.modules) and not self.failures

    @property
    def imports(self) -> bool:
        return len(self.failures) < len(self.modules)

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Self:
        """Of what `tools.wheels.guest` writes."""
        minors = [int(minor) for tag in line["tags"] for minor in re.findall(r"manylinux_2_(\d+)_", tag)]
        minors += [17 for tag in line["tags"] if "manylinux2014_" in tag]
        floor = f"2.{min(minors)}" if minors else "?"
        return cls(line["package"], line["version"], floor, tuple(line["modules"]), line["failures"])


@dataclass(frozen=True)
class ScenarioResult:
    """What came of one program."""

    name: str
    said: str
    failures: Mapping[str, str]
    """Empty, or one that says how it ended."""

    @property
    def task(self) -> str:
        """What the program does, in its own words."""
        docstring = ast.get_docstring(ast.parse((WORK / self.name).read_text(encoding="utf-8"))) or ""
        return docstring.partition("\n")[0]


def problems(packages: Packages, loaded: Sequence[ImportResult], worked: Sequence[ScenarioResult]) -> Iterator[str]:
    """What nobody has explained, and explanations of what is not so."""
    for result in loaded:
        if not result.modules:
            yield f"{result.name}: there is nothing to import"
        for module, said in result.failures.items():
            if (result.name, module) not in packages.refused:
                yield f"{result.name}: {module}: {said}"
    failures = {(result.name, module) for result in loaded for module in result.failures}
    tried = {result.name for result in loaded}
    for package, module in packages.refused:
        if package in tried and (package, module) not in failures:
            yield f"{package}: packages.toml says why {module} cannot be imported, and it can"
    for program in worked:
        yield from (f"{program.name}: {how}" for how in program.failures.values())


def document(packages: Packages, loaded: Sequence[ImportResult], worked: Sequence[ScenarioResult], system: str) -> str:
    """The whole of docs/wheels.md."""
    modules = sum(len(result.modules) for result in loaded)
    part = [result for result in loaded if result.failures]
    text = HEAD.format(
        system=system,
        count=len(loaded),
        imported=sum(result.imports for result in loaded),
        whole=sum(result.whole for result in loaded),
        loaded=modules - sum(len(result.failures) for result in part),
        modules=modules,
        left_out="".join(f"| {', '.join(entry.packages)} | {entry.why} |\n" for entry in packages.left_out),
    )
    text += "\n## What cannot be imported\n\n| package | module | what it says | why |\n| --- | --- | --- | --- |\n"
    for result in part:
        for module, said in result.failures.items():
            why = packages.refused.get((result.name, module), "**not explained**")
            text += f"| {result.name} | `{module}` | `{_line(said)}` | {why} |\n"
    text += "\n## Work\n\nPrograms of `tools/wheels/scenarios/`, and what they print.\n\n| | | |\n| --- | --- | --- |\n"
    for program in worked:
        outcome = _line(program.said) or "✓"
        for how in program.failures.values():
            outcome = f"**{_line(how)}**"
        text += f"| `{program.name}` | {program.task} | {outcome} |\n"
    text += (
        "\n## Packages\n\nglibc: the oldest that is named inside a wheel; Amazon Linux 2 has 2.26, 2023 has 2.34.\n\n"
    )
    text += "| rank | package | version | glibc | modules | |\n| ---: | --- | --- | --- | ---: | --- |\n"
    for result in loaded:
        loads = f"all but {len(result.failures)}" if result.failures else "✓"
        about = f"| {packages.ranks[result.name]} | {result.name} | {result.version} | {result.floor} "
        text += f"{about}| {len(result.modules)} | {loads} |\n"
    return text


def _line(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())[:200]
