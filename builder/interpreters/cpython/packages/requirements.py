"""A requirements file with hashes → the packages that it asks for on a target.

Markers are decided here, for the target: pip would decide them for the Python that it runs on. All lines on one package
hold at once, and those of constraints (``-c``) with them: versions, and the hashes that each line with hashes allows.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier
from packaging.utils import canonicalize_name
from packaging.version import Version

from builder.errors import NotLocked
from builder.interpreters.cpython.packages.requirement_lines import Line, read_lines
from builder.interpreters.cpython.target import Target
from builder.plan.steps import LockedPackage

_SHA256 = re.compile(r"sha256:([0-9a-fA-F]{64})")
_UNNAMED = re.compile(r"[\w.+-]+:|\.|[^\s@]*/|[^\s@]*\.(whl|zip|tar|tgz|tbz|txz|tlz|tar\.(gz|bz2|xz|lzma))\s*$")
"""How a line begins that names no package: with an address, a path, or the name of an archive."""


@dataclass(frozen=True)
class Locked:
    """What a file locks on a target."""

    packages: tuple[LockedPackage, ...]
    """Sorted by name."""
    notes: tuple[str, ...]
    """What the file says and nothing heeds."""


@dataclass(frozen=True)
class _Asked:
    """What one line says of a package, on the target."""

    line: Line
    requirement: Requirement
    sha256: frozenset[str]


def read_requirements(path: Path, target: Target) -> Locked:
    """What the file asks for on a target; `NotLocked` lists all that is wrong with it."""
    do = "Write it with `uv export --no-emit-project`, `uv pip compile --generate-hashes` or `pip-compile` (the same)."
    if path.is_dir() or not path.exists():  # else it may be a pipe, which can be read but once
        why = "It is a folder." if path.is_dir() else "There is no such file."
        raise NotLocked(f"{path} cannot be read.", why, "Pass a requirements file.")
    reading = read_lines(path)
    problems = reading.problems
    lines: dict[str, list[_Asked]] = defaultdict(list)
    for line in reading.lines:
        try:
            if asked := _ask(line, environment(target)):
                lines[canonicalize_name(asked.requirement.name)].append(asked)
        except ValueError as error:
            problems.append(f"{line.where}: {line.text}: {error}")
    found = []
    for name, all_asked in sorted(lines.items()):
        if any(not asked.line.constraint for asked in all_asked):
            try:
                found.append(_lock(name, all_asked))
            except ValueError as error:
                places = "; ".join(asked.line.where for asked in all_asked)
                problems.append(f"{places}: {' and '.join(asked.line.text for asked in all_asked)}: {error}")
    if not (problems or found):
        problems.append("it asks for no package on this target")
    if problems:
        raise NotLocked(f"{path} does not lock its packages.", "\n       ".join(problems), do)
    return Locked(tuple(found), tuple(reading.notes))


def _ask(line: Line, environment: Mapping[str, str]) -> _Asked | None:
    """None if the line says nothing on the target; `ValueError` says what is wrong with it."""
    text, _, condition = line.text.partition(";")
    try:
        wanted = not condition.strip() or Marker(condition.strip()).evaluate(dict(environment))
        unnamed = _UNNAMED.match(text)
        requirement = None if unnamed else Requirement(text.strip())
    except (InvalidMarker, InvalidRequirement) as error:
        raise ValueError(str(error).splitlines()[0]) from error
    if requirement and requirement.extras and line.constraint:
        raise ValueError("has extras, and a constraint may have none")
    if not wanted:
        return None
    if requirement is None or requirement.url:
        raise ValueError("comes from an address, a file or a folder; lock what an index has")
    hashes = [_SHA256.fullmatch(value) for value in line.hashes]
    return _Asked(line, requirement, frozenset(found[1].lower() if found else "" for found in hashes))


def _lock(name: str, lines: list[_Asked]) -> LockedPackage:
    """What all lines on a package allow; `ValueError` if that is not one version with hashes."""
    specifiers = [specifier for asked in lines for specifier in asked.requirement.specifier]
    pins = {Version(specifier.version): specifier for specifier in reversed(specifiers) if _is_pin(specifier)}
    if not pins:
        raise ValueError("is not pinned by ==")
    if len(pins) > 1:
        raise ValueError(f"is pinned to different versions: {', '.join(map(str, sorted(pins)))}")
    ((version, pin),) = pins.items()
    if outside := [each for each in specifiers if not each.contains(version, prereleases=True)]:
        raise ValueError(f"is pinned to {version}, which {outside[0]} does not allow")
    hashes = [asked.sha256 for asked in lines if asked.sha256]
    if not hashes:
        raise ValueError("has no hash")
    if any("" in each for each in hashes):
        raise ValueError("has a hash that is no sha256")
    allowed = reduce(frozenset.intersection, hashes)
    if not allowed:
        raise ValueError("stands there with different hashes, none of which all its lines allow")
    return LockedPackage(name, pin.version, tuple(sorted(allowed)))


def _is_pin(specifier: Specifier) -> bool:
    return specifier.operator == "==" and not specifier.version.endswith("*")


def environment(target: Target) -> dict[str, str]:
    """What markers see on Lambda: https://packaging.python.org/specifications/dependency-specifiers/"""
    return {
        "implementation_name": "cpython",
        "implementation_version": target.version,
        "os_name": "posix",
        "platform_machine": target.platform.cpu.machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": target.version,
        "python_version": target.series,
        "sys_platform": "linux",
        "extra": "",
    }
