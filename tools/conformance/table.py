"""Renders comparisons: a diff for the terminal, a table for docs/conformance.md."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tools.conformance.case import Aspect, Rule
from tools.conformance.compare import Comparison
from tools.conformance.run import Outcome

WIDTH = 110
"""Maximum characters of an outcome in the table: enough to see what a case is about."""

HEAD = """\
# Conformance

What a function meets on Lambda's managed Python (awslambdaric {version}) and on this layer: {count} cases through both,
on the same interpreter, against a Runtime API that records every byte. {same} come out the same to the byte: calls,
headers, bodies, log, exit code. {different} differ, each for the reason beside it.

`./nox -s conformance` writes this file, and fails on a difference that has no reason. Long texts are cut (…), `⏎` is a
line feed, `␍` a carriage return, `⇥` a tab.

## Why they differ

| reason | cases | |
| --- | --- | --- |
{rules}"""

MOST_TELLING: tuple[Aspect, ...] = (
    *("calls", "bodies", "frames", "log", "headers", "x-ray", "error type", "warning", "exit"),
)
"""Which aspect the table shows of a case with more than one difference: the first of these."""

VISIBLE = str.maketrans({"\n": "⏎", "\r": "␍", "\t": "⇥", "|": "\\|", "`": "'"})


def diff(comparison: Comparison) -> Iterator[str]:
    """Lines that show where a case's two outcomes differ."""
    for aspect in comparison.different:
        rule = comparison.case.differs.get(aspect) or comparison.case.differs.get("calls")
        yield f"  {aspect}: {rule.value if rule else 'UNEXPLAINED'}"
        reference, ours = (_lines(outcome[aspect]) for outcome in (comparison.reference, comparison.ours))
        changes = difflib.unified_diff(reference, ours, "reference", "ours", lineterm="", n=0)
        yield from (f"    {line[:400]}" for line in changes if not line.startswith(("---", "+++", "@@")))


def document(groups: Iterable[tuple[str, Sequence[Comparison]]], version: str) -> str:
    """The table, chapter by chapter."""
    chapters = list(groups)
    everything = [comparison for _, comparisons in chapters for comparison in comparisons]
    different = sum(1 for comparison in everything if comparison.different)
    count = len(everything)
    uses = Counter(rule for comparison in everything for rule in comparison.rules)
    rules = "".join(f"| {_name(rule)} | {uses[rule]} | {rule.value} |\n" for rule in Rule if uses[rule])
    text = HEAD.format(version=version, count=count, same=count - different, different=different, rules=rules)
    return text + "".join(_chapter(title, comparisons) for title, comparisons in chapters)


def _chapter(title: str, comparisons: Sequence[Comparison]) -> str:
    rows = "".join(_row(comparison) for comparison in comparisons)
    return f"\n## {title}\n\n| case | reference | ours | | why |\n| --- | --- | --- | --- | --- |\n{rows}"


def _row(comparison: Comparison) -> str:
    name = _plain(comparison.case.name)
    if not comparison.different:
        return f"| {name} | {_code(_summary(comparison.ours))} | | same | |\n"
    # Error-type headers differ with every error: other differences say more about the case.
    aspect = min(comparison.different, key=MOST_TELLING.index)
    reference, ours = _excerpts(comparison.reference, comparison.ours, aspect)
    why = ", ".join([*map(_name, comparison.rules), *(["**not declared**"] if comparison.problems else [])])
    return f"| {name} | {_code(reference)} | {_code(ours)} | different | {why} |\n"


def _excerpts(reference: Outcome, ours: Outcome, aspect: Aspect) -> tuple[str, str]:
    """Excerpts of two outcomes that differ, around the first difference if that is far from the start."""
    if aspect == "calls":
        return _summary(reference), _summary(ours)
    left, right = (f"{aspect}: " + " · ".join(outcome[aspect]) for outcome in (reference, ours))
    start = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    if start < WIDTH // 2:
        return left, right
    cut = start - WIDTH // 3
    return f"{aspect}: …{left[cut:]}", f"{aspect}: …{right[cut:]}"


def _summary(outcome: Outcome) -> str:
    """The POSTs and their bodies, the log, and the exit code if there was one."""
    posts = [call.removeprefix("POST ").rpartition("/")[2] for call in outcome["calls"] if call.startswith("POST")]
    # The log comes first where it is the subject: where all results are null.
    body = [f"{end} {text}" for end, text in zip(posts, outcome["bodies"], strict=True)]
    log = outcome["frames"] or outcome["log"]
    shown = [*log, *body] if log and all(text.endswith("null") for text in body) else body
    end = outcome["exit"][0]
    return " · ".join([*shown, *(() if end == "waits" else (f"exit {end}",))]) or "no answer"


def _name(rule: Rule) -> str:
    return rule.name.lower().replace("_", " ")


def _plain(text: str) -> str:
    """Escapes Markdown."""
    return re.sub(r"([_*|`])", r"\\\1", text)


def _code(text: str) -> str:
    visible = text.translate(VISIBLE)
    visible = "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in visible)
    return f"`{visible if len(visible) <= WIDTH else visible[:WIDTH].rstrip(chr(92)) + '…'}`"


def _lines(texts: Iterable[str]) -> list[str]:
    return [line.replace("\r", "␍") for text in texts for line in text.split("\n")]
