"""Results: every kind of value, and those that JSON cannot represent."""

from collections.abc import Mapping

from tools.conformance.case import Aspect, Case, Group, Rule, returns

ERROR: Mapping[Aspect, Rule] = {"error type": Rule.ERROR_TYPE}
MARSHAL: Mapping[Aspect, Rule] = {**ERROR, "bodies": Rule.PATH, "x-ray": Rule.PATH, "log": Rule.PATH}
WORDS: Mapping[Aspect, Rule] = {**ERROR, "bodies": Rule.WORDING, "x-ray": Rule.WORDING, "log": Rule.WORDING}
POINT = "from collections import namedtuple\nP = namedtuple('P', 'x y')"
DECIMAL = "from decimal import Decimal"
ENUMS = """
import enum
class I(enum.IntEnum): A = 1
class S(str, enum.Enum): A = 'a'
class T(enum.StrEnum): A = 'a'
class F(float, enum.Enum): A = 1.5
"""
SUBCLASSES = """
import collections
class N(int):
    def __repr__(self): return 'N!'
class X(str):
    def __str__(self): return 'X!'
class D(dict): pass
class L(list): pass
"""

RESULTS = Group(
    "Result",
    (
        returns("None", "None"),
        Case("no return", "def handler(event, context): pass"),
        returns("booleans", "[True, False]"),
        returns("integers", "[0, -1, 2**64, 10**30]"),
        returns("floats", "[0.1, -0.0, 1e16, 1e-7, 1e300, 123456789.125]"),
        returns("NaN and infinities", "[float('nan'), float('inf'), -float('inf')]"),
        returns("a string", "'text'"),
        returns("a string that is not ASCII", "'é世界😀'"),
        returns("quotes, backslash and slash", "'\"\\\\/'"),
        returns("control characters", "''.join(map(chr, range(32))) + '\\x7f'"),
        returns("line separators", "'\\u2028\\u2029'"),
        returns("a list, a tuple and nesting", "[(1, 2), [], (), {}, [[[]]]]"),
        returns("an object", "{'a': 1, 'é': {'b': [None]}}"),
        returns("names that are no strings", "{1: 'a', 2.5: 'b', True: 'c', None: 'd'}"),
        returns("names that become the same", "{1: 'a', '1': 'b'}"),
        returns("a Decimal", "Decimal('1.10')", DECIMAL),
        returns("Decimals in places", "{'a': [Decimal('12345678901234567890.5'), Decimal('1E+5')]}", DECIMAL),
        returns("Decimal NaN", "[Decimal('NaN'), Decimal('-NaN')]", DECIMAL),
        returns("Decimal infinity", "Decimal('Infinity')", DECIMAL),
        returns("a namedtuple", "P(1, 'b')", POINT),
        returns("namedtuples in places", "[P(P(1, 2), [P(3, 4)])]", POINT),
        returns("an object with _asdict", "A()", "class A:\n    def _asdict(self): return {'a': 1}"),
        returns("enums", "[I.A, S.A, T.A, F.A, {S.A: 1}]", ENUMS),
        returns("subclasses", "[N(1), X('x'), D(a=1), L([2]), collections.OrderedDict(b=1)]", SUBCLASSES),
        returns(
            "a defaultdict and a Counter", "[collections.defaultdict(int, a=1), collections.Counter('a')]", SUBCLASSES
        ),
        returns("bytes", "bytes(range(256))"),
        returns("no bytes", "b''"),
        returns("bytes inside", "{'a': [b'text', 'é'.encode()]}"),
        returns("bytes as a name", "{b'a': 1}"),
        returns("an HTTP answer", "{'statusCode': 200, 'headers': {'A': 'b'}, 'body': '{\"a\": 1}'}"),
        returns("one million characters", "'é' * 1_000_000"),
        returns(
            "arrays in arrays, 300 deep",
            "deep()",
            "def deep():\n    x = []\n    for _ in range(300): x = [x]\n    return x",
        ),
    ),
)

UNENCODABLE = Group(
    "Result that JSON cannot say",
    (
        returns("a set", "{1, 2}", differs=MARSHAL),
        returns("a datetime", "{'when': datetime.datetime(2024, 1, 2)}", "import datetime", MARSHAL),
        returns("an object", "[{'a': A()}]", "class A: pass", MARSHAL),
        returns("a function", "handler", differs=MARSHAL),
        returns("a generator", "(x for x in [1])", differs=MARSHAL),
        returns("an exception", "ValueError('x')", differs=MARSHAL),
        returns("a dataclass", "A(1)", "import dataclasses\n@dataclasses.dataclass\nclass A: x: int", MARSHAL),
        returns("a UUID", "[uuid.UUID(int=1)]", "import uuid", MARSHAL),
        returns("a bytearray", "bytearray(b'a')", differs=MARSHAL),
        returns("a tuple as a name", "{(1, 2): 3}", differs=MARSHAL),
        returns("bytes inside that are not UTF-8", "[b'\\xff']", differs=MARSHAL),
        returns("complex", "1j", differs=MARSHAL),
        returns("an _asdict that fails", "A()", "class A:\n    def _asdict(self): raise KeyError('k')", MARSHAL),
        returns("a lone surrogate", "{'a': '\\ud800'}", differs={"calls": Rule.SURROGATE}),
        Case(
            "a list that contains itself",
            "def handler(event, context):\n    a = []\n    a.append(a)\n    return a",
            differs=WORDS,
        ),
    ),
)
