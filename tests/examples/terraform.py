"""A Terraform file against what its providers know, without Terraform and without a registry.

HashiCorp's own parser reads the file. What a provider's resources take and give is in the bindings that HashiCorp made
of it for Python: a class for each resource and block, with a keyword for each argument and a property for each value.
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
class Kind:
    """A resource, or a block of one."""

    required: frozenset[str]
    arguments: frozenset[str]
    values: frozenset[str]
    """As `_run_together` has them."""


def problems(text: str) -> list[str]:
    """What Terraform would refuse; not what it finds in a value, or at AWS."""
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
        elif _run_together(value) not in _kinds(declared[name][0])[_camel(declared[name][0])].values:
            found.append(f"{name} has no {value}")
    return found


def _body(module: str, name: str, body: Mapping[str, Any]) -> Iterator[str]:
    kind = _kinds(module)[name]
    yield from (f"{name} takes no {argument}" for argument in sorted(body.keys() - kind.arguments))
    yield from (f"{name} lacks {argument}" for argument in sorted(kind.required - body.keys()))
    for argument, value in body.items():
        block = name + _camel(argument)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict) and block in _kinds(module):
                yield from _body(module, block, inner)


@cache
def _kinds(module: str) -> Mapping[str, Kind]:
    """The classes of ``aws_lambda_function`` or ``data_archive_file``, by name."""
    data, provider, rest = re.fullmatch(r"(data_)?(aws|archive)_(\w+)", module).groups("")  # type: ignore[union-attr]
    folder = f"{data}{provider}_{rest}" if data else rest
    with zipfile.ZipFile(_wheel(provider)) as wheel:
        tree = ast.parse(wheel.read(f"cdktf_cdktf_provider_{provider}/{folder}/__init__.py"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {node.name.removeprefix("DataAws").removeprefix("DataArchive"): _kind(node) for node in classes}


def _kind(node: ast.ClassDef) -> Kind:
    functions = [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
    makers = [inner.args for inner in functions if inner.name == "__init__"]
    keywords = [pair for made in makers for pair in zip(made.kwonlyargs, made.kw_defaults, strict=True)]
    return Kind(
        frozenset(keyword.arg for keyword, default in keywords if default is None),
        frozenset(keyword.arg for keyword, _ in keywords),
        frozenset(_run_together(inner.name) for inner in functions if inner.decorator_list),
    )


def _run_together(value: str) -> str:
    """The bindings write ``output_base64_sha256`` where Terraform has ``output_base64sha256``."""
    return value.replace("_", "")


@cache
def _wheel(provider: str) -> Path:
    source = load_pins()[f"terraform-{provider}"]
    return fetch(source, source.archives, cache_folder(), RecordingReport())


def _camel(name: str) -> str:
    """``LambdaFunction`` of ``aws_lambda_function``; of ``data_archive_file``, ``File``."""
    return "".join(part.capitalize() for part in re.sub("^(data_)?(aws|archive)_", "", name).split("_"))
