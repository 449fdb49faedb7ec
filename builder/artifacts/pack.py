"""The prefix and this repository's runtime/ → the zip and its manifest."""

import getpass
import os
import platform
import re
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from builder import ROOT
from builder.artifacts.audit import audit, check_size, read_policy
from builder.artifacts.deterministic_zip import write_zip
from builder.artifacts.manifest import make_manifest
from builder.artifacts.tree import PACKAGE, LayerTree, gather, lay_runtime, with_packages
from builder.errors import LayerTooLarge
from builder.executors import Sandbox
from builder.interpreters.cpython import bundle, bytecode
from builder.interpreters.cpython.assemble import PREFIX, run_build_python
from builder.interpreters.cpython.packages.install import TREE, Packages
from builder.plan import Pack

_TELLING_LENGTH = 8

MOST_SHOWN = 5


def compressor_version() -> str:
    """Version of the ``deflate`` distribution: it decides bytes of the zip."""
    return version("deflate")


def pack(task: Pack, sandbox: Sandbox, work: Path, inputs: Mapping[str, Path], cache: Path) -> None:
    """Makes ``out/<name>.zip`` and ``out/<name>.manifest.json``; nothing that fails the audit is written."""
    target, name = task.target, task.name
    lay_runtime(work / "runtime")
    place = f"{PREFIX}/runtime"
    bundling, compiling = (bundle.__file__, place, "layer_runtime.main"), (bytecode.__file__, place, "keep")
    environment = bytecode.WITHOUT_COLUMNS  # the loop's frames are in no traceback
    run_build_python(sandbox, inputs["build_python"], target.series, "runtime", environment, bundling, compiling)
    tree = gather(inputs["prefix"], work / "runtime", task.linked)
    elf_files = audit(tree.entries, target, host_identifiers(cache))
    packages = Packages.read(inputs["packages"]) if "packages" in inputs else Packages((), {})
    if packages.sources:
        tree = with_packages(tree, inputs["packages"] / TREE, packages.owners)
        check_unzipped(tree)
    written = write_zip(tree.entries, work / "out" / f"{name}.zip")
    if not packages.sources:
        check_size(written.size)
    manifest = make_manifest(
        name=name,
        target=target,
        pins=task.pins,
        patches=task.patches,
        written=written,
        origins=tree.origins,
        elf_files=(*elf_files, *packages.elf_files),
        compressor=compressor_version(),
        packages=packages.sources,
    )
    (work / "out" / f"{name}.manifest.json").write_text(manifest, encoding="utf-8")


def check_unzipped(tree: LayerTree) -> None:
    """`LayerTooLarge` if Lambda would not unzip a layer, with the origins that weigh most."""
    sizes: Counter[str] = Counter()
    for entry in tree.entries:
        sizes[tree.origins[entry.path][0].removeprefix(PACKAGE)] += len(entry.content)
    limit = read_policy("content.toml")["bytes"]["lambda"]
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

    A bare name is a trace only if nobody would write it by chance: `root`, `barry` and `debian` stand in the standard
    library for other reasons, `ip-10-0-3-7` does not.
    """
    user, host = _user(), platform.node()
    bare = (name for name in (user, host) if len(name) >= _TELLING_LENGTH and re.search(r"[\d-]", name))
    return (str(cache), str(ROOT), f"/home/{user}/", f"{user}@{host}", f"@{host}.", *bare)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run us under a number that nobody has
        return str(os.getuid())
