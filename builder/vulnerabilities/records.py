"""NVD's records of vulnerabilities, and whether one concerns a component.

https://nvd.nist.gov/developers/vulnerabilities, version 2.0; NVD's yearly files have the same records.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

IGNORED = ("Rejected",)
"""States of records that say nothing of a product."""
ANY, NONE = "*", "-"
LIMITS: Mapping[str, Callable[[Any, Any], bool]] = {
    "versionStartIncluding": operator.ge,
    "versionStartExcluding": operator.gt,
    "versionEndIncluding": operator.le,
    "versionEndExcluding": operator.lt,
}
"""How a version compares with the limits of a range that it is in."""


@dataclass(frozen=True)
class Component:
    """Something in a layer, as its SBOM names it."""

    name: str
    version: str
    cpe: str
    """``cpe:2.3:a:VENDOR:PRODUCT:VERSION:…``; empty if there is none."""

    @property
    def product(self) -> tuple[str, ...]:
        """Part, vendor and product."""
        return parts(self.cpe)[2:5]


@dataclass(frozen=True)
class Vulnerability:
    """A record that concerns a component."""

    identifier: str
    severity: str
    """``HIGH 7.5``: by the newest CVSS that the record has; empty if nobody has rated it yet."""
    summary: str
    component: Component


def concerning(component: Component, record: Mapping[str, Any]) -> Vulnerability | None:
    """The vulnerability that a record describes, if it concerns the component in this version.

    Conditions on what else there must be (an operating system, a device) count as met: too much is told, not too
    little.
    """
    cve = record["cve"]
    if cve.get("vulnStatus") in IGNORED or not any(_matches(component, match) for match in _matches_of(cve)):
        return None
    texts = (each["value"] for each in cve.get("descriptions", ()) if each["lang"] == "en")
    return Vulnerability(cve["id"], _severity(cve), " ".join(next(texts, "").split()), component)


def parts(cpe: str) -> tuple[str, ...]:
    """The fields of a CPE; a colon after a backslash is part of one."""
    return tuple(re.split(r"(?<!\\):", cpe))


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """By what versions are compared, as upstreams of C count: numbers by value, and 1.0.2 before 1.0.2k."""
    found = re.findall(r"\d+|[a-z]+", version.lower())
    return tuple((1, int(each), "") if each.isdigit() else (0, 0, each) for each in found)


def _matches_of(cve: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for configuration in cve.get("configurations", ()):
        for node in configuration["nodes"]:
            yield from (match for match in node["cpeMatch"] if match["vulnerable"])


def _matches(component: Component, match: Mapping[str, str]) -> bool:
    criteria = parts(match["criteria"])
    if criteria[2:5] != component.product:
        return False
    if criteria[5] not in (ANY, NONE):
        # A candidate is another version than the final one, which is what a component without one is.
        return criteria[5] == component.version and criteria[6] in (ANY, NONE)
    key = version_key(component.version)
    return all(holds(key, version_key(match[name])) for name, holds in LIMITS.items() if name in match)


def _severity(cve: Mapping[str, Any]) -> str:
    metrics = cve.get("metrics", {})
    for name in ("cvssMetricV40", "cvssMetricV31", "cvssMetricV30", "cvssMetricV2"):
        for metric in metrics.get(name, ()):
            data = metric["cvssData"]
            return f"{data.get('baseSeverity') or metric.get('baseSeverity', '')} {data['baseScore']}".strip()
    return ""
