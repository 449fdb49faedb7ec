"""Runs cases on the interpreter that executes this file; it imports nothing but its standard library and subjects.

::

    runner.py digests SUBJECT SEED FIRST COUNT CHUNK    a line for each chunk: its first case's number and its digest
    runner.py values SUBJECT SEED FIRST NUMBER...       runs on from FIRST; a line for each of these cases: what it saw

A case is a function of subject, seed and number alone. Values are Python literals in ASCII, not JSON, which may be what
is under test; so the digest is of SHA-256, which no patch touches.
"""

import faulthandler
import gc
import hashlib
import importlib
import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from random import Random
from typing import TextIO

Case = Callable[[Random], Iterator[tuple[str, str]]]

STACK = re.compile(r"(Stack overflow) \(used \d+ kB\)( while [a-zA-Z ]+)?")
"""Where a recursion in C ends, in CPython 3.14's words: the frames of two programs are not of a size."""


def main() -> None:
    what, subject, seed, first, *numbers = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what cases print is no answer
    faulthandler.enable()
    warnings.simplefilter("ignore")  # random programs deserve many; subjects that are about them turn them on
    module = importlib.import_module(f"subjects.{subject}")
    case, start = module.case, int(first)
    gc.disable()  # when a collection comes by itself is no case's affair; those that are about it ask for it
    try:
        if what == "digests":
            count, chunk = map(int, numbers)
            for begin in range(start, start + count, chunk):
                end = min(begin + chunk, start + count)
                _answer(answers, f"{begin} {_digest(case, subject, seed, range(begin, end))}")
        else:
            wanted = set(map(int, numbers))
            for number in range(start, max(wanted) + 1):
                seen = _seen(case, subject, seed, number)
                if number in wanted:
                    _answer(answers, f"{number} {seen!a}")
    finally:
        answers.close()
        shutil.rmtree(getattr(module, "FOLDER", ""), ignore_errors=True)


def _digest(case: Case, subject: str, seed: str, numbers: range) -> str:
    digest = hashlib.sha256()
    for number in numbers:
        for name, text in _seen(case, subject, seed, number):
            digest.update(f"{name}\0{text}\0".encode("utf-8", "surrogatepass"))
    gc.collect()
    return digest.hexdigest()


def _seen(case: Case, subject: str, seed: str, number: int) -> list[tuple[str, str]]:
    """What a case saw; an exception that it let through is the last of it."""
    seen: list[tuple[str, str]] = []
    try:
        seen.extend(case(Random(f"{subject} {seed} {number}")))  # noqa: S311 - cases are to be the same each time
    except Exception as error:  # noqa: BLE001 - a case that fails must fail alike
        seen.append(("fails", f"{type(error).__name__}: {error}"))
    return [(name, STACK.sub(r"\1", text)) for name, text in seen]


def _answer(answers: TextIO, line: str) -> None:
    answers.write(f"{line}\n")
    answers.flush()


if __name__ == "__main__":
    main()
