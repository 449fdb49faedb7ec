"""What a manifest says of a layer before anything is built: product, sources, recipes, flags, with their reasons."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from builder.pins import Archive, Source
from builder.plan.keys import Materials
from builder.plan.steps import Compile, Stdlib
from builder.platform import Platform
from builder.product import Product
from builder.toolchain import (
    COMPILER_FLAGS,
    FOR_MACHINE,
    INTERPRETER_FLAGS,
    INTERPRETER_LINKER_FLAGS,
    LINKER_FLAGS,
    PROCESSOR_FLAGS,
    PROFILE_FLAGS,
    WRAPPER_FLAGS,
)

SCHEMA = 2
_QUOTED = 8_000
"""Characters of the longest file of a recipe that a manifest quotes; of a longer one it has the digest alone."""


def make_facts(
    *,
    name: str,
    product: Product,
    platform: Platform,
    stdlib: Stdlib,
    compiled: Mapping[str, Compile],
    compiler: Source,
    data: Iterable[Source],
    interpreter: Mapping[str, Any],
    files: Materials,
) -> dict[str, Any]:
    """The first part of a manifest; ``compiled`` is by role, ``interpreter`` what the plug-in says of its product."""
    patches = {task.source.key: {path: files.sha256[path] for path in task.patches} for task in compiled.values()}
    sources = {task.source.key: task.source for task in compiled.values()} | {source.key: source for source in data}
    profiles = sorted({task.profile.path for task in compiled.values() if task.profile})
    return {
        "schema": SCHEMA,
        "name": name,
        "product": {
            "name": product.name,
            "interpreter": product.interpreter,
            "version": product.version,
            "series": product.series,
            "variant": product.variant,
            "stdlib": stdlib,
        },
        "platform": {
            "architecture": platform.cpu.lambda_name,
            "glibc": platform.glibc,
            "cpu": platform.cpu.baseline,
            "compatible_architectures": [platform.cpu.lambda_name],
            "compatible_runtimes": platform.runtimes,
        },
        "compiler": describe(compiler),
        "flags": {
            "wrapper": [asdict(flag) for flag in (*PROCESSOR_FLAGS[platform.cpu.machine], *WRAPPER_FLAGS)],
            "compiler": [asdict(flag) for flag in (*COMPILER_FLAGS, *PROFILE_FLAGS, *INTERPRETER_FLAGS)],
            "linker": [asdict(flag) for flag in (*LINKER_FLAGS, *INTERPRETER_LINKER_FLAGS)],
        },
        "inputs": [
            {"file": path, "sha256": files.sha256[path]} for path in (*profiles, *filter(None, (product.symbol_order,)))
        ],
        "sources": [describe(source, patches.get(source.key, {})) for source in sources.values()],
        "recipes": {role: _describe_recipe(task) for role, task in compiled.items()},
        "interpreter": interpreter,
    }


def describe(source: Source, patches: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A source as the manifest has it; ``patches`` maps paths to sha256."""
    return {
        "name": source.name,
        "version": source.version,
        "licence": source.licence,
        "homepage": source.homepage,
        **({"cpe": f"cpe:2.3:a:{source.cpe}:{source.version}:*:*:*:*:*:*:*"} if source.cpe else {}),
        "archives": [_archive(archive) for archive in source.archives],
        "patches": [{"file": file, "sha256": sha256} for file, sha256 in (patches or {}).items()],
    }


def _archive(archive: Archive) -> dict[str, Any]:
    """All that is known of an archive; ways to it that do not exist are left out."""
    return {name: value for name, value in asdict(archive).items() if value}


def _describe_recipe(task: Compile) -> dict[str, Any]:
    """A recipe as it is carried out, and its choices with their reasons.

    The script that compiles for the build's own machine is not among its scripts: a manifest is the same from each.
    """
    recipe = task.recipe
    return {
        "kind": recipe.kind,
        "source": task.source.name,
        "needs": recipe.needs,
        "options": [asdict(option) for option in recipe.options],
        "environment": dict(recipe.environment),
        "files": {path: _quote(text) for path, text in recipe.files.items()},
        "scripts": {name: text for name, text in task.wrappers.items() if name != FOR_MACHINE},
        "commands": recipe.commands,
    }


def _quote(text: str) -> dict[str, str]:
    digest = {"sha256": hashlib.sha256(text.encode()).hexdigest()}
    return {**digest, "text": text} if len(text) <= _QUOTED else digest
