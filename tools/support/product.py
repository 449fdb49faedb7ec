"""The built product, unzipped where Lambda would not and where it would."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from builder.context import cache_folder
from builder.emulator.call import unzip
from builder.interpreters.cpython.target import target_of
from builder.pins import load_pins
from builder.platform import default_arch, make_platform, this_machine
from builder.product import load_products
from tools.support.qemu import under_qemu

ROOT = Path(__file__).parents[2]
(PRODUCT,) = load_products(load_pins()).choose(())
PLATFORM = make_platform(default_arch())
"""What is tested: the product of the environment, else the default one; on another processor, under qemu."""
TARGET = target_of(PRODUCT, PLATFORM)
NAME = PRODUCT.stem(PLATFORM.cpu.lambda_name)
"""Stem of its files in ``dist/``."""

IN_CONTAINER = Path(os.environ["LAYER_IN_CONTAINER"]) if "LAYER_IN_CONTAINER" in os.environ else None
"""In a container (`tests.in_container`), the folder of what tests need; the layer is at /opt there."""

CLEAN = {"PYTHONNOUSERSITE": "1"}
"""An environment in which nothing that the user installed for another Python 3.13 is found."""


@dataclass(frozen=True)
class Layer:
    """A layer unzipped into a folder."""

    root: Path

    @cached_property
    def python(self) -> Path:
        """The interpreter, or a script that runs it under qemu."""
        program = self.root / "bin" / f"python{TARGET.series}"
        if not (prefix := runner()):
            return program
        script = self.root.with_name(f"{self.root.name}-python")
        script.write_text(f'#!/bin/sh\nexec {shlex.join((*prefix, str(program)))} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        return script

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, **options: Any) -> str:
        """What the interpreter prints; the test fails if it does not end well."""
        return output((str(self.python), *arguments), env={**CLEAN, **(env or {})}, **options)

    def run_at_opt(self, *arguments: str, setup: str = "", **options: Any) -> str:
        """The same at /opt, in a mount namespace of its own; ``setup`` is a line of shell run in there before."""
        return output(
            self.at_opt(*runner(), f"/opt/bin/{TARGET.executable}", *arguments, setup=setup), env=CLEAN, **options
        )

    def at_opt(self, *command: str, setup: str = "") -> tuple[str, ...]:
        """The command that runs another one where this layer stands at /opt."""
        if IN_CONTAINER:
            assert not setup, "whoever may not mount must not be asked to: mark the test with `mounts`"
            return command
        rootless = () if os.geteuid() == 0 else ("--map-root-user",)
        script = f'mount --bind "$0" /opt; {setup or ":"}; exec "$@"'
        return ("unshare", "--mount", *rootless, "sh", "-euc", script, str(self.root), *command)


def runner() -> tuple[str, ...]:
    """What the product's programs are run by: nothing, where the machine is one for it."""
    return () if PLATFORM.cpu == this_machine() else under_qemu(PLATFORM.cpu.machine, cache_folder())


def output(command: tuple[str, ...], **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return str(done.stdout)


def interpreter(folder: Path) -> str:
    """The layer's interpreter, unzipped into ``folder``, or that of an earlier layer, which LAYER_PYTHON names."""
    if given := os.environ.get("LAYER_PYTHON"):
        return given
    archive = ROOT / "dist" / f"{NAME}.zip"
    if not archive.exists():
        raise SystemExit(f"{archive} is not there: run `nox -s build_layer`")
    unzip(archive, folder / "layer")
    return str(Layer(folder / "layer").python)
