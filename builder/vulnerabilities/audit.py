"""SBOMs + a database → what is known, and what of it this project has looked into."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.errors import BadPins, ManifestMismatch
from builder.vulnerabilities.databases import Database
from builder.vulnerabilities.records import Component, Vulnerability, concerning

ASSESSED = Path(__file__).with_name("assessed.toml")


@dataclass(frozen=True)
class Audit:
    """The result."""

    open: tuple[Vulnerability, ...]
    assessed: Mapping[str, str]
    """Identifier → why it does not concern the layers; of those that were found."""
    unnamed: tuple[Component, ...]
    """Components without a CPE, by which nothing can be found."""


def read_sbom(path: Path) -> tuple[Component, ...]:
    """The components that an SBOM lists.

    Raises:
        ManifestMismatch: it is no SBOM in CycloneDX.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["bomFormat"] != "CycloneDX":
            raise ValueError(f"its format is {data['bomFormat']}")
        return tuple(Component(each["name"], each["version"], each.get("cpe", "")) for each in data["components"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"{type(error).__name__}: {error}."
        raise ManifestMismatch(f"{path} is no SBOM in CycloneDX.", why, "Pass a layer's .cdx.json.") from error


def read_assessed(text: str) -> dict[str, str]:
    """Identifier → reason, of ``assessed.toml``; `BadPins` for an entry without one, or two of one identifier."""
    entries = [(each.get("id", ""), each.get("why", "")) for each in tomllib.loads(text).get("assessed", ())]
    reasons = dict(entries)
    if len(reasons) < len(entries) or not all(identifier and why for identifier, why in entries):
        raise BadPins("assessed.toml is not in order.", "An entry has no id or no why, or is there twice.", "Fix it.")
    return reasons


def audit(components: Iterable[Component], database: Database, assessed: Mapping[str, str]) -> Audit:
    """Looks for each component, which several SBOMs may list, once."""
    unique = sorted(set(components), key=lambda each: (each.name, each.version))
    found = [
        vulnerability
        for component in unique
        if component.cpe
        for record in database(component)
        if (vulnerability := concerning(component, record))
    ]
    return Audit(
        tuple(each for each in found if each.identifier not in assessed),
        {each.identifier: assessed[each.identifier] for each in found if each.identifier in assessed},
        tuple(each for each in unique if not each.cpe),
    )
