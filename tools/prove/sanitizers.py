"""Reports of sanitizers, without what changes from run to run: addresses, process numbers, lines."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

Reports = dict[str, str]
"""Signature → a report's text."""

FRAMES = 3
"""Functions of a stack that tell one report from another."""
_LONGEST = 4000

_HEADER = re.compile(
    r"^(?:==\d+==ERROR: |WARNING: )(AddressSanitizer|ThreadSanitizer|LeakSanitizer): (.+)$", re.MULTILINE
)
_UNDEFINED = re.compile(r"^(\S+?):\d+:\d+: runtime error: (.+)$", re.MULTILINE)
_FRAME = re.compile(r"^\s+#(\d+) (?:0x[0-9a-f]+ in )?(\S+)", re.MULTILINE)
_VARYING = re.compile(r"0x[0-9a-f]+|\(pid=\d+\)|\b\d+\b|T\d+")
_RUNTIME = re.compile(r"^(?:__asan|__tsan|__interceptor|__sanitizer|malloc$|calloc$|realloc$|free$|memcpy$|memmove$)")


def logged(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Variables by which the sanitizers' runtimes write their reports into a folder, for `read_reports`."""
    told = {
        name: f"{value}:log_path={folder}/report" for name, value in environment.items() if name.endswith("SAN_OPTIONS")
    }
    return {**environment, **told}


def read_reports(folder: Path) -> Reports:
    """The reports in the files that sanitizers wrote into a folder, ``report.<process>``."""
    found: Reports = {}
    for path in sorted(folder.glob("report.*")):
        for signature, text in parse_reports(path.read_text(encoding="utf-8", errors="replace")):
            found.setdefault(signature, text)
    return found


def parse_reports(text: str) -> Iterator[tuple[str, str]]:
    """Each report's signature and text."""
    beginnings = sorted(match.start() for pattern in (_HEADER, _UNDEFINED) for match in pattern.finditer(text))
    for begin, end in zip(beginnings, [*beginnings[1:], len(text)], strict=True):
        report = text[begin:end]
        yield _signature(report), report.strip()[:_LONGEST]


def _signature(report: str) -> str:
    """What it is, and by which functions: of a race, those of both threads."""
    stacks = list(_stacks(report))
    if undefined := _UNDEFINED.match(report):
        place = undefined[1].rpartition("/")[2]
        return f"{place}: {_plain(undefined[2])}: {' < '.join(stacks[0] if stacks else ())}".rstrip(": ")
    header = _HEADER.match(report)
    assert header
    what = _plain(header[2].partition(" on ")[0])
    both = [" < ".join(stack) for stack in stacks[:2]]
    return f"{what}: {' | '.join(sorted(both) if 'race' in what else both)}"  # of two threads, either may be the first


def _stacks(report: str) -> Iterator[list[str]]:
    """The first functions of each stack, without the sanitizer's own."""
    stack: list[str] = []
    for number, function in _FRAME.findall(report):
        if number == "0" and stack:
            yield stack
            stack = []
        if len(stack) < FRAMES and not _RUNTIME.match(function):
            stack.append(function)
    if stack:
        yield stack


def _plain(text: str) -> str:
    return " ".join(_VARYING.sub("N", text).split())
