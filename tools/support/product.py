"""The built product, unzipped into a folder or mounted at /opt."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import builder
from builder.context import cache_folder
from builder.emulator.call import unzip
from builder.interpreters.cpython.packages.install import site_packages
from builder.interpreters.cpython.target import target_of
from builder.pins import load_pins
from builder.platform import default_arch, make_platform, this_machine
from builder.product import load_products
from tools.support.qemu import under_qemu

ROOT = builder.ROOT
PRODUCT = load_products(load_pins()).choose_one(())
PLATFORM = make_platform(default_arch())
"""What is tested: the environment's product or the default one; under qemu if it is for another architecture."""
TARGET = target_of(PRODUCT, PLATFORM)
NAME = PRODUCT.stem(PLATFORM.cpu.lambda_name)
"""Stem of its files in ``dist/``."""
CACHE_TAG = f"cpython-{TARGET.series.replace('.', '')}"
"""``cpython-313``: what its bytecode files have in their names."""
SOABI = f"{CACHE_TAG}{TARGET.abi_flags}-{PLATFORM.triplet}"
"""``cpython-313-x86_64-linux-gnu``: what its extension modules have in theirs."""
SITE_PACKAGES = site_packages(TARGET.executable)
"""Where packages are in its layer: ``python/lib/python3.13/site-packages``."""

CONTAINER_FILES_VARIABLE = "TEST_CONTAINER_FILES"
CONTAINER_FILES = Path(os.environ[CONTAINER_FILES_VARIABLE]) if CONTAINER_FILES_VARIABLE in os.environ else None
"""The folder of the tests' files in a container, set by `tests.in_container`; the layer is at /opt there. Else None."""

CLEAN = {"PYTHONNOUSERSITE": "1"}
"""Environment variables that hide packages which the user installed for another Python of the same series."""


@dataclass(frozen=True)
class Layer:
    """A layer unzipped into a folder."""

    root: Path

    @cached_property
    def python(self) -> Path:
        """The interpreter, or a script that runs it under qemu."""
        program = self.root / "bin" / TARGET.executable
        if not (prefix := runner()):
            return program
        script = self.root.with_name(f"{self.root.name}-python")
        script.write_text(f'#!/bin/sh\nexec {shlex.join((*prefix, str(program)))} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        return script

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, **options: Any) -> str:
        """Returns the interpreter's output; fails the test on a non-zero exit code."""
        return output((str(self.python), *arguments), env={**CLEAN, **(env or {})}, **options)

    def run_at_opt(self, *arguments: str, setup: str = "", **options: Any) -> str:
        """The same at /opt, in a mount namespace; ``setup`` is a line of shell to run there first."""
        command = (*runner(), f"/opt/bin/{TARGET.executable}", *arguments)
        return output(self.at_opt(*command, setup=setup), env=CLEAN, **options)

    def at_opt(self, *command: str, setup: str = "") -> tuple[str, ...]:
        """The command that runs another one with this layer at /opt."""
        if CONTAINER_FILES:
            assert not setup, "mounts are not possible here: mark the test with `mounts`"
            return command
        rootless = () if os.geteuid() == 0 else ("--map-root-user",)
        script = f'mount --bind "$0" /opt; {setup or ":"}; exec "$@"'
        return ("unshare", "--mount", *rootless, "sh", "-euc", script, str(self.root), *command)


def runner() -> tuple[str, ...]:
    """The command prefix to run the product's programs; empty if they are for this machine."""
    return () if PLATFORM.cpu == this_machine() else under_qemu(PLATFORM.cpu.machine, cache_folder())


def output(command: tuple[str, ...], **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return str(done.stdout)


def build_layer(
    output: Path, *options: str, cwd: Path = ROOT, check: bool = False, **given: Any
) -> "subprocess.CompletedProcess[str]":
    """Runs the command that builds a layer, on the host; ``given`` is what `subprocess.run` takes."""
    command = (sys.executable, "-m", "builder", "build-layer", "--in=host", *options, f"--output={output}")
    return subprocess.run(command, cwd=cwd, check=check, text=True, **given)


def interpreter(folder: Path) -> str:
    """The layer's interpreter, unzipped into ``folder``, or an earlier layer's, given by LAYER_PYTHON."""
    if path := os.environ.get("LAYER_PYTHON"):
        return path
    archive = ROOT / "dist" / f"{NAME}.zip"
    if not archive.exists():
        raise SystemExit(f"{archive} does not exist: run `nox -s build_layer`")
    unzip(archive, folder / "layer")
    return str(Layer(folder / "layer").python)
