"""Random programs: a function ``t(a, b, c)`` of comparisons, jumps, loops, handlers and calls, over many lines.

A program ends: each loop counts, or goes over three items. It may raise whatever its operations raise.
"""

from random import Random
from types import CodeType
from typing import Any

FILE = "<program>"
DEEPEST = (1, 2, 2, 3)
"""Of expressions in each other, and of statements; one for each program."""
ARGUMENTS: tuple[tuple[Any, ...], ...] = ((0, 1, 2), ("s", None, []), (True, False, 1.5))
"""What a program is called with: types that its instructions are specialized for, and then others."""

NAMES = ("a", "b", "c", "x", "y")
CONSTANTS = ("0", "1", "2", '""', '"s"', "[]", "(1,)", "{}", "1.5", "None", "True", "False", "2**40", "-3")
COMPARISONS = ("==", "!=", "is", "is not", "in", "not in", "<", "<=", ">", ">=")
ARITHMETIC = ("+", "-", "*", "%", "//", "&", "|", "/")
PLAIN = (
    *("a = b = c", "a, b = b, a", "pass", "x = y", "a, b, c = c, a, b", "x = a if b else c", "x += 1", "del x; x = a"),
    *("y = f'{a}{b!r}'", "x = [*[a], b]", "assert True, a", "x = lambda: a", "f.kept = a", "x = {a: b} if a else {}"),
    *("for x in (): pass", "global g; g = a", "import sys as y", "x = not a", "x = -1 if a else +1", "y = (a, b)[0]"),
)


class Manager:
    """Keeps TypeErrors."""

    def __enter__(self) -> int:
        return 1

    def __exit__(self, kind: Any, *_: object) -> bool:
        return kind is TypeError


def function(*arguments: Any) -> Any:
    """What programs call."""
    return arguments[0]


class Writer:
    """Writes one program."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.deepest = random.choice(DEEPEST)
        self.counters = 0

    def program(self) -> str:
        body = self.block(1, 0)
        generator = self.random.random() < 0.2
        end = " yield x\n return y" if generator else " return x"
        return f"def t(a, b, c):\n x = y = 1\n{body}\n{end}\n"

    def expression(self, depth: int = 0) -> str:
        def inner() -> str:
            return self.expression(depth + 1)

        line = self.random.choice(("", "", "", "\n"))  # inside of parentheses, a line may end anywhere
        match self.random.randrange(20 if depth < self.deepest else 6):
            case 0 | 1 | 2:
                return self.random.choice(NAMES)
            case 3 | 4 | 5:
                return self.random.choice(CONSTANTS)
            case 6 | 7 | 8:
                return f"({inner()} {line}{self.random.choice(('and', 'or'))}{line} {inner()})"
            case 9 | 10:
                return f"(not {line}{inner()})"
            case 11 | 12 | 13:
                return f"({inner()} {line}{self.random.choice(COMPARISONS)}{line} {inner()})"
            case 14:
                return f"({inner()}{line} if {inner()}{line} else {line}{inner()})"
            case 15:
                return f"f({inner()},{line}{inner()}{self.random.choice(('', ', *()', ', '))})"
            case 16:
                return f"[z {line}for z in range(3) {line}if {inner()}]"
            case 17:
                return f"({inner()}{line} {self.random.choice(ARITHMETIC)} {line}{inner()})"
            case 18:
                return f"({inner()} < {inner()}{line} < {inner()})"
            case _:
                return f"any({line}z == {inner()} for z in {line}(1, a, b))"

    def block(self, indent: int, depth: int) -> str:
        return "\n".join(self.statement(" " * indent, indent, depth) for _ in range(self.random.randrange(1, 4)))

    def statement(self, space: str, indent: int, depth: int) -> str:
        random = self.random

        def inner(more: int = 1) -> str:
            return self.block(indent + more, depth + 1)

        match random.randrange(15 if depth < self.deepest else 4):
            case 0 | 1:
                return f"{space}{random.choice(NAMES)} = {self.expression()}"
            case 2:
                return space + self.expression()
            case 3:
                return space + random.choice((*PLAIN, f"return {self.expression()}"))
            case 4 | 5 | 6:
                return self.condition(space, inner)
            case 7:
                jump = random.choice(("break", "continue"))
                condition = f"\n{space} if {self.expression()}: {jump}" if random.random() < 0.5 else ""
                return f"{space}for x in {random.choice(('range(3)', '(a, b, c)', '[b, b, 1]'))}:\n{inner()}{condition}"
            case 8:
                counter = self.counter()
                head = f"{space}{counter} = 0\n{space}while {counter} < 3 and {self.expression()}:\n"
                return f"{head}{space} {counter} += 1\n{inner()}"
            case 9:
                end = f"\n{space}finally:\n{inner()}" if random.random() < 0.4 else ""
                kind = random.choice(("TypeError", "(TypeError, ZeroDivisionError) as y", "Exception"))
                return f"{space}try:\n{inner()}\n{space}except {kind}:\n{inner()}{end}"
            case 10:
                head = f"{space}match {self.expression()}:\n{space} case 1 | 2: pass\n"
                sequence = f"{space} case [x, *_] if {self.expression()}: y = x\n"
                return f"{head}{sequence}{space} case None if {self.expression()}:\n{inner(2)}\n{space} case _: x = 1"
            case 11:
                return f"{space}with Manager() as y:\n{inner()}"
            case 12:
                counter = self.counter()
                step = random.choice(("pass", "x = a", "a = b", f"x = {counter} == 2", f"if {counter} > 2: break"))
                return f"{space}{counter} = 0\n{space}while {counter} < 4:\n{space} {counter} += 1\n{space} {step}"
            case 13:
                name = self.counter()
                return f"{space}def {name}(a, x=b):\n{space} y = x\n{inner()}\n{space} return a\n{space}x = {name}(c)"
            case _:
                name = self.counter()
                return (
                    f"{space}class {name}:\n{space} p = a\n{space} def m(self): return self.p\n{space}y = {name}().m()"
                )

    def condition(self, space: str, inner: Any) -> str:
        random = self.random
        first = " pass" if random.random() < 0.2 else f"\n{inner()}"
        text = f"{space}if {self.expression()}:{first}"
        if random.random() < 0.4:
            text += f"\n{space}elif {self.expression()}:\n{inner()}"
        if random.random() < 0.5:
            text += f"\n{space}else:\n{inner()}"
        return text

    def counter(self) -> str:
        self.counters += 1
        return f"n{self.counters}"


def compiled(random: Random) -> tuple[str, CodeType]:
    """A program's source and its code."""
    while True:
        source = Writer(random).program()
        try:
            return source, compile(source, FILE, "exec")
        except SyntaxError:  # a few are none: a name that is global after it was used
            continue


def namespace(code: CodeType) -> dict[str, Any]:
    """The program's names, ``t`` among them."""
    found: dict[str, Any] = {"Manager": Manager, "f": function, "__name__": "program"}
    exec(code, found)
    return found


def call(found: dict[str, Any], arguments: tuple[Any, ...]) -> object:
    """Calls the program, to its end if it is a generator."""
    given = found["t"](*arguments)
    return list(given) if hasattr(given, "gi_code") else given
