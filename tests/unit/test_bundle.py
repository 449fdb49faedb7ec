"""bundle, run as the build runs it: in a fresh process, by the products' Pythons where there are any."""

import marshal
import subprocess
from pathlib import Path

import pytest

from builder import ROOT
from builder.executors import FIXED_ENVIRONMENT
from builder.interpreters.cpython import startup_bundle as bundle

from .repository import pythons

MODULES = {
    "pkg/__init__.py": "",
    "pkg/main.py": "import sys\nfrom pkg import first\nfrom pkg.second import value\nTYPE_CHECKING = False\n"
    "if TYPE_CHECKING:\n    from pkg.types import T\ndef later():\n    from pkg import rare\n",
    "pkg/first.py": "from pkg.third import value\nfrom posix import fstat\n",
    "pkg/second.py": "from pkg import value_of_the_package, first\nfrom pkg.third import value\n",
    "pkg/third.py": "value = {'a', 'b', 'c'}\n",
    "pkg/types.py": "T = int\n",
    "pkg/rare.py": "",
}
NEEDED = ["pkg", "pkg.third", "pkg.first", "pkg.second", "pkg.main"]


def make_tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def bundled(python: str, root: Path) -> bytes:
    command = (python, "-I", bundle.__file__, str(root), "/opt/x", "pkg.main")
    subprocess.run(command, env=FIXED_ENVIRONMENT, check=True)
    return (root / "start.marshal").read_bytes()


def test_each_module_comes_after_those_that_it_imports_and_no_other_is_there(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, MODULES)
    assert bundle.order(str(tree), "pkg.main") == NEEDED


def test_modules_that_import_each_other_are_both_there_once(tmp_path: Path) -> None:
    files = {"pkg/__init__.py": "", "pkg/main.py": "from pkg import other\n", "pkg/other.py": "from pkg import main\n"}
    assert bundle.order(str(make_tree(tmp_path, files)), "pkg.main") == ["pkg", "pkg.other", "pkg.main"]


def test_the_code_says_where_it_will_be(tmp_path: Path) -> None:
    bundle.write_bundle(str(make_tree(tmp_path, MODULES)), "/opt/x", "pkg.main")
    modules = marshal.loads((tmp_path / "start.marshal").read_bytes())
    assert [name for name, _ in modules] == NEEDED
    assert modules[0][1].co_filename == "/opt/x/pkg/__init__.py"
    assert modules[1][1].co_filename == "/opt/x/pkg/third.py"


@pytest.mark.parametrize("python", pythons())
def test_two_runs_in_different_folders_give_the_same_bytes(tmp_path: Path, python: str) -> None:
    first, second = (make_tree(tmp_path / name, MODULES) for name in ("a", "somewhere/deeper"))
    assert bundled(python, first) == bundled(python, second)


def test_what_the_loop_imports_for_rare_occasions_is_not_in_its_bundle() -> None:
    modules = bundle.order(str(ROOT / "runtime" / "python"), "layer_runtime.main")
    assert {"layer_runtime.api", "layer_runtime.loop", "layer_runtime.log"} < set(modules)
    rare = {"report", "streaming", "coroutines", "asgi_bridge", "http_events", "wrapper_mode"}
    assert not set(modules) & {f"layer_runtime.{name}" for name in rare}
