"""Text: regular expressions, formatting, searching, encodings, templates."""

import base64
import binascii
import difflib
import fnmatch
import html
import random
import re
import string
import textwrap
import unicodedata
import urllib.parse
from collections import Counter

WORDS = (
    "the layer holds an interpreter that anyone can rebuild to the byte and a loop which asks for events answers them "
    "and waits naïve café Straße über ωμέγα данные 日本語 résumé coöperate fiancée jalapeño"
).split()


def prose(count: int, seed: int = 2) -> str:
    dice = random.Random(seed)
    return " ".join(dice.choice(WORDS) + ("." if number % 11 == 10 else "") for number in range(count))


def log_lines(count: int) -> list[str]:
    dice = random.Random(3)
    return [
        f"10.{dice.randrange(256)}.{dice.randrange(256)}.7 - user{dice.randrange(50)} "
        f"[{number % 28 + 1:02}/Feb/2024:10:{number % 60:02}:00 +0000] "
        f'"{dice.choice(("GET", "POST", "PUT"))} /api/v{dice.randrange(3)}/orders/{dice.randrange(9999)}?q=a%20b HTTP/1.1" '
        f'{dice.choice((200, 201, 404, 500))} {dice.randrange(10**5)} "-" "Mozilla/5.0 (X11; Linux x86_64)"'
        for number in range(count)
    ]


ACCESS = re.compile(
    r'(?P<host>\S+) \S+ (?P<user>\S+) \[(?P<when>[^\]]+)\] "(?P<verb>[A-Z]+) (?P<path>[^ "]+) HTTP/\d\.\d" '
    r"(?P<status>\d{3}) (?P<size>\d+|-)"
)
TOKEN = re.compile(r"\s*(?:(?P<number>\d+(?:\.\d*)?)|(?P<name>[A-Za-z_]\w*)|(?P<op>[-+*/()=<>!]=?)|(?P<text>'[^']*'))")


def expressions() -> None:
    lines = log_lines(700)
    status: Counter[str] = Counter()
    for line in lines:
        if found := ACCESS.match(line):
            status[found["status"]] += int(found["size"])
            found.groupdict()
    whole = "\n".join(lines)
    assert len(re.findall(r"^(\S+) .* (404|500) ", whole, re.MULTILINE)) > 10
    re.sub(r"(\d+)\.(\d+)\.(\d+)\.(\d+)", r"\4.\3.\2.\1", whole)
    re.sub(r"user(\d+)", lambda found: f"<{int(found[1]):04}>", whole)
    re.split(r"[\s,;:/]+", whole)
    text = prose(3000)
    for pattern in (
        r"\b[a-z]{2,4}\b",
        r"(?i)ÜBER|layer|É",
        r"\w+(?=\.)",
        r"(?:an|the) (\w+)",
        r"[^\x00-\x7f]+",
        r"(.)\1",
        r"rebuild|events?|wait",
        r"layer .*?(byte)\b",
    ):
        sum(1 for _ in re.finditer(pattern, text))
    for line in lines:  # a start that fits anywhere, and an end that does not
        re.search(r".*Firefox/(\d+)", line)
        re.search(r"(\w+)=(.*)&page", line)
        re.search(r".*(Gecko|WebKit|rv:)", line)
    re.search(r"(a|b|ab)*c$", "ab" * 7)
    re.fullmatch(r"(?:\w+[ .]+)*", text[:2000])
    re.findall(rb"[\x20-\x7e]{6,}", bytes(range(256)) * 60)
    position, source = 0, "total = price * (1 + rate) - 'none' / 3.25 != x_1 " * 120
    while position < len(source.rstrip()):
        token = TOKEN.match(source, position)
        assert token is not None
        position, _ = token.end(), token.lastgroup
    for number in range(25):  # what programs compile when they start
        re.compile(
            rf"^(?P<a>[a-z_]+{number})(?:\.(?P<b>\d{{1,3}}))?(?P<c>-(?:alpha|beta|rc)\d*)?$", re.IGNORECASE | re.VERBOSE
        )
    [name for name in (f"file{n}.py{'c' * (n % 2)}" for n in range(400)) if fnmatch.fnmatch(name, "*[0-4].p?")]


def formatting() -> None:
    out = []
    for number in range(2500):
        ratio = number / 7
        out += [
            f"{number:>8,} {ratio:.3f} {ratio!r} {number:#x} {'name':<10}|{number % 3 == 0}",
            "%s: %d of %5.2f%% (%r)" % ("item", number, ratio, "x"),
            "{0}-{name}-{1:08b}".format(number, number & 255, name="layer"),
            str(number) + repr(ratio) + str(-ratio),
        ]
    "\n".join(out).splitlines()
    template = string.Template("Dear $name, you owe ${amount} since $date.")
    [template.substitute(name=word, amount=index, date="today") for index, word in enumerate(WORDS * 10)]
    text = prose(1500)
    textwrap.fill(text, 72)
    textwrap.dedent(textwrap.indent(text.replace(". ", ".\n"), "    "))
    for value in (0.1, 1e300, -2.5e-7, float("inf"), 123456789.125, 1 / 3):
        [format(value, spec) for spec in (".2f", "e", "g", "+.10g", "%", ",.1f", "012.4f")]
        float(repr(value))
    [int(f"{number * 37}") + float(f"{number}.5") for number in range(3000)]


def methods() -> None:
    text = prose(2500)
    for _ in range(6):
        words = text.split()
        " ".join(reversed(words))
        text.upper().lower().title().swapcase().casefold()
        [word.strip(".").capitalize() for word in words if word.endswith(".") or word.startswith("l")]
        text.replace("layer", "zip").replace("ï", "i").find("nothing of this")
        [text.count(word) for word in WORDS]
        [text.count(mark) + f"{text}\u20ac".count(mark) for mark in " .e"]
        text.split(" "), text.rsplit(".", 3)
        text.partition("loop")[2].rpartition("byte")
        {word: len(word) for word in words}
        [ch for ch in text[:4000] if ch.isalpha() and not ch.isupper()]
        text.translate(str.maketrans({"e": "3", "a": None, "ß": "ss"}))
        sorted(words, key=str.lower)
        "".join(chr(ord(ch) ^ 1) for ch in text[:4000] if ch.isascii())
        text == text[:-1] + "x"
    built = ""
    for word in WORDS * 30:
        built += word + " "
    built.encode().zfill(10)


def encodings() -> None:
    text = prose(1500)
    for name in ("utf-8", "utf-16", "utf-32-le", "utf-8-sig", "utf-7", "raw_unicode_escape", "punycode"):
        assert text.encode(name).decode(name) == text
    for name in ("latin-1", "cp1252", "iso8859-15", "ascii"):
        text.encode(name, "replace").decode(name)
    text.encode("ascii", "xmlcharrefreplace")
    "日本語のテキスト".encode("shift_jis").decode("shift_jis")
    (b"broken \xff\xfe utf-8 " * 50).decode("utf-8", "replace")
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        unicodedata.normalize(form, text)
    [unicodedata.category(ch) for ch in text[:3000]]
    data = text.encode()
    for there, back in (
        (base64.b64encode, base64.b64decode),
        (base64.urlsafe_b64encode, base64.urlsafe_b64decode),
        (base64.b32encode, base64.b32decode),
        (base64.b85encode, base64.b85decode),
        (binascii.hexlify, binascii.unhexlify),
    ):
        assert back(there(data)) == data
    bytes.fromhex(data.hex())
    assert html.unescape(html.escape(text)) == text
    for line in log_lines(250):
        url = "https://example.com:8080" + line.split('"')[1].split()[1]
        parts = urllib.parse.urlsplit(url)
        urllib.parse.parse_qs(parts.query + "&a=1&b=%C3%A9&b=2")
        urllib.parse.urlencode({"q": parts.path, "page": 2, "é": "ü"})
        urllib.parse.urljoin(url, "../other/./x.html#top")
        urllib.parse.unquote(urllib.parse.quote(line))
    before, after = log_lines(60), log_lines(60)
    after[10:14] = ["changed"] * 3
    list(difflib.unified_diff(before, after))
    difflib.get_close_matches("intrepreter", WORDS)


def work() -> None:
    expressions()
    formatting()
    methods()
    encodings()
