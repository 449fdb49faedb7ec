"""The loop on its way into a layer: what of ``runtime/`` ships, and what the build's own Python does with it."""

import os
from collections.abc import Mapping
from pathlib import Path

from builder.artifacts.pack import make_bootstrap
from builder.interpreters.cpython import lay_runtime
from builder.recipes import Command

from .fakes import ROOT
from .repository import pack_of

RUNTIME = ROOT / "runtime" / "python"


class RecordingSandbox:
    """A `builder.executors.Sandbox` on a work folder that remembers what it should run."""

    def __init__(self) -> None:
        self.put_in: dict[str, Path] = {}
        self.calls: list[tuple[Command, Mapping[str, str], str]] = []

    def put(self, source: Path, place: str) -> None:
        self.put_in[place] = source

    def write(self, place: str, text: str, *, executable: bool = False) -> None:
        raise AssertionError(place)

    def send(self, place: str) -> None:
        pass

    def run(self, command: Command, environment: Mapping[str, str], *, cwd: str = "src") -> None:
        self.calls.append((command, environment, cwd))

    def bring(self, place: str) -> None:
        pass


def laid(work: Path) -> RecordingSandbox:
    sandbox = RecordingSandbox()
    lay_runtime(pack_of(), sandbox, work, {"build_python": Path("/store/build_python")})
    return sandbox


def test_the_loops_modules_are_laid_where_bytecode_can_be_written(tmp_path: Path) -> None:
    laid(tmp_path)
    root = tmp_path / "runtime"
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert "layer_runtime/main.py" in files
    assert files == {path.relative_to(RUNTIME).as_posix() for path in RUNTIME.rglob("*") if path.suffix == ".py"}
    assert os.access(root / "layer_runtime", os.W_OK)


def test_the_products_own_build_python_bundles_the_modules_and_then_compiles_them(tmp_path: Path) -> None:
    sandbox = laid(tmp_path)
    assert sandbox.put_in["deps/build_python"] == Path("/store/build_python")
    bundling, compiling = (command for command, _, _ in sandbox.calls)
    assert bundling[0] == compiling[0] == "deps/build_python/bin/python3.13"
    assert bundling[2:] == ("tmp/startup_bundle.py", "runtime", "/opt/runtime", "layer_runtime.main")
    assert compiling[2:] == ("tmp/bytecode.py", "runtime", "/opt/runtime", "keep")
    assert {script.name for script in sandbox.put_in.values()} == {"build_python", "startup_bundle.py", "bytecode.py"}


def test_the_first_line_of_bootstrap_is_the_products_and_the_rest_the_runtimes() -> None:
    made = make_bootstrap((RUNTIME / "bootstrap").read_bytes(), "/opt/bin/thing1.0 -x")
    first, _, rest = made.partition(b"\n")
    assert first == b"#!/opt/bin/thing1.0 -x"
    assert rest == (RUNTIME / "bootstrap").read_bytes().partition(b"\n")[2]
