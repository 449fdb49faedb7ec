"""Code objects: what the compiler makes of random programs, before and after they ran, written and read again."""

import dis
import marshal
from random import Random
from types import CodeType
from typing import Any

from .observe import Seen, text
from .source import ARGUMENTS, FILE, Writer, call, namespace

WITHOUT_REFERENCES = 2
"""Version of the format; a newer one says of objects whether others refer to them, which may be other cases."""
ATTRIBUTES = (
    *("co_argcount", "co_cellvars", "co_code", "co_exceptiontable", "co_firstlineno", "co_flags", "co_freevars"),
    *("co_kwonlyargcount", "co_linetable", "co_name", "co_names", "co_nlocals", "co_posonlyargcount", "co_qualname"),
    *("co_stacksize", "co_varnames"),
)


def case(random: Random) -> Seen:
    source = Writer(random).program()
    try:
        code = compile(source, FILE, "exec", optimize=random.randrange(3), dont_inherit=True)
    except SyntaxError as error:
        yield "compile", text((error.msg, error.lineno, error.offset, error.end_lineno))
        return
    written = marshal.dumps(code, WITHOUT_REFERENCES)
    yield "marshal.dumps", text(written)
    for each in _all(code):
        yield f"{each.co_name}", text([getattr(each, name) for name in ATTRIBUTES])
        yield f"{each.co_name}: places", text((list(each.co_lines()), list(each.co_positions())))
    _run(code)
    yield "marshal.dumps after it ran", text(marshal.dumps(code, WITHOUT_REFERENCES) == written)
    again = marshal.loads(marshal.dumps(code))
    yield "equal", text((again == code, hash(again) == hash(code), code.replace(co_name="other") == code))
    yield "code after it ran", text([each.co_code for each in _all(code)])
    if random.random() < 0.02:  # it takes fifty times as long as all the rest
        yield "instructions after it ran", text([_instructions(each) for each in _all(code)])


def _all(code: CodeType) -> list[CodeType]:
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return [code, *(found for each in inner for found in _all(each))]


def _run(code: CodeType) -> None:
    found = namespace(code)
    for arguments in ARGUMENTS[:1] * 9:
        try:
            call(found, arguments)
        except Exception:  # what it does is another subject's affair
            return


def _instructions(code: CodeType) -> list[Any]:
    """As ``dis`` shows them, jumps and handlers resolved."""
    return [(each.offset, each.opname, each.arg, each.is_jump_target) for each in dis.get_instructions(code)]
