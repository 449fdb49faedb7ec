"""The interpreter's tree and this repository's runtime/ → the zip and its manifest."""

import getpass
import os
import platform
import re
from collections import Counter
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path

from builder import ROOT
from builder.artifacts.audit import audit, check_size
from builder.artifacts.deterministic_zip import write_zip
from builder.artifacts.manifest import make_manifest
from builder.artifacts.packages import TREE, Packages
from builder.artifacts.tree import PACKAGE, LayerTree, gather, with_packages
from builder.errors import LayerTooLarge
from builder.executors import Sandbox
from builder.interpreters import load_interpreter
from builder.plan.steps import Pack

_TELLING_LENGTH = 8

MOST_SHOWN = 5


def compressor_version() -> str:
    """Version of the ``deflate`` distribution: it decides bytes of the zip."""
    return version("deflate")


def pack(task: Pack, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path], cache: Path) -> None:
    """Makes ``out/<name>.zip`` and ``out/<name>.manifest.json``; nothing that fails the audit is written."""
    name, interpreter = task.name, load_interpreter(task.product.interpreter)
    interpreter.lay_runtime(task, sandbox, work, inputs)
    bootstrap = make_bootstrap(task.runtime["bootstrap"], task.product.shebang)
    origin = partial(interpreter.origins, linked=task.linked)
    tree = gather(inputs["tree"], work / "runtime", bootstrap, origin)
    elf_files = audit(tree.entries, task.platform, task.rules, host_identifiers(cache))
    packages = Packages.read(inputs["packages"]) if "packages" in inputs else Packages((), {})
    if packages.sources:
        tree = with_packages(tree, inputs["packages"] / TREE, packages.owners)
        check_unzipped(tree, task.rules["content"]["bytes"]["lambda"])
    written = write_zip(tree.entries, work / "out" / f"{name}.zip")
    if not packages.sources:
        check_size(written.size, task.rules["content"]["bytes"]["zip"])
    manifest = make_manifest(
        task.facts, written, tree.origins, (*elf_files, *packages.elf_files), compressor_version(), packages.sources
    )
    (work / "out" / f"{name}.manifest.json").write_text(manifest, encoding="utf-8")


def make_bootstrap(content: bytes, shebang: str) -> bytes:
    """A runtime's ``bootstrap``, with the first line that the product wants."""
    first, _, rest = content.partition(b"\n")
    assert first.startswith(b"#!"), "the kernel runs it"
    return f"#!{shebang}\n".encode() + rest


def check_unzipped(tree: LayerTree, limit: int) -> None:
    """`LayerTooLarge` if a layer has more bytes than Lambda unzips, with the origins that weigh most."""
    sizes: Counter[str] = Counter()
    for entry in tree.entries:
        sizes[tree.origins[entry.path][0].removeprefix(PACKAGE)] += len(entry.content)
    if (total := sizes.total()) > limit:
        heaviest = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in sizes.most_common(MOST_SHOWN))
        raise LayerTooLarge(
            "With its packages, the layer is too large.",
            f"Unzipped it has {total:,} bytes; Lambda takes {limit:,} for a function and its layers.\n"
            f"       Most weigh {heaviest}.",
            "Leave packages out, or deploy the function as a container image.",
        )


def host_identifiers(cache: Path) -> tuple[str, ...]:
    """What would give away where a layer was built: folders, and user and host in the forms that tools write.

    A bare name is a trace only if it would not be written by chance: `root`, `barry` and `debian` stand in a standard
    library for other reasons, `ip-10-0-3-7` does not.
    """
    user, host = _user(), platform.node()
    bare = (name for name in (user, host) if len(name) >= _TELLING_LENGTH and re.search(r"[\d-]", name))
    return (str(cache), str(ROOT), f"/home/{user}/", f"{user}@{host}", f"@{host}.", *bare)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run us under a number without a name
        return str(os.getuid())
