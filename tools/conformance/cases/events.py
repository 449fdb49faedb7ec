"""Events: their bodies and their types."""

from collections.abc import Mapping

from tools.conformance.case import Aspect, Case, Group, Rule
from tools.support.fake_api import Reply, event, invocation_headers, reply

SHOW = "def handler(event, context): return [type(event).__name__, repr(event)[:200]]"
ERROR: Mapping[Aspect, Rule] = {"error type": Rule.ERROR_TYPE}
WORDS: Mapping[Aspect, Rule] = {**ERROR, "bodies": Rule.WORDING, "x-ray": Rule.WORDING, "log": Rule.WORDING}


def shows(name: str, body: object, **headers: str | None) -> Case:
    """The event's type and text, as the handler sees them."""
    return Case(name, SHOW, (event(body, 1, **headers),))


def refused(name: str, body: bytes, differs: Mapping[Aspect, Rule] = ERROR) -> Case:
    """An event that is not JSON, then a valid one."""
    return Case(name, SHOW, (event(body), event({}, 2)), differs=differs)


CHUNKED = (
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n%s\r\n3\r\n{"a\r\n5\r\n": 1}\r\n0\r\n\r\n'
    % "".join(f"{name}: {value}\r\n" for name, value in invocation_headers().items()).encode()
)

EVENTS = Group(
    "Event",
    (
        shows("an object", {"a": [1, 2.5, None, True, False, "é"]}),
        shows("an array", [1, [2, [3]]]),
        shows("a string", "text"),
        shows("an integer", 7),
        shows("an integer of 40 digits", 10**40 - 1),
        shows("a float", b"-1.5e-7"),
        shows("null", None),
        shows("true", True),
        shows("a name twice", b'{"a": 1, "a": 2}'),
        shows("escapes and a pair of surrogates", b'"\\u00e9\\n\\ud83d\\ude00"'),
        shows("a lone surrogate, escaped", b'"\\ud800"'),
        shows("UTF-8", '{"é": "世界"}'.encode()),
        shows("a byte order mark", b"\xef\xbb\xbf{}"),
        shows("white space around it", b" \t\r\n {} \r\n"),
        shows("arrays in arrays, 500 deep", b"[" * 500 + b"]" * 500),
        shows("one million characters", "x" * 1_000_000),
        Case("in chunks", SHOW, (Reply((CHUNKED,)),)),
        Case("with no body at all", SHOW, (Reply((reply("200 OK", b"", invocation_headers(content_type="text/x")),)),)),
        shows("text/plain", b"text", content_type="text/plain"),
        shows("application/octet-stream", bytes(range(256)), content_type="application/octet-stream"),
        Case(
            "application/json; charset=utf-8",
            SHOW,
            (event({"a": 1}, content_type="application/json; charset=utf-8"),),
            differs={"bodies": Rule.CHARSET},
        ),
        Case(
            "Application/JSON",
            SHOW,
            (event({"a": 1}, content_type="Application/JSON"),),
            differs={"bodies": Rule.CHARSET},
        ),
        refused("no JSON: an open brace", b"{", WORDS),
        refused("no JSON: a word", b"nothing"),
        refused("no JSON: NaN and infinities", b"[NaN, Infinity, -Infinity]", WORDS),
        refused("no JSON: something after it", b"{} {}", WORDS),
        refused("no JSON: an empty body", b""),
        refused("no JSON: a trailing comma", b"[1,]"),
        refused("no JSON: single quotes", b"{'a': 1}", WORDS),
        refused("no JSON: a bare control character", b'"\n"', WORDS),
        refused("no JSON: bytes that are not UTF-8", b'"\xff"'),
        Case("three events in a row", SHOW, (event(1), event(2, 2), event(3, 3))),
    ),
)
