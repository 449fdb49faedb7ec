"""Where records come from: NVD's service, asked for each product, or a copy of its files."""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import requests

from builder import DISTRIBUTION, __version__
from builder.cancellation import sleep
from builder.errors import FetchFailed
from builder.fetch.report import Report
from builder.vulnerabilities.records import Component

SERVICE = "https://services.nvd.nist.gov/rest/json/cves/2.0"
PAUSE = 6.0
"""Seconds between two requests: the service answers five in thirty seconds."""
PAUSES = (10.0, 30.0, 60.0)
"""Seconds before each further try, if it refuses or fails."""
TIMEOUT = (10.0, 60.0)
SUFFIXES = (".json", ".json.gz")

Record = Mapping[str, Any]
Database = Callable[[Component], Iterable[Record]]
"""What may concern a component: all records of its product."""


def open_database(place: str, report: Report) -> Database:
    """A database at a URL, or in a file or folder.

    Raises:
        FetchFailed: there is none, or what is there is none.
    """
    if place.startswith(("https://", "http://")):
        return _Service(place, report)
    found = _read_copy(Path(place))
    report.note(f"{place}: {len(found):,} records")
    return lambda _: found


class _Service:
    """https://nvd.nist.gov/developers/vulnerabilities"""

    def __init__(self, url: str, report: Report) -> None:
        self._url, self._report = url, report
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"{DISTRIBUTION}/{__version__}"
        self._asked = False

    def __call__(self, component: Component) -> Iterator[Record]:
        part, vendor, product = component.product
        self._report.note(f"asking {self._url.split('/')[2]} for {vendor} {product}")
        first, total = 0, 1
        while first < total:
            page = self._page(f"cpe:2.3:{part}:{vendor}:{product}", first)
            yield from page["vulnerabilities"]
            first, total = first + max(1, page["resultsPerPage"]), page["totalResults"]

    def _page(self, product: str, first: int) -> Mapping[str, Any]:
        for pause in (*PAUSES, None):
            if self._asked:
                sleep(PAUSE)
            self._asked = True
            try:
                query: dict[str, str | int] = {"virtualMatchString": product, "startIndex": first}
                answer = self._session.get(self._url, params=query, timeout=TIMEOUT)
                answer.raise_for_status()
                page = answer.json()
                if not {"vulnerabilities", "resultsPerPage", "totalResults"} <= page.keys():
                    raise requests.RequestException("the answer has no records")
                return dict(page)
            except requests.RequestException as error:
                if pause is None or isinstance(error, requests.ConnectionError):
                    raise _no_database(self._url, str(error)) from error
                self._report.note(f"{error}; trying again in {pause:.0f} s")
                sleep(pause)
        raise AssertionError("the last try returns or raises")


def _read_copy(path: Path) -> list[Record]:
    files = sorted(each for each in path.iterdir() if each.name.endswith(SUFFIXES)) if path.is_dir() else [path]
    records: list[Record] = []
    try:
        for file in files:
            data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
            records += json.loads(data)["vulnerabilities"]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise _no_database(str(file), f"{type(error).__name__}: {error}") from error
    if not records:
        raise _no_database(str(path), "it has no records")
    return records


def _no_database(place: str, why: str) -> FetchFailed:
    return FetchFailed(
        f"There is no database of vulnerabilities at {place}.",
        f"{why.rstrip('.')}.",
        "Pass --database with a folder of NVD's yearly files, nvdcve-2.0-YEAR.json.gz, copied from a machine that\n"
        "       reaches NVD.",
    )
