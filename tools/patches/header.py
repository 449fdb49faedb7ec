"""A patch's header: what the patch is for, what a program sees of it, and how one can tell. And what its diff changes.

::

    A title, in one line

    Why: what is slow or wrong, and what the patch does;
        a line that continues a field is indented
    Changes: …

The fields stand in the order of `REQUIRED` and `OPTIONAL`. None has figures: those are of a run, and stand in
``docs/patches.json``.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

REQUIRED: Mapping[str, str] = {
    "Why": "what is slow or wrong, and what the patch does",
    "Changes": "what a program can see of it: Nothing., or all of it",
    "Evidence": "what would find a fault: tests of upstream (test_json) and ours (tests/…), the fuzzer (fuzz json)",
    "Benchmark": "what it changes most: pyperformance's (json_loads), our programs (programs/fib), or `none: ` and why",
    "Upstream": "a link, an issue (gh-123), a report (docs/upstream/…), or `not for upstream: ` and why",
    "Remove when": "when the patch can go",
}
OPTIONAL: Mapping[str, str] = {
    "Generated": "how to repeat what it changes in generated files; required if there are any",
    "Needs": "numbers of earlier patches without which it applies, but does not compile, and for what",
}
FUZZED = (
    *("json", "re", "str", "bytes", "base64", "int", "sort", "hashes", "generators", "coroutines", "gc"),
    *("trace", "monitoring", "pickle", "tracebacks"),
)
"""The subjects of the fuzzer that compares a variant with upstream's."""
GENERATED = re.compile(
    r"Python/(generated_cases\.c\.h|(executor|optimizer)_cases\.c\.h|opcode_targets\.h|frozen_modules/.+)"
    r"|Include/(opcode_ids\.h|internal/pycore_(opcode_metadata|uop_ids|uop_metadata|global_objects_\w+)\.h)"
    r"|.+/clinic/.+\.h|configure"
)
"""Files of CPython that its own tools write."""

_FIELD = re.compile(r"([A-Z][A-Za-z ]*):(?: (.*))?")
_EVIDENCE = re.compile(r"test_\w+|tests/[\w/]+\.py|fuzz (?P<subject>\w+)")
_BENCHMARK = re.compile(r"(programs/)?[a-z0-9_]+")
_REPORT = re.compile(r"docs/upstream/[\w-]+\.md")
_UPSTREAM = re.compile(rf"(https://\S|(gh|bpo)-\d|not for upstream: \S|{_REPORT.pattern})")
_NEEDS = re.compile(r"(\d{4})(, (\d{4}))*, for \S.*")


@dataclass(frozen=True)
class Patch:
    """A patch of a source."""

    path: str
    """From the repository's root."""
    title: str
    fields: Mapping[str, str]
    """Name → text in one line."""
    diff: str

    @property
    def name(self) -> str:
        """Its file's."""
        return self.path.rpartition("/")[2]

    @property
    def set(self) -> str:
        """The patch set that it is in: ``fast``."""
        return self.path.split("/")[-2]

    @property
    def number(self) -> str:
        """The four digits that its file's name begins with: ``0005``."""
        return self.name[:4]

    @property
    def needs(self) -> tuple[str, ...]:
        """Numbers of the patches of the same series without which it does not compile."""
        return tuple(re.findall(r"\d{4}", self.fields.get("Needs", "").partition(", for ")[0]))

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """What it should change most: names of pyperformance's, and ``programs/<name>``."""
        text = self.fields["Benchmark"]
        return () if text.startswith("none: ") else tuple(text.split(", "))

    @property
    def report(self) -> str:
        """Path of the report to upstream that it names; empty if it names none."""
        found = _REPORT.match(self.fields["Upstream"])
        return found.group() if found else ""

    @property
    def own_tests(self) -> tuple[str, ...]:
        """Paths of the tests of this repository that it names."""
        return tuple(item for item in self.fields["Evidence"].split(", ") if item.startswith("tests/"))

    @property
    def visible(self) -> bool:
        """Whether a program can see anything of it but speed."""
        return not self.fields["Changes"].startswith("Nothing")

    @cached_property
    def lines(self) -> Mapping[str, tuple[int, int]]:
        """File that it changes, from the source's root → how many lines are added, and how many removed."""
        found: dict[str, tuple[int, int]] = {}
        file, old, new = "", 0, 0
        for line in self.diff.splitlines():
            if old or new:  # inside of a hunk: a line that begins with --- is one that is removed
                added, removed = line.startswith("+"), line.startswith("-")
                old, new = old - (not added), new - (not removed)
                found[file] = (found[file][0] + added, found[file][1] + removed)
            elif name := re.match(r"\+\+\+ b/(\S+)", line):
                file = name[1]
                found.setdefault(file, (0, 0))
            elif file and (hunk := re.match(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@", line)):
                old, new = (int(size) if size else 1 for size in hunk.groups())
        return found

    @property
    def generated(self) -> tuple[str, ...]:
        """Which of these files are written by tools of the source."""
        return tuple(file for file in self.lines if GENERATED.fullmatch(file))

    @property
    def added(self) -> int:
        return sum(added for added, _ in self.lines.values())

    @property
    def removed(self) -> int:
        return sum(removed for _, removed in self.lines.values())

    @property
    def sha256(self) -> str:
        """Of the diff alone: what is compiled."""
        return hashlib.sha256(self.diff.encode()).hexdigest()


def parse_patch(path: str, text: str) -> tuple[Patch, list[str]]:
    """A patch, and what is wrong with its header; if anything is, the patch is good for nothing else."""
    header, mark, diff = text.partition("\n--- ")
    title, *lines = header.split("\n")
    fields: dict[str, str] = {}
    problems = []
    if not title.strip():
        problems.append("its first line is no title")
    if not lines or lines[0]:
        problems.append("no empty line follows its title")
    for line in lines:
        if found := _FIELD.fullmatch(line):
            name, value = found.groups()
            if name in fields:
                problems.append(f"`{name}:` stands twice")
            fields[name] = (value or "").strip()
        elif line.startswith(" ") and line.strip() and fields:
            fields[name] += f" {line.strip()}"
        elif line:
            problems.append(f"this line is of no field: {line!r}")
    patch = Patch(path, title, fields, f"{mark.lstrip()}{diff}")
    return patch, [*problems, *_misfits(patch)]


def _misfits(patch: Patch) -> Iterator[str]:
    """What the fields should not say, or should."""
    fields, known = patch.fields, (*REQUIRED, *OPTIONAL)
    if not re.fullmatch(r"\d{4}-[a-z0-9-]+\.patch", patch.name):
        yield "its name is not like 0001-what-it-does.patch"
    if not patch.lines:
        yield "it has no diff"
    yield from (f"`{name}:` is no field" for name in fields if name not in known)
    yield from (f"`{name}:` is missing: {what}" for name, what in REQUIRED.items() if not fields.get(name))
    yield from (f"`{name}:` is empty: {what}" for name, what in OPTIONAL.items() if fields.get(name) == "")
    if [name for name in known if name in fields] != [name for name in fields if name in known]:
        yield f"its fields are not in the order {', '.join(known)}"
    yield from _misfits_of_values(patch)


def _misfits_of_values(patch: Patch) -> Iterator[str]:
    """What single fields should not say."""
    fields = patch.fields
    for item in fields["Evidence"].split(", ") if fields.get("Evidence") else ():
        found = _EVIDENCE.fullmatch(item)
        if not found:
            yield f"`Evidence:` names {item!r}, which is no test file and no subject of the fuzzer"
        elif found["subject"] and found["subject"] not in FUZZED:
            yield f"`Evidence:` names {item!r}; the fuzzer's subjects are {', '.join(FUZZED)}"
    if patch.generated and "Generated" not in fields:
        yield f"`Generated:` is missing: {OPTIONAL['Generated']} ({', '.join(patch.generated)})"
    if "Generated" in fields and not patch.generated:
        yield "`Generated:` stands there, and it changes no generated file"
    if fields.get("Benchmark"):
        yield from (f"`Benchmark:` names {item!r}" for item in patch.benchmarks if not _BENCHMARK.fullmatch(item))
    if fields.get("Upstream") and not _UPSTREAM.match(fields["Upstream"]):
        yield f"`Upstream:` does not begin with {REQUIRED['Upstream']}"
    if fields.get("Needs") and not _NEEDS.fullmatch(fields["Needs"]):
        yield "`Needs:` is not like `0004, for in_region().`"
