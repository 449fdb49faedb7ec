"""``manifest.schema.json`` → ``docs/manifest.md``: every field with its type and its meaning."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from builder import ROOT

SCHEMA = ROOT / "builder/artifacts/manifest.schema.json"

HEAD = """\
<!-- ./nox -s docs wrote this, from builder/artifacts/manifest.schema.json. -->

# The manifest

{description}
It lies beside the zip as `<name>.manifest.json`, is tracked in `dist/`, and is as reproducible as the zip;
[Trust](trust.md) says how a zip is compared with it. `[]` stands for each item of an array, `*` for each name in an
object. A field with `?` may be missing.
"""
TABLE = """
| field | type | |
| --- | --- | --- |
"""


def page(schema: Path = SCHEMA) -> str:
    """The whole page: the fields, and below them those of what occurs in several places."""
    root = json.loads(schema.read_text(encoding="utf-8"))
    parts = [HEAD.format(description=root["description"]), TABLE, *_rows(root, root, "")]
    for name, definition in root["$defs"].items():
        if _is_compound(definition):
            item = definition.get("items", definition)
            rows = list(_rows(root, item, ""))
            about = f"\n{text}\n" if (text := definition.get("description", "")) else ""
            parts += [f"\n## {name}\n{about}", TABLE, *rows]
    return "".join(parts)


def _is_compound(node: Mapping[str, Any]) -> bool:
    return node["type"] in {"array", "object"}


def _rows(root: Mapping[str, Any], node: Mapping[str, Any], path: str) -> Iterator[str]:
    """A row for each field below a node."""
    for name, value in node.get("properties", {}).items():
        mark = "" if name in node.get("required", ()) else "?"
        yield from _field(root, value, f"{path}.{name}" if path else name, mark)
    if isinstance(further := node.get("additionalProperties"), dict):
        yield from _field(root, further, f"{path}.*".removeprefix("."), "")
    if "items" in node and "$ref" not in node["items"]:
        yield from _rows(root, node["items"], f"{path}[]")


def _field(root: Mapping[str, Any], node: Mapping[str, Any], path: str, mark: str) -> Iterator[str]:
    about = node.get("description") or _definition(root, node).get("description", "")
    yield f"| `{path}`{mark} | {_type(root, node)} | {about} |\n"
    yield from _rows(root, node, path)


def _definition(root: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    return dict(root["$defs"][node["$ref"].removeprefix("#/$defs/")]) if "$ref" in node else {}


def _type(root: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/$defs/")
        return f"[{name}](#{name})" if _is_compound(definition := _definition(root, node)) else _type(root, definition)
    if "const" in node:
        return f"`{json.dumps(node['const'])}`"
    if "enum" in node:
        return " or ".join(f"`{value}`" for value in node["enum"])
    if "oneOf" in node:
        return " or ".join(_type(root, each) for each in node["oneOf"])
    if node["type"] == "array":
        return f"array of {_type(root, node['items'])}"
    pattern = str(node.get("pattern", "")).replace("|", "\\|")
    return f"{node['type']}, `{pattern}`" if pattern else str(node["type"])
