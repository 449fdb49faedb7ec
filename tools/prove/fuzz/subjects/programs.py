"""What random programs return or raise, and where: cold, and specialized by many calls."""

from random import Random
from typing import Any

from .observe import Seen, text
from .source import ARGUMENTS, call, compiled, namespace

CALLS = (1, 12, 3)
"""How often a program is called with each of the arguments: specialized from the eighth time on, then for others."""


def case(random: Random) -> Seen:
    _, code = compiled(random)
    found = namespace(code)
    for times, arguments in zip(CALLS, ARGUMENTS, strict=True):
        results = [_result(found, arguments) for _ in range(times)]
        yield f"calls with {arguments}", text((results[0], len(set(results)), results[-1]))


def _result(found: dict[str, Any], arguments: tuple[Any, ...]) -> str:
    try:
        return shown(call(found, arguments))
    except Exception as error:  # whatever the program raises is compared
        return f"raises {type(error).__name__} {error} at {places(error)}"


def places(error: BaseException) -> list[tuple[int, int]]:
    """Line and instruction of each frame of a traceback, but the first, which is of this subject."""
    found, entry = [], error.__traceback__ and error.__traceback__.tb_next
    while entry:
        found.append((entry.tb_lineno, entry.tb_lasti))
        entry = entry.tb_next
    return found


def shown(value: object) -> str:
    """A value; of functions, classes and modules, which have addresses or paths, only what they are."""
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}[{', '.join(map(shown, value))}]"
    if isinstance(value, dict):
        return f"dict[{', '.join(f'{shown(key)}: {shown(item)}' for key, item in value.items())}]"
    plain = isinstance(value, (int, float, complex, str, bytes, range, set)) or value is None
    return text(value) if plain else type(value).__name__
