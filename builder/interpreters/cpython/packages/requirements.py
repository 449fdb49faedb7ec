"""A requirements file with hashes → the packages that it asks for on a target.

Markers are decided here, for the target: pip would decide them for the Python that it runs on.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from builder.errors import NotLocked
from builder.interpreters.cpython.target import Target
from builder.plan.steps import LockedPackage

_COMMENT = re.compile(r"(^|\s+)#.*$")
_HASH = re.compile(r"\s--hash[= ]\s*(\S+)")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_HARMLESS = ("--require-hashes", "--only-binary")
"""Options that ask for what is done anyway."""


def read_requirements(path: Path, target: Target) -> tuple[LockedPackage, ...]:
    """What the file asks for on a target, sorted by name; `NotLocked` lists all that is wrong with it."""
    do = "Write it with `uv export --no-emit-project`, `uv pip compile --generate-hashes` or `pip-compile` (the same)."
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotLocked(f"{path} cannot be read.", f"{error}.", "Pass a requirements file.") from error
    problems: list[str] = []
    found: dict[str, LockedPackage] = {}
    for line in _logical_lines(text):
        try:
            locked = _read(line, environment(target))
        except ValueError as error:
            problems.append(f"{line.split(' --hash')[0]}: {error}")
        else:
            if locked and found.setdefault(locked.name, locked) != locked:
                problems.append(f"{locked.name}: stands there twice, with different versions or hashes")
    if not (problems or found):
        problems.append("it asks for no package on this target")
    if problems:
        raise NotLocked(f"{path} does not lock its packages.", "\n       ".join(problems), do)
    return tuple(found[name] for name in sorted(found))


def _logical_lines(text: str) -> Iterator[str]:
    """Lines as pip reads them: a backslash joins two, a ``#`` ends one."""
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        if content := _COMMENT.sub("", line).strip():
            yield " ".join(content.split())


def _read(line: str, environment: dict[str, str]) -> LockedPackage | None:
    """None if the line asks for nothing on the target; `ValueError` says what is wrong with it."""
    if line.startswith(_HARMLESS):
        return None
    if line.startswith("-"):
        raise ValueError("only packages may stand here; where they come from is for pip's own settings to say")
    try:
        requirement = Requirement(_HASH.sub("", line).strip())
    except InvalidRequirement as error:
        raise ValueError(str(error).splitlines()[0]) from error
    if requirement.marker and not requirement.marker.evaluate(environment):
        return None
    if requirement.url:
        raise ValueError("comes from an address of its own, and not from an index")
    match list(requirement.specifier):
        case [specifier] if specifier.operator == "==" and not specifier.version.endswith("*"):
            hashes = _HASH.findall(line)
            if not hashes or not all(_SHA256.fullmatch(value) for value in hashes):
                raise ValueError("has a hash that is no sha256" if hashes else "has no hash")
            name = canonicalize_name(requirement.name)
            return LockedPackage(name, specifier.version, tuple(sorted({value.partition(":")[2] for value in hashes})))
    raise ValueError("is not pinned by ==")


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
