"""From a chunk of cases that differs to the cases that do, and to what of them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tools.prove.fuzz.processes import Answers, Cases, digests, values
from tools.prove.interpreters import Pair
from tools.prove.side_by_side import on_both


@dataclass(frozen=True)
class Found:
    """One observation of a case that differs."""

    number: int
    what: str
    stock: str
    patched: str


def narrow(pair: Pair, cases: Cases, chunk: Cases, scratch: Path, *, side_by_side: bool) -> Iterator[Found]:
    """The observations in a chunk that differ.

    First each case is run again in a process that begins with the chunk; if they agree there, in one that begins with
    ``cases``, all that the process ran in which the chunk differed.
    """
    for whole in dict.fromkeys((chunk, replace(cases, count=chunk.end - cases.first))):
        each = partial(digests, cases=whole, chunk=1, scratch=scratch)
        stock, patched = on_both(pair, each, side_by_side=side_by_side)
        numbers = [number for number in stock.lines.keys() & patched.lines if differs(stock, patched, number)]
        if numbers:
            yield from _values(pair, whole, sorted(numbers), scratch, side_by_side=side_by_side)
        if stock.ending != patched.ending or len(stock.lines) != len(patched.lines):
            ended = min(len(stock.lines), len(patched.lines))
            yield Found(whole.first + ended, "ending", _end(stock), _end(patched))
        elif not numbers and not stock.ending:
            continue
        return
    why = "a case depends on something else than its number"
    yield Found(chunk.first, f"the chunk of {chunk.count} cases", "one digest", f"another, but not again: {why}")


def differs(stock: Answers, patched: Answers, number: int) -> bool:
    """Whether the answers that begin with a number are not equal, or one of them did not come."""
    return stock.lines.get(number) != patched.lines.get(number)


def _end(answers: Answers) -> str:
    return "\n".join(filter(None, (answers.ending or "comes to its end", answers.ending and answers.errors)))


def _values(pair: Pair, cases: Cases, numbers: list[int], scratch: Path, *, side_by_side: bool) -> Iterator[Found]:
    asked = partial(values, cases=cases, wanted=numbers, scratch=scratch)
    stock, patched = on_both(pair, asked, side_by_side=side_by_side)
    for number in numbers:
        if number in stock.lines and number in patched.lines:
            yield from compare(number, _seen(stock, number), _seen(patched, number))


def _seen(answers: Answers, number: int) -> list[tuple[str, str]]:
    seen: list[tuple[str, str]] = ast.literal_eval(answers.lines[number])
    return seen


def compare(number: int, stock: list[tuple[str, str]], patched: list[tuple[str, str]]) -> Iterator[Found]:
    """The observations of a case that differ; where one saw something else altogether, the rest of both."""
    for place, ((name, one), (other_name, other)) in enumerate(zip(stock, patched, strict=False)):
        if name != other_name:
            yield Found(number, "what is seen", repr(stock[place:]), repr(patched[place:]))
            return
        if one != other:
            yield Found(number, name, one, other)
    if len(stock) != len(patched):
        shorter = min(len(stock), len(patched))
        yield Found(number, "what is seen", repr(stock[shorter:]), repr(patched[shorter:]))
