"""Bytes at rest: SQLite, compression, archives, hashes, files, binary records, dates."""

import array
import bz2
import calendar
import contextlib
import datetime
import gzip
import hashlib
import hmac
import io
import lzma
import mmap
import os
import pathlib
import random
import shelve
import shutil
import sqlite3
import struct
import tarfile
import tempfile
import time
import uuid
import zipfile
import zlib
import zoneinfo

from .text import log_lines, prose


def database(path: str) -> None:
    dice = random.Random(9)
    with contextlib.closing(sqlite3.connect(path)) as base:
        base.row_factory = sqlite3.Row
        base.executescript(
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT, joined TEXT);
            CREATE TABLE sale (id INTEGER PRIMARY KEY, customer REFERENCES customer, amount REAL, note TEXT, raw BLOB);
            CREATE INDEX sale_by_customer ON sale (customer, amount);
            CREATE VIEW big AS SELECT * FROM sale WHERE amount > 800;
            CREATE TRIGGER tidy AFTER INSERT ON sale WHEN new.note IS NULL
              BEGIN UPDATE sale SET note = 'none' WHERE id = new.id; END;
            CREATE VIRTUAL TABLE page USING fts5(title, body);
            """
        )
        with base:
            base.executemany(
                "INSERT INTO customer (name, city, joined) VALUES (?, ?, date('2024-01-01', ? || ' days'))",
                ((f"name {n}", dice.choice(("Oslo", "Rome", "Lima")), n % 365) for n in range(1500)),
            )
            base.executemany(
                "INSERT INTO sale (customer, amount, note, raw) VALUES (:who, :much, :note, :raw)",
                (
                    {
                        "who": dice.randrange(1, 1500),
                        "much": dice.uniform(1, 999),
                        "note": n % 5 and f"n{n}" or None,
                        "raw": b"x" * (n % 90),
                    }
                    for n in range(6000)
                ),
            )
            base.executemany("INSERT INTO page VALUES (?, ?)", ((f"page {n}", prose(60, n)) for n in range(150)))
        base.create_function("half", 1, lambda x: x / 2)
        queries = (
            "SELECT city, count(*), avg(amount), max(joined) FROM customer JOIN sale ON customer.id = sale.customer"
            " GROUP BY city HAVING count(*) > 3 ORDER BY 3 DESC",
            "SELECT name, (SELECT sum(amount) FROM sale WHERE customer = c.id) AS total FROM customer c"
            " ORDER BY total DESC LIMIT 20",
            "SELECT id, sum(amount) OVER (PARTITION BY customer ORDER BY id) FROM sale WHERE customer < 400",
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 2000) SELECT sum(x * x % 7) FROM n",
            "SELECT upper(name) || '-' || printf('%05d', id), half(id) FROM customer WHERE name LIKE '%12%' OR city = 'Rome'",
            "SELECT title, snippet(page, 1, '[', ']', '…', 8) FROM page WHERE page MATCH 'layer AND rebuild' ORDER BY rank",
            "SELECT json_extract(json_object('a', id, 'b', json_array(amount)), '$.b[0]') FROM big",
            "SELECT DISTINCT substr(note, 1, 2), length(raw) FROM sale WHERE amount BETWEEN 100 AND 300",
        )
        for query in queries * 3:
            for row in base.execute(query):
                tuple(row)
        for number in range(1200):
            (found,) = base.execute("SELECT * FROM customer WHERE id = ?", (number + 1,)).fetchall()
            dict(found)
        for number in range(250):
            base.execute("UPDATE sale SET amount = amount * 1.1 WHERE id = ?", (number * 3,))
        base.execute("DELETE FROM sale WHERE amount > 990")
        base.commit()
        base.execute("VACUUM")


def compression() -> None:
    text = "\n".join(log_lines(1500)).encode()
    noise = random.Random(10).randbytes(60_000)
    record = bytes(n * n % 251 for n in range(50_000))
    for data in (text, noise, record):
        for level in (1, 6, 9):
            assert zlib.decompress(zlib.compress(data, level)) == data
        assert gzip.decompress(gzip.compress(data)) == data
        assert zlib.decompressobj(-15).decompress(zlib.compress(data, wbits=-15)) == data
        zlib.crc32(data), zlib.adler32(data)
    for _ in range(12):
        for line in log_lines(40):
            zlib.decompress(zlib.compress(line.encode()))
    for _ in range(4):
        zlib.decompress(zlib.compress(text))
    assert bz2.decompress(bz2.compress(text)) == text
    assert lzma.decompress(lzma.compress(text[:150_000], preset=2)) == text[:150_000]
    stream = io.BytesIO()
    with gzip.open(stream, "wt", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in log_lines(800))
    stream.seek(0)
    with gzip.open(stream, "rt", encoding="utf-8") as file:
        assert sum(1 for _ in file) == 800
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(40):
            archive.writestr(f"folder/file{number}.txt", text[number * 100 : number * 100 + 3000])
    with zipfile.ZipFile(bundle) as archive:
        [archive.read(name) for name in archive.namelist()]
    bundle = io.BytesIO()
    with tarfile.open(fileobj=bundle, mode="w:gz") as archive:
        for number in range(40):
            info = tarfile.TarInfo(f"folder/file{number}.txt")
            info.size = 3000
            archive.addfile(info, io.BytesIO(text[number * 100 : number * 100 + 3000]))
    bundle.seek(0)
    with tarfile.open(fileobj=bundle) as archive:
        [member.name for member in archive if archive.extractfile(member)]


def hashes() -> None:
    data = random.Random(11).randbytes(100_000)
    for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b", "blake2s"):
        hashlib.new(name, data).hexdigest()
        for number in range(150):
            digest = hashlib.new(name, b"key %d" % number)
            digest.update(b"more")
            digest.digest()
    for number in range(250):
        key = hmac.new(b"AWS4secret", b"20240101%d" % number, "sha256").digest()
        hmac.new(key, b"us-east-1", hashlib.sha256).hexdigest()
        hmac.compare_digest(key, key)
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 500)
    [uuid.uuid5(uuid.NAMESPACE_URL, f"https://example.com/{number}").hex for number in range(400)]
    [str(uuid.UUID(int=number**9)) for number in range(400)]


def files(folder: pathlib.Path) -> None:
    for number in range(120):
        place = folder / f"part{number % 7}" / f"{number:03}.txt"
        place.parent.mkdir(exist_ok=True)
        place.write_text(prose(60, number), encoding="utf-8")
    for place in sorted(folder.rglob("*.txt")):
        place.read_text(encoding="utf-8").splitlines()
        place.stat().st_size, place.suffix, place.stem, place.relative_to(folder).parts, place.with_suffix(".bak")
    total = 0
    for root, folders, names in os.walk(folder):
        folders.sort()
        total += sum(os.path.getsize(os.path.join(root, name)) for name in names)
    with os.scandir(folder / "part0") as entries:
        [entry.name for entry in entries if entry.is_file()]
    large = folder / "large.bin"
    with large.open("wb") as file:
        for number in range(3000):
            file.write(struct.pack("<IHd8s", number, number % 99, number / 3, b"name"))
    with large.open("rb") as file:
        record = struct.Struct("<IHd8s")
        while chunk := file.read(record.size):
            number, kind, ratio, name = record.unpack(chunk)
            name.rstrip(b"\0").decode()
    with large.open("r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        view.find(b"name", 500)
        view[10:20] = b"0123456789"
    with (folder / "lines.txt").open("w+", encoding="utf-8", newline="\n") as file:
        for line in log_lines(1500):
            print(line, file=file)
        file.seek(0)
        sum(len(line) for line in file)
    view = memoryview(bytearray(range(256)) * 8)
    bytes(view[::2]), view.cast("I")[3], view[5:100].tobytes().count(b"\x07")
    numbers = array.array("d", (n / 7 for n in range(3000)))
    numbers.extend(numbers[:100])
    sum(numbers), array.array("H", numbers.tobytes()[:100])
    with shelve.open(str(folder / "shelf")) as shelf:
        for number in range(60):
            shelf[f"key{number}"] = {"n": number}
        [shelf[key] for key in shelf]
    shutil.copytree(folder / "part0", folder / "copy")


def dates() -> None:
    start = datetime.datetime(2024, 2, 28, 23, 59, tzinfo=datetime.UTC)
    zones = [zoneinfo.ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Asia/Kolkata")]
    for number in range(1500):
        moment = start + datetime.timedelta(hours=number * 7, seconds=number)
        there = moment.astimezone(zones[number % 3])
        assert datetime.datetime.fromisoformat(there.isoformat()) == moment
        there.date().isocalendar(), there.weekday(), there.utcoffset(), moment.timestamp(), moment - start
        if number % 6 == 0:
            datetime.datetime.strptime(moment.strftime("%Y-%m-%d %H:%M:%S"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=None)
            time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(number * 86_400))
    [calendar.monthrange(2024, month + 1) for month in range(12)]


def work() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database(":memory:")
        database(f"{folder}/base")
        compression()
        hashes()
        files(pathlib.Path(folder))
        dates()
