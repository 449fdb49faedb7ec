"""Documents in and out: JSON, XML, CSV, TOML, INI, HTML, plists."""

import configparser
import csv
import io
import json
import plistlib
import random
import tomllib
import xml.etree.ElementTree as ET
import xml.sax
from html.parser import HTMLParser
from typing import Any
from xml.dom import minidom


def orders(count: int) -> list[dict[str, Any]]:
    """What functions are called with: nested, mixed, with text beyond ASCII."""
    dice = random.Random(1)
    cities = (
        "Łódź",
        "São Paulo",
        "Zürich",
        "Springfield",
        "東京",
        "Oslo",
        "Αθήνα",
        'New "York"',
        "tab\tand\nline",
        "🚀",
    )
    return [
        {
            "id": number,
            "version": "2.0",
            "paid": dice.random() < 0.7,
            "total": round(dice.uniform(1, 10_000), 2),
            "weight": dice.expovariate(0.1),
            "note": None if number % 3 else f"Leave at door {number}, please — thanks",
            "address": {"city": dice.choice(cities), "zip": f"{dice.randrange(100_000):05}", "lines": ["x" * 12] * 2},
            "items": [
                {
                    "sku": f"SKU-{dice.randrange(10**6)}",
                    "quantity": dice.randrange(1, 9),
                    "price": dice.randrange(1, 99),
                }
                for _ in range(dice.randrange(1, 6))
            ],
            "requestContext": {"accountId": "123456789012", "timeEpoch": 1_700_000_000_000 + number, "stage": "prod"},
            "headers": {f"x-forwarded-{name}": "value" * 3 for name in ("for", "port", "proto")},
            "tags": [],
            "meta": {},
        }
        for number in range(count)
    ]


def json_in_and_out() -> None:
    many = orders(150)
    compact = json.dumps(many, separators=(",", ":"))
    for _ in range(6):
        assert json.loads(json.dumps(many)) == many
        json.loads(json.dumps(many, ensure_ascii=False).encode())
        for order in many:
            json.loads(json.dumps(order))
    json.loads(compact, parse_float=str, parse_int=str)
    json.loads(compact, object_hook=lambda members: tuple(members.items()))
    json.loads(compact, object_pairs_hook=list)
    json.dumps(many, indent=2, sort_keys=True)
    json.dumps({"when": {1, 2}, "what": b"raw"}, default=repr)
    numbers = [number * 1.5 - 1000 for number in range(3000)]
    assert json.loads(json.dumps(numbers)) == numbers
    assert len(json.loads(json.dumps(list(range(20_000))))) == 20_000
    for broken in ('{"a": 1,}', "[1, 2", '"\\u12"', "nul", "{1: 2}"):
        try:
            json.loads(broken)
        except json.JSONDecodeError as error:
            str(error)
    decoder = json.JSONDecoder()
    text, position = " ".join(json.dumps(order) for order in many[:40]), 0
    while position < len(text):
        _, position = decoder.raw_decode(text, position)
        position += 1


class _Counter(xml.sax.ContentHandler):
    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, int] = {}

    def startElement(self, name: str, attrs: Any) -> None:
        self.seen[name] = self.seen.get(name, 0) + len(attrs)

    def characters(self, content: str) -> None:
        self.seen["text"] = self.seen.get("text", 0) + len(content)


def xml_in_and_out() -> None:
    root = ET.Element("orders", {"xmlns:x": "urn:example"})
    for order in orders(400):
        element = ET.SubElement(root, "order", id=str(order["id"]), paid=str(order["paid"]))
        ET.SubElement(element, "city").text = order["address"]["city"]
        ET.SubElement(element, "note").text = order["note"]
        for item in order["items"]:
            ET.SubElement(element, "{urn:example}item", {"sku": item["sku"]}).text = f"{item['price']} < & >"
    data = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    for _ in range(6):
        parsed = ET.fromstring(data)
        parsed.findall("./order[@paid='True']/city")
        parsed.findtext("order/note")
        sum(int((element.text or "0").split()[0]) for element in parsed.iter("{urn:example}item"))
        for _, element in ET.iterparse(io.BytesIO(data), events=("start", "end")):
            element.attrib.get("id")
    ET.indent(parsed)
    ET.tostring(parsed, encoding="unicode")
    ET.canonicalize(data.decode())
    pull = ET.XMLPullParser(["end"])
    for start in range(0, len(data), 997):
        pull.feed(data[start : start + 997])
        for _, element in pull.read_events():
            element.clear()
    xml.sax.parseString(data, _Counter())
    for node in minidom.parseString(data[: data.index(b"</order>") + 8] + b"</orders>").getElementsByTagName("city"):
        node.toxml()


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append(dict(attrs).get("href"))


def tables_and_settings() -> None:
    rows = [[order["id"], order["total"], order["address"]["city"], order["paid"]] for order in orders(400)]
    for dialect in ("excel", "unix", "excel-tab"):
        sheet = io.StringIO()
        csv.writer(sheet, dialect).writerows(rows)
        sheet.seek(0)
        assert len(list(csv.reader(sheet, dialect))) >= len(rows)
    sheet = io.StringIO()
    table = csv.DictWriter(sheet, ["id", "city"], extrasaction="ignore")
    table.writeheader()
    table.writerows({"id": row[0], "city": row[2], "total": row[1]} for row in rows)
    sheet.seek(0)
    {row["city"] for row in csv.DictReader(sheet)}

    settings = configparser.ConfigParser()
    settings.read_string("".join(f"[section {n}]\nname = value{n}\npath = %(name)s/x\nsize: {n}\n" for n in range(60)))
    sum(settings.getint(section, "size") for section in settings.sections())
    [settings.get(section, "path") for section in settings.sections()]
    toml = "".join(
        f'[[plugin]]\nname = "plugin {n}"\nratio = {n}.25\nwhen = 2024-02-0{n % 9 + 1}T10:00:00Z\nlist = [1, 2, {n}]\n'
        f"[plugin.options]\ndeep.key = true\ntext = '''raw\n text'''\n"
        for n in range(60)
    )
    for _ in range(2):
        assert len(tomllib.loads(toml)["plugin"]) == 60
    plistlib.loads(plistlib.dumps({"orders": [[row[0], row[1]] for row in rows]}))
    plistlib.loads(plistlib.dumps({"a": [1, 2.5, "x", b"y", True]}, fmt=plistlib.FMT_BINARY))
    page = _Links()
    page.feed(
        "<html><body>" + '<p class="x">text &amp; more <a href="/a?b=1&c=2">link</a><br></p>' * 300 + "</body></html>"
    )
    assert len(page.links) == 300


def work() -> None:
    json_in_and_out()
    xml_in_and_out()
    tables_and_settings()
