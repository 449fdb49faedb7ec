"""``json``: texts of one, two and four bytes for a character, many of them damaged, with and without hooks."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from .observe import Seen, outcome, text

KEYS = (
    *("a", "b", "id", "name", "", "k" * 40, "\\u0041", "\\ud83d\\ude00", "\\n", "é", "ā", "\U0001f600"),
    *("\x00", "\x1f", "\x7f", "\xff", 'k"', "Aa", "BB", "AaAa", "AaBB", "BBAa", "BBBB", "C#"),
)
"""Some are not what JSON allows; some have the same hash in simple schemes."""
WORDS = ("null", "true", "false", "NaN", "Infinity", "-Infinity", "nul", "tru", "-", "-Inf", '"', "[", "{", "\x00")
EDGES = (0, 1, 9, 10**17 - 1, 10**17, 10**18 - 1, 10**18, 2**63 - 1, 2**63, 2**64)
"""Around the longest number that is read without an int's conversion."""
FRACTIONS = ("", ".", ".0", ".5", "e5", "E+3", "e-7", "e400", "e-400", ".5e", ".e1", "e", " 1", ".0e0")
SPACES = ("", "", " ", "\n", "\t ", "\r", "\x0b")
ALPHABETS = ("abc", 'ab"\\', "aé", "aā", "a\U0001f600", "abc\n\x01", "a\\u00e9")
DEEPEST = 4


class Text(str):
    """Not exactly a string."""

    __slots__ = ()


def case(random: Random) -> Seen:
    source = _damaged(random, _value(random, 0))
    hooks = _hooks(random)
    yield "loads", outcome(json.loads, source, **hooks)
    if not hooks:
        yield from _written(random, source)
    decoder = json.JSONDecoder(strict=random.random() < 0.5)
    yield "raw_decode", outcome(decoder.raw_decode, source if isinstance(source, str) else "", random.randrange(4))


def _written(random: Random, source: str | bytes) -> Seen:
    try:
        value = json.loads(source)
    except (ValueError, RecursionError):
        return
    options = {
        "ensure_ascii": random.random() < 0.5,
        "indent": random.choice((None, None, 1)),
        "sort_keys": random.random() < 0.3,
    }
    yield "dumps", outcome(json.dumps, value, **options)
    yield "keys that are not one object", text(sum(_strangers(value, {})))


def _strangers(value: Any, known: dict[str, str]) -> Iterator[bool]:
    """For each key of a document, whether an equal one before it is another object."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield known.setdefault(key, key) is not key
            yield from _strangers(item, known)
    elif isinstance(value, list):
        for item in value:
            yield from _strangers(item, known)


def _hooks(random: Random) -> dict[str, Any]:
    options: dict[str, Any] = {
        "strict": False,
        "object_hook": lambda found: sorted(found.items(), key=repr),
        "object_pairs_hook": lambda pairs: pairs,
        "parse_int": lambda digits: f"i{digits}",
        "parse_float": lambda digits: f"f{digits}",
        "parse_constant": lambda name: f"c{name}",
    }
    if random.random() < 0.5:
        return {}
    return {name: hook for name, hook in options.items() if random.random() < 0.2}


def _damaged(random: Random, source: str) -> str | bytes:
    if source and random.random() < 0.2:
        at = random.randrange(len(source))
        piece = random.choice(("", '"', "\\", "\x00", "0", "}", "]", ",", "é", "ā", "\U0001f600"))
        source = source[:at] + piece + source[at + random.randrange(2) :]
    kind = random.random()
    if kind < 0.05:
        return source.encode("utf-8", "surrogatepass")
    return Text(source) if kind < 0.1 else source


def _value(random: Random, depth: int) -> str:
    match random.randrange(14 if depth < DEEPEST else 10):
        case 0:
            return random.choice(WORDS)
        case 1 | 2:
            return _sign(random) + str(random.choice((*EDGES, random.getrandbits(70), 10 ** random.randrange(30))))
        case 3:
            whole = random.choice(("0", "1", "12", "00", "01", "9" * random.randrange(1, 80)))
            return _sign(random) + whole + random.choice((*FRACTIONS, "." + "1" * random.randrange(1, 80)))
        case 4:
            return repr(random.uniform(-1e6, 1e6))
        case 5 | 6 | 7 | 8 | 9:
            return _string(random)
        case 10 | 11:
            items = [_value(random, depth + 1) for _ in range(random.randrange(6))]
            return _container(random, "[", items, "]")
        case _:
            items = [_member(random, depth) for _ in range(random.randrange(7))]
            return _container(random, "{", items, "}")


def _container(random: Random, begin: str, items: list[str], end: str) -> str:
    space = random.choice(SPACES)
    last = random.choice(("", "", "", "", ",", " "))
    return begin + space + f",{space}".join(items) + last + end * random.choice((1, 1, 1, 1, 1, 1, 0, 2))


def _member(random: Random, depth: int) -> str:
    colon = random.choice((":", ":", ":", ":", ":", ": ", "", " "))
    return f'"{random.choice(KEYS)}"{random.choice(SPACES)}{colon}{_value(random, depth + 1)}'


def _string(random: Random) -> str:
    alphabet = random.choice(ALPHABETS)
    plain = "".join(random.choices(alphabet, k=random.choice((0, 1, 2, 5, 20, 70))))
    if random.random() < 0.7:
        return json.dumps(plain, ensure_ascii=random.random() < 0.5)
    return f'"{plain}' + random.choice(('"', '"', '"', ""))


def _sign(random: Random) -> str:
    return "-" if random.random() < 0.3 else ""
