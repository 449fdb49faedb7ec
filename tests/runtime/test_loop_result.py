"""Handler → result: JSON as the managed runtime writes it."""

import pytest

from tools.support.fake_api import Loop, event


def returning(expression: str, imports: str = "") -> str:
    return f"{imports}\ndef handler(event, context): return {expression}"


@pytest.mark.parametrize(
    ("expression", "body"),
    [
        ("None", "null"),
        ("{'a': 1, 'b': [True, None]}", '{"a": 1, "b": [true, null]}'),
        ("'é😀\\u2028\\x7f'", '"é😀\u2028\x7f"'),
        ("'\\x00\"\\\\\\n'", '"\\u0000\\"\\\\\\n"'),
        ("(1, (2,))", "[1, [2]]"),
        ("{1: 1, 2.5: 2, None: 3, True: 4}", '{"1": 4, "2.5": 2, "null": 3}'),
        ("[float('nan'), float('inf'), -float('inf')]", "[NaN, Infinity, -Infinity]"),
        ("[0.1, 1e100, -0.0]", "[0.1, 1e+100, -0.0]"),
        ("[2**63 - 1, 2**63, -(2**63), 10**20]", f"[{2**63 - 1}, {2**63}, {-(2**63)}, {10**20}]"),
        ("'\\b\\f\\r\\t\\x1f/'", '"\\b\\f\\r\\t\\u001f/"'),
        ("eval('[' * 90 + ']' * 90)", "[" * 90 + "]" * 90),
        ("{'b': b'\\xc3\\xa9'}", '{"b": "é"}'),
        ("{b'key': 1}", '{"key": 1}'),
        ("[[{'deep': ({'er': 'é'},)}]]", '[[{"deep": [{"er": "é"}]}]]'),
    ],
)
def test_results_are_written_as_the_managed_runtime_writes_them(loop: Loop, expression: str, body: str) -> None:
    run = loop(returning(expression))
    assert run.post.body.decode() == body
    assert run.post.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("imports", "expression", "body"),
    [
        ("from decimal import Decimal", "{'d': Decimal('1.10')}", '{"d": 1.10}'),
        ("from decimal import Decimal", "Decimal('1E+3')", "1E+3"),
        (
            "from decimal import Decimal",
            "[Decimal('NaN'), Decimal('-sNaN'), Decimal('Infinity')]",
            "[NaN, NaN, Infinity]",
        ),
        ("from decimal import Decimal", "[Decimal(1), 'text \"é\"']", '[1, "text \\"é\\""]'),
        ("from collections import namedtuple as n", "n('P', 'x y')(1, [n('Q', 'z')(2)])", '{"x": 1, "y": [{"z": 2}]}'),
        ("from collections import OrderedDict as o", "o(a=1, b=o())", '{"a": 1, "b": {}}'),
        ("import enum", "[enum.IntEnum('E', 'A').A, enum.StrEnum('S', 'B').B]", '[1, "b"]'),
        ("import enum", "{enum.StrEnum('S', 'B').B: 1}", '{"b": 1}'),
    ],
)
def test_richer_types_are_written_as_the_managed_runtime_writes_them(
    loop: Loop, imports: str, expression: str, body: str
) -> None:
    assert loop(returning(expression, imports)).post.body.decode() == body


def test_bytes_are_sent_raw(loop: Loop) -> None:
    run = loop(returning("b'\\x00\\xff'"))
    assert run.post.body == b"\x00\xff"
    assert run.post.headers["content-type"] == "application/unknown"


@pytest.mark.parametrize(
    ("expression", "reason", "place"),
    [
        ("object()", "Object of type object is not JSON serializable", "$"),
        ("{'items': [0, 1, 2, {'when': {1}}]}", "Object of type set is not JSON serializable", "$.items[3].when"),
        ("{'odd key': {7: object}}", "Object of type type is not JSON serializable", "$['odd key'][7]"),
        ("{'a': {(1, 2): 3}}", "keys must be str, int, float, bool or None, not tuple", "$.a[(1, 2)]"),
        ("['\\ud800']", "str with a lone surrogate has no UTF-8 form", "$[0]"),
        ("{'\\ud800': 1}", "str with a lone surrogate has no UTF-8 form", "$['\\ud800']"),
        ("[b'\\xff']", "Object of type bytes is not JSON serializable", "$[0]"),
        ("bytearray(b'a')", "Object of type bytearray is not JSON serializable", "$"),
    ],
)
def test_a_result_without_a_json_form_is_a_marshal_error_that_names_type_and_place(
    loop: Loop, expression: str, reason: str, place: str
) -> None:
    run = loop("def handler(event, context): return event or " + expression, event({}), event("next", 2))
    failed, answered = run.posts
    assert failed.path.endswith("/request-1/error")
    assert failed.headers["lambda-runtime-function-error-type"] == "Runtime.MarshalError"
    assert failed.json["errorMessage"].startswith(f"Unable to marshal response: {reason}")
    assert failed.json["errorMessage"].endswith(f"(at {place})")
    assert answered.json == "next"


@pytest.mark.parametrize(
    "code",
    [
        "def handler(event, context):\n    result = []\n    result.append(result)\n    return result",
        "def handler(event, context):\n    return 10 ** 5000",
        "class Odd(dict):\n    def items(self): raise RuntimeError\ndef handler(event, context): return Odd(a=1)",
    ],
)
def test_a_result_that_breaks_the_encoder_is_a_marshal_error_too(loop: Loop, code: str) -> None:
    assert loop(code).error["errorType"] == "Runtime.MarshalError"


def test_a_result_of_six_megabytes_arrives_whole(loop: Loop) -> None:
    run = loop(returning("'é' * 3_000_000"))
    assert run.post.body == b'"' + "é".encode() * 3_000_000 + b'"'
