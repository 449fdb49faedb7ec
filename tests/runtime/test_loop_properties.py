"""What holds for every input: the HTTP reader, JSON results, log records.

The loop's functions run in a process of the loop's own interpreter, which this one asks: it may be older.
"""

import json
import pickle
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.support.fake_api import BOOTSTRAP

Ask = Callable[..., tuple[str, Any]]
UNREADABLE = {"ConnectionError"}

# The fixture is a process that keeps nothing from one example to the next. No deadline: that would be a timed test.
settings.register_profile(
    "loop", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("loop")


@pytest.fixture(scope="module")
def ask(interpreter: str) -> Iterator[Ask]:
    """Calls a function of the driver: ``("value", result)``, or the exception's name and text."""
    driver = Path(__file__).with_name("driver.py")
    command = [interpreter, "-S", str(driver), str(BOOTSTRAP.parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def call(name: str, *arguments: Any) -> tuple[str, Any]:
            stdin.write(pickle.dumps((name, arguments)))
            kind, value = pickle.load(stdout)
            return kind, value

        yield call
        stdin.close()


token = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-", min_size=1, max_size=20)
field_value = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x17F, exclude_categories=["C", "Z"]), max_size=30
)
ordinary = token.filter(lambda name: name.lower() not in {"content-length", "transfer-encoding", "connection"})
sizes = st.lists(st.integers(1, 40), max_size=20)


def cut(data: bytes, lengths: list[int]) -> list[bytes]:
    """Pieces of these lengths, and the rest."""
    pieces = []
    for length in lengths:
        pieces.append(data[:length])
        data = data[length:]
    return [*pieces, data]


@st.composite
def messages(draw: st.DrawFn) -> tuple[bytes, int, dict[str, str], bytes]:
    """An HTTP response: its bytes, status, headers by lower-case name, and body."""
    status = draw(st.integers(200, 599).filter(lambda number: number not in (204, 304)))
    headers = draw(st.dictionaries(ordinary, field_value, max_size=5))
    body = draw(st.binary(max_size=200))
    expected = {name.lower(): value for name, value in headers.items()}
    if draw(st.booleans()):
        headers["Content-Length"] = expected["content-length"] = str(len(body))
        encoded = body
    else:
        headers["Transfer-Encoding"] = expected["transfer-encoding"] = "chunked"
        extension = draw(st.sampled_from([b"", b";name", b" ; name=value"]))
        trailers = draw(st.sampled_from([b"", b"Some: trailer\r\n"]))
        chunks = [chunk for chunk in cut(body, draw(sizes)) if chunk]
        encoded = b"".join(b"%X%s\r\n%s\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
        encoded += b"0\r\n" + trailers + b"\r\n"
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" * draw(st.integers(0, 2))
    head = "".join(f"{name}:{draw(st.sampled_from(['', ' ', '  ']))}{value}\r\n" for name, value in headers.items())
    return interim + f"HTTP/1.1 {status} Words\r\n{head}\r\n".encode() + encoded, status, expected, body


@given(message=messages(), lengths=sizes)
def test_a_message_is_read_the_same_in_whatever_pieces_it_comes(
    ask: Ask, message: tuple[bytes, int, dict[str, str], bytes], lengths: list[int]
) -> None:
    data, status, headers, body = message
    names = (*headers, "not-there")
    expected = (status, (*headers.values(), None), body, True)
    assert ask("read_answer", cut(data, lengths), names) == ("value", expected)


@given(message=messages(), share=st.floats(0, 1, exclude_max=True))
def test_a_message_that_is_cut_is_never_taken_for_a_whole_one(
    ask: Ask, message: tuple[bytes, int, dict[str, str], bytes], share: float
) -> None:
    data, *_ = message
    kind, _ = ask("read_answer", [data[: int(len(data) * share)]], ())
    assert kind in UNREADABLE


@given(message=messages(), more=st.binary(min_size=1, max_size=20))
def test_a_connection_with_bytes_after_a_message_is_not_used_again(
    ask: Ask, message: tuple[bytes, int, dict[str, str], bytes], more: bytes
) -> None:
    data, status, headers, body = message
    assert ask("read_answer", [data + more], tuple(headers)) == ("value", (status, (*headers.values(),), body, False))


@given(message=messages(), place=st.floats(0, 1, exclude_max=True), new=st.binary(max_size=4), lengths=sizes)
def test_a_message_that_is_damaged_is_read_or_refused(
    ask: Ask, message: tuple[bytes, int, dict[str, str], bytes], place: float, new: bytes, lengths: list[int]
) -> None:
    data, *_ = message
    start = int(len(data) * place)
    damaged = data[:start] + new + data[start + len(new) :]
    kind, _ = ask("read_answer", cut(damaged, lengths), ("content-length",))
    assert kind in {"value", *UNREADABLE}


@given(data=st.binary(max_size=300), lengths=sizes)
def test_any_bytes_are_read_or_refused(ask: Ask, data: bytes, lengths: list[int]) -> None:
    for beginning in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        kind, _ = ask("read_answer", cut(beginning + data, lengths), ("content-length",))
        assert kind in {"value", *UNREADABLE}


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
atoms = st.none() | st.booleans() | st.integers() | st.floats() | text
values = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=20
)


@given(value=values)
def test_a_result_is_written_as_the_standard_library_writes_it(ask: Ask, value: object) -> None:
    expected = json.dumps(value, ensure_ascii=False).encode()
    assert ask("encode", value) == ("value", (expected, "application/json"))


@given(value=values)
def test_an_event_is_read_as_the_standard_library_reads_it(ask: Ask, value: object) -> None:
    body = json.dumps(value).encode()
    kind, read = ask("decode", body)
    assert (kind, repr(read)) == ("value", repr(json.loads(body)))


@given(body=st.binary(max_size=30) | st.text('[]{}":,0123456789.eE+-truefalsn\\ \t', max_size=30).map(str.encode))
def test_any_body_is_read_as_the_standard_library_reads_it(ask: Ask, body: bytes) -> None:
    kind, read = ask("decode", body)
    try:
        expected = json.loads(body.decode())
    except ValueError:
        assert kind in {"JSONDecodeError", "UnicodeDecodeError"}
    else:
        assert (kind, repr(read)) == ("value", repr(expected))


rich = st.recursive(
    atoms | st.decimals(allow_nan=False) | text.map(str.encode),
    lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple) | st.dictionaries(text, inner),
    max_leaves=20,
)


def plain(value: Any) -> Any:
    """The same in JSON's own types."""
    match value:
        case bytes():
            return value.decode()
        case Decimal():
            return float(value)
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case _:
            return value


@given(value=rich.filter(lambda value: not isinstance(value, bytes)))
def test_richer_types_are_written_as_what_they_stand_for(ask: Ask, value: object) -> None:
    kind, (body, content_type) = ask("encode", value)
    assert (kind, content_type) == ("value", "application/json")
    assert numbers_as_floats(body) == numbers_as_floats(json.dumps(plain(value)))


def numbers_as_floats(body: str | bytes) -> str:
    return repr(json.loads(body, parse_int=float))


@given(prefix=st.lists(st.integers(0, 3) | text.filter(str.isidentifier), max_size=5))
def test_the_place_of_what_has_no_json_form_is_named(ask: Ask, prefix: list[int | str]) -> None:
    value: object = complex(1)
    place = ""
    for step in reversed(prefix):
        value = [0] * step + [value] if isinstance(step, int) else {"first": [], step: value}
        place = (f"[{step}]" if isinstance(step, int) else f".{step}") + place
    assert ask("encode", value) == (
        "Unencodable",
        f"Object of type complex is not JSON serializable (at ${place})",
    )


@given(value=st.recursive(atoms | st.text(max_size=20), lambda inner: st.lists(inner, max_size=4), max_leaves=10))
def test_what_goes_into_a_header_is_printable_ascii_that_says_the_same(ask: Ask, value: object) -> None:
    kind, header = ask("to_ascii", value)
    assert kind == "value"
    assert header.isascii()
    assert header.isprintable()
    assert repr(json.loads(header)) == repr(value)


names = token.map(lambda name: f"x_{name}")


@given(
    message=st.text(max_size=50) | st.dictionaries(text, values, max_size=3),
    extra=st.dictionaries(names, values, max_size=4),
)
def test_a_record_in_json_is_one_line_that_says_the_same(ask: Ask, message: object, extra: dict[str, Any]) -> None:
    kind, line = ask("format_record", True, {"msg": message, "levelno": 30, "name": "n", **extra})
    assert kind == "value"
    assert line.endswith("\n")
    assert line.count("\n") == 1
    record = json.loads(line)
    assert (record["level"], record["logger"], record["requestId"]) == ("WARNING", "n", "request")
    assert repr(record["message"]) == repr(message)
    assert repr({name: record[name] for name in extra if extra[name] is not None}) == repr(
        {name: value for name, value in extra.items() if value is not None}
    )


@given(message=st.text(max_size=50), level=st.integers(-10, 100))
def test_a_record_in_text_has_the_message_and_ends_its_line(ask: Ask, message: str, level: int) -> None:
    kind, line = ask("format_record", False, {"msg": message, "levelno": level, "levelname": "L"})
    assert (kind, line) == ("value", f"[L]\trequest\t{message}\n")
