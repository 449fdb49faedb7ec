"""A requirements file, with what it includes → its lines, as pip reads them.

pip has no interface for this, and which pip a machine has is not locked; the library that copies pip's code is of 2022.
So these are pip's rules once more, and `tests/unit/test_requirement_lines.py` compares them with the pip that is there.
Where pip passes over something in silence that may be meant (a second file on one line, words behind an option), there
is a problem instead.
"""

import codecs
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from optparse import OptionParser, Values
from pathlib import Path
from typing import Literal, NoReturn

_BOMS = (  # UTF-32's first: it begins as UTF-16's does
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
)
_CODING = re.compile(rb"coding[:=]\s*([-\w.]+)")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"(\$\{([A-Z0-9_]+)\})")
_HASHES = ("sha256:", "sha384:", "sha512:")
"""The kinds that pip takes."""
_ADDRESS = re.compile(r"(https?|file):", re.IGNORECASE)

Meaning = Literal["hash", "include", "constrain", "where", "moot", "refused"]


@dataclass(frozen=True)
class _Option:
    """An option that pip knows in a requirements file, and what it is to packages that are locked."""

    names: tuple[str, ...]
    """The last is what it is called here."""
    meaning: Meaning
    takes_value: bool = True
    why: str = ""
    """Why it is refused."""


_OPTIONS = {
    "hash": _Option(("--hash",), "hash"),
    "include": _Option(("-r", "--requirement"), "include"),
    "constrain": _Option(("-c", "--constraint"), "constrain"),
    # Where packages come from is for pip's own settings to say; the hashes say which they are.
    "index": _Option(("-i", "--pypi-url", "--index-url"), "where"),
    "extra_index": _Option(("--extra-index-url",), "where"),
    "links": _Option(("-f", "--find-links"), "where"),
    "no_index": _Option(("--no-index",), "where", takes_value=False),
    "trusted_host": _Option(("--trusted-host",), "where"),
    # What these choose among is decided by a version, a hash, and that wheels alone are taken.
    "pre": _Option(("--pre",), "moot", takes_value=False),
    "all_releases": _Option(("--all-releases",), "moot"),
    "only_final": _Option(("--only-final",), "moot"),
    "prefer_binary": _Option(("--prefer-binary",), "moot", takes_value=False),
    "only_binary": _Option(("--only-binary",), "moot"),
    "require_hashes": _Option(("--require-hashes",), "moot", takes_value=False),
    "no_require_hashes": _Option(("--no-require-hashes",), "moot", takes_value=False),
    "config_settings": _Option(("-C", "--config-settings"), "moot"),  # of a build, and none is built
    "feature": _Option(("--use-feature",), "moot"),
    "no_binary": _Option(("--no-binary",), "refused", why="asks for an sdist, and none is built: its code would run"),
    "editable": _Option(
        ("-e", "--editable"), "refused", why="is a folder or a repository; build its wheel, and lock it"
    ),
}


@dataclass(frozen=True)
class Line:
    """A line that asks for a package, or, as a constraint, says what it must be if something asks for it."""

    where: str
    """``packages.txt, line 3``; the first of joined lines."""
    text: str
    """Without options: ``six==1.17.0; python_version < "3"``."""
    hashes: tuple[str, ...]
    """As they stand there: ``sha256:…``."""
    constraint: bool


@dataclass
class Reading:
    """What has been read so far."""

    lines: list[Line] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Each with its place, what is meant, and why it cannot be."""
    notes: list[str] = field(default_factory=list)


def read_lines(path: Path) -> Reading:
    """Reads a file and those that it includes; a file that cannot be read is among the problems."""
    reading = Reading()
    _read(path, str(path), reading, constraint=False, above=(_absolute(path),))
    return reading


def _read(path: Path, asked: str, reading: Reading, *, constraint: bool, above: tuple[str, ...]) -> None:
    """``asked`` is what asks for the file; ``above`` are this one and those that include it."""
    try:
        text = _decode(path.read_bytes())
    except OSError as error:
        reading.problems.append(f"{asked}: cannot be read: {error.strerror}")
        return
    except (UnicodeError, LookupError) as error:
        reading.problems.append(f"{asked}: cannot be read: {error}; save it as UTF-8")
        return
    for number, line in _logical_lines(text):
        where = f"{path}, line {number}"
        try:
            words, options = _split(line)
            for file, constrains in _handle(where, words, options, reading, constraint=constraint):
                if _ADDRESS.match(file):
                    raise ValueError(f"{file}: is at an address; fetch it, and name the file")
                inner = Path(os.path.normpath(path.parent / file))
                if _absolute(inner) in above:
                    raise ValueError(f"{file}: includes itself")
                stack = (*above, _absolute(inner))
                _read(inner, f"{where}: {file}", reading, constraint=constrains, above=stack)
        except ValueError as error:
            reading.problems.append(f"{where}: {error}")


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links, and pip does not


def _decode(content: bytes) -> str:
    """By its byte order mark, by a comment ``coding:`` in the first two lines, or as UTF-8."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding)
    for line in content.split(b"\n")[:2]:
        if line.startswith(b"#") and (found := _CODING.search(line)):
            return content.decode(found[1].decode("ascii"))
    return content.decode("utf-8")  # pip would try the machine's own encoding next


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """A backslash joins a line with the next one, but never a comment; variables are filled in as far as there are."""
    parts: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first if parts else number
        is_comment = _COMMENT.match(line) is not None
        if line.endswith("\\") and not is_comment:
            parts.append(line.strip("\\"))
            continue
        # A comment ends what was to go on, and stays one even where that did not end with a space.
        yield from _content(first, "".join((*parts, " " if is_comment else "", line)))
        parts = []
    yield from _content(first, "".join(parts))


def _content(number: int, line: str) -> Iterator[tuple[int, str]]:
    if content := _COMMENT.sub("", line).strip():
        for whole, name in _VARIABLE.findall(content):
            content = content.replace(whole, os.environ.get(name) or whole)
        yield number, content


class _Parser(OptionParser):
    """pip parses with optparse, which takes ``--has=`` for ``--hash=``."""

    def error(self, msg: str) -> NoReturn:
        raise ValueError(f"pip does not know what it means: {msg}")


def _split(line: str) -> tuple[str, Values]:
    """What is asked for, and the options behind it: from the first word on that begins as one."""
    words = line.split(" ")
    start = next((index for index, word in enumerate(words) if word.startswith("-")), len(words))
    parser = _Parser(add_help_option=False)
    for dest, option in _OPTIONS.items():
        if option.takes_value:
            parser.add_option(*option.names, dest=dest, action="append", type="string", default=[])
        else:
            parser.add_option(*option.names, dest=dest, action="store_true", default=False)
    try:
        options, rest = parser.parse_args(shlex.split(" ".join(words[start:])))
    except ValueError as error:
        raise ValueError(f"{_shown(words[:start])}{error}") from error
    if rest:
        what = f"{rest[0]!r} stands behind an option and belongs to none: pip passes over it"
        raise ValueError(f"{_shown(words[:start])}{what}")
    return " ".join(words[:start]), options


def _shown(words: list[str]) -> str:
    return f"{' '.join(words)}: " if words else ""


def _handle(
    where: str, text: str, options: Values, reading: Reading, *, constraint: bool
) -> Iterator[tuple[str, bool]]:
    """Takes down what a line asks for; gives the files that it includes, and whether they constrain."""
    given: Mapping[str, list[str] | bool] = {dest: value for dest, value in vars(options).items() if value}
    subject = f"{text}: " if text else ""
    files = list(_files(given))
    for dest in given:
        option = _OPTIONS[dest]
        if option.meaning == "refused" and given[dest] != [":none:"]:
            raise ValueError(f"{subject}{option.names[-1]} {option.why}")
    if text and files:
        raise ValueError(f"{subject}{files[0][0]} stands behind it on one line, where pip passes over it")
    if len(files) > 1:
        raise ValueError(f"{files[1][0]} stands behind {files[0][0]} on one line, where pip passes over it")
    hashes = given.get("hash", [])
    assert isinstance(hashes, list), "it takes a value"
    if hashes and not text:
        raise ValueError("the hash belongs to no package; the line before may lack a backslash at its end")
    if not all(value.startswith(_HASHES) for value in hashes):
        raise ValueError(f"{subject}has a hash that is no sha256")
    # Their values may hold a password, so they are not shown.
    reading.notes += [
        f"{where}: {_OPTIONS[dest].names[-1]} is passed over: pip's own settings say where packages come from"
        for dest in given
        if _OPTIONS[dest].meaning == "where"
    ]
    if text:
        reading.lines.append(Line(where, text, tuple(hashes), constraint))
    for name, meaning in files:
        yield name, meaning == "constrain"


def _files(given: Mapping[str, list[str] | bool]) -> Iterator[tuple[str, Meaning]]:
    for dest in ("include", "constrain"):
        names = given.get(dest, [])
        assert isinstance(names, list), "it takes a value"
        yield from ((name, _OPTIONS[dest].meaning) for name in names)
