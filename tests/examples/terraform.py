"""Checks a Terraform file against its providers' schemas, without Terraform and without a registry.

HashiCorp's own parser reads the file. A provider's schema is in HashiCorp's Python bindings for it: a class for each
resource and block, with a keyword for each argument and a property for each attribute.
"""

import ast
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pygohcl

from builder.context import cache_folder
from builder.fetch import fetch
from builder.pins import load_pins
from tests.unit.fakes import RecordingReport

_REFERENCE = re.compile(r"\b((?:data\.)?(?:aws|archive)_\w+\.\w+)(?:\[[^]]*\])?\.(\w+)")
_NAME = re.compile(r"\b(?:var|local)\.\w+")


@dataclass(frozen=True)
class Schema:
    """A resource, or a block of one."""

    required: frozenset[str]
    arguments: frozenset[str]
    attributes: frozenset[str]
    """Normalised by `_without_underscores`."""


def problems(text: str) -> list[str]:
    """What Terraform would reject by schema; values are not checked, and AWS is not asked."""
    file = pygohcl.loads(text)
    declared = {
        f"{prefix}{kind}.{name}": (f"{prefix.replace('.', '_')}{kind}", body)
        for section, prefix in (("resource", ""), ("data", "data."))
        for kind, bodies in file[section].items()
        for name, body in bodies.items()
    }
    names = {f"var.{name}" for name in file["variable"]} | {f"local.{name}" for name in file["locals"]}
    found = [problem for kind, body in declared.values() for problem in _body(kind, _camel(kind), body)]
    found += [f"there is no {name}" for name in _NAME.findall(text) if name not in names]
    for name, value in _REFERENCE.findall(text):
        if name not in declared:
            found.append(f"there is no {name}")
        elif _without_underscores(value) not in _schemas(declared[name][0])[_camel(declared[name][0])].attributes:
            found.append(f"{name} has no {value}")
    return found


def _body(module: str, name: str, body: Mapping[str, Any]) -> Iterator[str]:
    schema = _schemas(module)[name]
    yield from (f"{name} takes no {argument}" for argument in sorted(body.keys() - schema.arguments))
    yield from (f"{name} lacks {argument}" for argument in sorted(schema.required - body.keys()))
    for argument, value in body.items():
        block = name + _camel(argument)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict) and block in _schemas(module):
                yield from _body(module, block, inner)


@cache
def _schemas(module: str) -> Mapping[str, Schema]:
    """The schemas of a resource such as ``aws_lambda_function`` or ``data_archive_file``, by class name."""
    data, provider, rest = re.fullmatch(r"(data_)?(aws|archive)_(\w+)", module).groups("")  # type: ignore[union-attr]
    folder = f"{data}{provider}_{rest}" if data else rest
    with zipfile.ZipFile(_wheel(provider)) as wheel:
        tree = ast.parse(wheel.read(f"cdktf_cdktf_provider_{provider}/{folder}/__init__.py"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {node.name.removeprefix("DataAws").removeprefix("DataArchive"): _schema(node) for node in classes}


def _schema(node: ast.ClassDef) -> Schema:
    functions = [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
    signatures = [inner.args for inner in functions if inner.name == "__init__"]
    keywords = [pair for found in signatures for pair in zip(found.kwonlyargs, found.kw_defaults, strict=True)]
    return Schema(
        frozenset(keyword.arg for keyword, default in keywords if default is None),
        frozenset(keyword.arg for keyword, _ in keywords),
        frozenset(_without_underscores(inner.name) for inner in functions if inner.decorator_list),
    )


def _without_underscores(value: str) -> str:
    """The bindings write ``output_base64_sha256`` where Terraform has ``output_base64sha256``."""
    return value.replace("_", "")


@cache
def _wheel(provider: str) -> Path:
    source = load_pins()[f"terraform-{provider}"]
    return fetch(source, source.archives, cache_folder(), RecordingReport())


def _camel(name: str) -> str:
    """``aws_lambda_function`` → ``LambdaFunction``, ``data_archive_file`` → ``File``."""
    return "".join(part.capitalize() for part in re.sub("^(data_)?(aws|archive)_", "", name).split("_"))
