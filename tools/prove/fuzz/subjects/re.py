"""``re``: nested patterns on short texts, and rows of repeats, literals and groups on longer ones."""

import re
from random import Random
from typing import Any

from .observe import Seen, outcome, text

FLAGS = (re.NOFLAG, re.NOFLAG, re.NOFLAG, re.IGNORECASE, re.DOTALL, re.MULTILINE, re.ASCII)
SETS = ("[ab]", "[^a]", r"\w", r"\b", "^", "$", r"\B", "[a-c]", r"\Z", r"\s")
REPEATS = (
    "",
    "",
    "",
    "",
    "*",
    "+",
    "?",
    "*?",
    "+?",
    "??",
    "{2}",
    "{1,3}",
    "{1,3}?",
    "{0,2}",
    "*+",
    "++",
    "?+",
    "{,2}+",
)
LITERALS = ("a", "b", "c", "ab", "ba", "abc", "aa", "é", "ā", "\U0001f600")
TEXTS = ("ab", "abc", "aab", "abcé", "abā", "ab\U0001f600c\n")
DEEPEST = 2
LONGEST = 34
"""Characters of a nested pattern: what is longer can take for ever even on eight characters."""


def case(random: Random) -> Seen:
    flat = random.random() < 0.5
    pattern: Any = _row(random) if flat else _alternatives(random, 0, [0])
    if len(pattern) > LONGEST and not flat:
        pattern = _sequence(random, DEEPEST + 1, [0])
    lengths = (0, 5, 20, 60) if flat else (0, 1, 2, 4, 6, 8)
    texts: list[Any] = [_text(random, random.choice(lengths)) for _ in range(4)]
    flags = random.choice(FLAGS)
    if random.random() < 0.1 and pattern.isascii():
        pattern, texts = pattern.encode(), [each.encode("latin1", "replace") for each in texts]
        flags &= ~re.ASCII
    try:
        compiled = re.compile(pattern, flags)
    except (re.error, RecursionError, OverflowError) as error:
        yield "compile", f"{type(error).__name__}: {error}"
        return
    for each in texts:
        yield from _calls(random, compiled, each)


def _calls(random: Random, compiled: "re.Pattern[Any]", given: Any) -> Seen:
    yield "match", _shown(compiled.match(given))
    yield "search", _shown(compiled.search(given))
    yield "fullmatch", _shown(compiled.fullmatch(given))
    yield "finditer", " ".join(_shown(found) for found in compiled.finditer(given))
    yield "sub", outcome(compiled.sub, b"<\\g<0>>" if isinstance(given, bytes) else "<\\g<0>>", given)
    yield "split", outcome(compiled.split, given)
    begin, end = random.randrange(6), random.randrange(12)
    yield "search within", _shown(compiled.search(given, begin, end))
    yield "match within", _shown(compiled.match(given, begin, end))


def _shown(found: "re.Match[Any] | None") -> str:
    return text(found and (found.regs, found.lastindex))


def _row(random: Random) -> str:
    """A few parts of which at most two are repeats without an end, so that a text of 60 takes a moment."""
    repeats = 0
    parts = []
    for _ in range(random.randrange(1, 6)):
        if repeats < 2 and random.random() < 0.4:
            repeats += 1
            what = random.choice((".", ".", "[^a]", r"\w", "a", "[ab]", "(?:.)", "(.)"))
            parts.append(what + random.choice(("*", "+", "*?", "+?", "{2,}", "*+", "{3,}?")))
        else:
            parts.append(random.choice(("{}", "{}", "({}", "{})", "(?:{})", "({})", "(?:{}|b)", "({}|a|c)", "(?={})")))
            parts[-1] = parts[-1].format(random.choice(LITERALS))
    row = "".join(parts)
    return row + ")" * (row.count("(") - row.count(")"))


def _alternatives(random: Random, depth: int, groups: list[int]) -> str:
    return "|".join(_sequence(random, depth, groups) for _ in range(random.choice((1, 1, 1, 2, 2, 3))))


def _sequence(random: Random, depth: int, groups: list[int]) -> str:
    count = random.randrange(0 if depth else 1, 5)
    return "".join(_atom(random, depth, groups) + random.choice(REPEATS) for _ in range(count))


def _atom(random: Random, depth: int, groups: list[int]) -> str:  # a table of what there is
    choice = random.randrange(22)
    if groups[0] and choice in (11, 12):
        group = random.randrange(1, groups[0] + 1)
        if choice == 11:
            return rf"\{group}"
        return f"(?({group}){_sequence(random, depth + 1, [0]) or 'a'}|{_sequence(random, depth + 1, [0])})"
    match choice:
        case 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8:
            return random.choice("abcab")
        case 9:
            return "."
        case 10:
            return random.choice(SETS)
        case 21:
            return random.choice(("é", "ā", "\U0001f600", "a", "\n"))
        case _ if depth > DEEPEST:
            return random.choice("abc")
        case 17:
            return f"(?:{_alternatives(random, depth + 1, groups)})"
        case 18:
            return random.choice(("(?=", "(?!", "(?>")) + _alternatives(random, depth + 1, groups) + ")"
        case 19:
            return random.choice(("(?<=", "(?<!")) + random.choice(("a", "ab", "b", "(?:a|b)", ".")) + ")"
        case 20:
            return f"(?i:{_alternatives(random, depth + 1, groups)})"
        case _:
            groups[0] += 1
            return f"({_alternatives(random, depth + 1, groups)})"


def _text(random: Random, length: int) -> str:
    return "".join(random.choice(random.choice(TEXTS)) for _ in range(length))
