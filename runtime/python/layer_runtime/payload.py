"""Event and result as JSON, the way the managed runtime reads and writes it.

These are the C scanner and encoder behind ``json``, without ``json``: importing that takes 8 to 10 ms, because it
brings ``re`` and ``enum`` along. ``json`` itself is imported for the wording of an error. Plain results are written by
``_layer_runtime``, which looks at a value's type and writes it at once.
"""

import sys
from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner

import _layer_runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

JSON = "application/json"
RAW = "application/unknown"
WHITESPACE = " \t\n\r"
NAN = float("nan")


class Unencodable(Exception):
    """A value that has no JSON form: why, and the way to it from the value outwards."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.steps: list[str] = []

    def __str__(self) -> str:
        return f"{self.args[0]} (at ${''.join(reversed(self.steps))})"


class _Digits(str):
    """A number that is already text."""

    __slots__ = ()


def _refuse_constant(name: str) -> "NoReturn":
    raise ValueError(f"{name} is not JSON")


class _ScannerSettings:
    """What the C scanner reads off its context: ``json.JSONDecoder``'s defaults, but no NaN and no Infinity."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    array_hook = None  # since 3.15
    parse_float = float
    parse_int = int
    parse_constant = _refuse_constant


def _refuse(value: object) -> object:
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _encode_text(text: str) -> str:
    return str(text) if type(text) is _Digits else encode_basestring(text)


# Arguments: markers, default, encoder, indent, key separator, item separator, sort_keys, skipkeys, allow_nan.
# No markers: what contains itself ends in RecursionError before it gets here.
_scan = make_scanner(_ScannerSettings)  # type: ignore[arg-type]
_encode = make_encoder(None, _refuse, encode_basestring, None, ": ", ", ", False, False, True)
_encode_converted = make_encoder(None, _refuse, _encode_text, None, ": ", ", ", False, False, True)


def decode_event(body: bytes, content_type: str) -> "Any":
    """The event a handler gets: JSON decoded, the bytes of any other type as they are.

    Raises whatever says best what is wrong with the JSON.
    """
    if content_type != JSON and content_type.partition(";")[0].strip().lower() != JSON:
        return body
    return from_json(body)


def from_json(body: bytes) -> "Any":
    """Decodes JSON in UTF-8. Raises ValueError, or RecursionError for what is nested too deeply."""
    text = body.decode().strip(WHITESPACE)
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        end = -1
    if end == len(text):
        return value
    import json

    return json.loads(body)


def encode_result(result: object) -> tuple[bytes, str]:
    """A handler's result → body and content type.

    Raises Unencodable, naming the place, for what JSON cannot say, and RecursionError for what contains itself.
    """
    if isinstance(result, bytes):
        return result, RAW
    try:
        return _layer_runtime.to_json(result), JSON
    except ValueError:
        pass  # The slower way writes the rest, or finds the place.
    return "".join(_encode_converted(_convert(result), 0)).encode(), JSON


def to_json(value: object) -> str:
    """JSON of plain lists, dicts and atoms; raises what the C encoder raises."""
    return "".join(_encode(value, 0))


def to_ascii_json(value: object) -> str:
    """The same in printable ASCII, whatever is in it."""
    return "".join(make_encoder(None, _refuse, encode_basestring_ascii, None, ": ", ", ", False, False, True)(value, 0))


def to_log_json(fields: "dict[str, Any]") -> str:
    """JSON of anything: what has no JSON form is written as its ``str``."""
    encode = make_encoder(None, _show, encode_basestring, None, ": ", ", ", False, False, True)
    try:
        return "".join(encode(fields, 0))
    except (TypeError, ValueError, RecursionError):  # Odd keys, numbers without end, what contains itself.
        return "".join(encode({key: _as_json_or_text(encode, value) for key, value in fields.items()}, 0))


def _as_json_or_text(encode: "Any", value: object) -> object:
    try:
        encode(value, 0)
    except (TypeError, ValueError, RecursionError):
        return _show(value)
    return value


def _show(value: object) -> str:
    try:
        return str(value)
    except Exception as error:
        return f"<{type(value).__name__} whose __str__ fails with {type(error).__name__}>"


def _convert(value: "Any") -> object:
    """The same value in types that the C encoder writes as the managed runtime does."""
    if isinstance(value, str):
        return _checked(value)
    if value is None or isinstance(value, (int, float)):
        return value
    if isinstance(value, bytes):
        return _decoded(value)
    if callable(getattr(value, "_asdict", None)) and not isinstance(value, type):
        value = value._asdict()
    if isinstance(value, dict):
        return _convert_object(value)
    if isinstance(value, (list, tuple)):
        return _convert_array(value)
    decimal = sys.modules.get("decimal")  # Without the module there is no Decimal either.
    if decimal and isinstance(value, decimal.Decimal):
        return NAN if value.is_nan() else _Digits(value)
    raise Unencodable(f"Object of type {type(value).__name__} is not JSON serializable")


def _convert_object(items: "dict[Any, Any]") -> dict[object, object]:
    converted: dict[object, object] = {}
    for key, value in items.items():
        try:
            converted[_key(key)] = _convert(value)
        except Unencodable as problem:
            problem.steps.append(_step(key))
            raise
    return converted


def _convert_array(items: "list[Any] | tuple[Any, ...]") -> list[object]:
    converted = []
    for index, value in enumerate(items):
        try:
            converted.append(_convert(value))
        except Unencodable as problem:
            problem.steps.append(f"[{index}]")
            raise
    return converted


def _key(key: object) -> object:
    if isinstance(key, str):
        return _checked(key)
    if isinstance(key, bytes):
        return _decoded(key)
    if key is None or isinstance(key, (int, float)):
        return key
    raise Unencodable(f"keys must be str, int, float, bool or None, not {type(key).__name__}")


def _step(key: object) -> str:
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"


def _checked(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Unencodable(f"str with a lone surrogate has no UTF-8 form: {error}") from error
    return text


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise Unencodable(f"Object of type bytes is not JSON serializable: {error}") from error
