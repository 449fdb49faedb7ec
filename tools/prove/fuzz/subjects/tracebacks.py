"""Tracebacks of random programs that raise: lines, instructions, columns, chains, notes, and the text made of them."""

import linecache
import traceback
from random import Random
from types import TracebackType
from typing import Any

from .observe import Seen, text
from .programs import shown
from .source import ARGUMENTS, FILE, Writer, call, namespace

OPERATIONS = (
    *("a +\n  None", "f(a,\n  1 / 0)", "a.b.c", "[][a or\n 5]", "{}[b]", "int('x' + str(a))", "len(a, b)", "x()"),
    *("(lambda:\n  1 / 0)()", "[z / 0 for z in (1, a)]", "sum(z // 0\n  for z in (1, 2))", "f(*None)", "f(**{1: 2})"),
    *("a @ b", "not_there", "'%d' % 's'", "f'{a:>q}'", "next(iter([]))", "a < 1j", "max([])", "(1).x", "{**1}"),
)
WAYS = (
    "{0}",
    "raise ValueError({0})",
    "try:\n  {0}\n except TypeError as y:\n  raise KeyError(a) from y",
    "try:\n  {0}\n finally:\n  {1}",
    "try:\n  {0}\n except Exception:\n  {1}",
    "try:\n  {0}\n except Exception as y:\n  y.add_note('noted')\n  raise",
    "with Manager():\n  {0}",
    "for x in (1, 2):\n  if x == 2:\n   {0}",
    "def g(): yield {0}\n list(g())",
    "class C:\n  p = {0}",
    "raise ExceptionGroup('group', [ValueError(1), TypeError({2})])",
    "def r(n): return r(n - 1) if n else {0}\n r(a if isinstance(a, int) else 3)",
    "def d(x): return x\n @d\n @(lambda _: {0})\n def e(): pass",
)


def case(random: Random) -> Seen:
    """A program of a few statements, of which the last raises."""
    source = _source(random)
    try:
        code = compile(source, FILE, "exec")
    except SyntaxError as error:
        yield "compile", text((error.msg, error.lineno, error.offset, error.end_lineno, error.end_offset))
        return
    linecache.cache[FILE] = (len(source), None, source.splitlines(keepends=True), FILE)
    found = namespace(code)
    for arguments in ARGUMENTS:
        try:
            yield "returns", shown(call(found, arguments))
        except Exception as error:  # that is what this is about
            yield from _raised(error)


def _source(random: Random) -> str:
    writer = Writer(random)
    body = [
        " " + writer.statement("", 1, writer.deepest).replace("\n", "\n ").lstrip() for _ in range(random.randrange(3))
    ]
    operations = [random.choice(OPERATIONS) for _ in range(2)]
    last = " " + random.choice(WAYS).format(*operations, random.randrange(9))
    return "\n".join(("def t(a, b, c):", " x = y = 1", *body, last, " return x", ""))


def _raised(error: BaseException) -> Seen:
    entries = list(_entries(error.__traceback__))
    yield "entries", text([(entry.tb_lineno, entry.tb_lasti, entry.tb_frame.f_lineno) for entry in entries])
    yield "positions", text([_position(entry) for entry in entries])
    yield "variables", text([_variables(entry) for entry in entries])
    yield "text", "".join(traceback.format_exception(error)[2:])  # without the heading and this subject's own line
    yield "chain", text(list(_chain(error)))


def _entries(entry: TracebackType | None) -> Any:
    """All but the first two, which are of these modules."""
    number = 0
    while entry:
        if number > 1:
            yield entry
        entry, number = entry.tb_next, number + 1


def _position(entry: TracebackType) -> Any:
    return list(entry.tb_frame.f_code.co_positions())[entry.tb_lasti // 2]


def _variables(entry: TracebackType) -> list[tuple[str, str]]:
    names = entry.tb_frame.f_locals
    return [(name, shown(value)) for name, value in names.items() if entry.tb_frame.f_code.co_filename == FILE]


def _chain(error: BaseException | None) -> Any:
    while error:
        yield type(error).__name__, str(error), getattr(error, "__notes__", None), error.__suppress_context__
        error = error.__cause__ or error.__context__
