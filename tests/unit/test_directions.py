"""Who may import whom, and what the engine must not know: the arrows of the design, read from the sources."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .fakes import ROOT

ENGINE = (
    *("plan", "steps", "artifacts", "executors", "fetch", "recipes"),
    *("package_manager.py", "run.py", "store.py", "product.py", "platform.py", "pins.py", "profile.py", "toolchain.py"),
)
"""The parts of ``builder/`` that know no interpreter."""

NAMES_OF_OURS = re.compile(
    r"STATIC_PYTHON_[A-Z]+|static-python-layer"  # the project's own
    r"|\bPYTHON(?:HASHSEED|DONTWRITEBYTECODE)\b"  # of every process in a build, so that recipes need not say it
    r"|libdeflate \(PyPI[^)]*\)"
    r"|--without-python"  # what a library is told to leave out
    r"|github\.com/brefphp/"  # where a list was read
)


def sources(*folders: str) -> Iterator[Path]:
    """The modules in some folders of the repository, or some modules."""
    for folder in folders:
        path = ROOT / folder
        assert path.exists(), folder
        yield from (path,) if path.is_file() else sorted(path.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The names that a module imports anywhere in it: of ``from a import b``, ``a.b``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def importing(forbidden: str, *folders: str) -> list[str]:
    """The modules in some folders that import a module, or something in or below it."""
    return [
        path.relative_to(ROOT).as_posix()
        for path in sources(*folders)
        if any(name == forbidden or name.startswith(f"{forbidden}.") for name in imported(path))
    ]


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("builder", "tools"),
        ("builder", "tests"),
        ("tools", "tests"),
        ("runtime", "builder"),
        ("runtime", "tools"),
        ("runtime", "tests"),
        ("noxfile.py", "builder"),
    ],
)
def test_no_module_imports_what_uses_it(folder: str, forbidden: str) -> None:
    assert importing(forbidden, folder) == []


def test_the_command_line_is_at_the_end_of_all_arrows() -> None:
    """It is run, tested and documented, and nothing else."""
    assert importing("builder.cli", "builder", "tools", "tests", "runtime", "noxfile.py") == [
        "builder/__main__.py",
        "tools/docs/commands.py",
        "tests/unit/test_command_line.py",
    ]


def test_the_engine_asks_for_interpreters_by_name_and_imports_none() -> None:
    engine = [f"builder/{part}" for part in ENGINE]
    asking = importing("builder.interpreters", *engine)
    assert "builder/plan/make.py" in asking
    for path in asking:
        of_interpreters = {name for name in imported(ROOT / path) if name.startswith("builder.interpreters")}
        assert of_interpreters == {"builder.interpreters.load_interpreter"}, path


@pytest.mark.parametrize("other", ["aws", "cli", "emulator", "update", "interpreters"])
def test_the_recipes_of_libraries_belong_to_nobody(other: str) -> None:
    assert importing(f"builder.{other}", "builder/recipes") == []


def test_only_the_product_is_asked_which_interpreter_it_has() -> None:
    names = {path.name for path in (ROOT / "builder" / "interpreters").iterdir() if path.is_dir()} - {"__pycache__"}
    assert {"cpython", "php"} <= names
    for name in names:
        outside = [
            path for path in importing(f"builder.interpreters.{name}", "builder") if "/interpreters/" not in path
        ]
        assert outside == []


def lines_of_the_engine() -> Iterator[tuple[str, str]]:
    """Place and text of each line, but for the notes of profiles, which a tool writes."""
    for part in ENGINE:
        root = ROOT / "builder" / part
        for path in (root,) if root.is_file() else sorted(root.rglob("*")):
            if path.suffix in (".py", ".toml", ".json") and not path.name.endswith(".profdata.toml"):
                for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                    yield f"{path.relative_to(ROOT).as_posix()}:{number}", line


@pytest.mark.parametrize("interpreter", ["python", "php"])
def test_the_engine_does_not_know(interpreter: str) -> None:
    lines = list(lines_of_the_engine())
    assert len({place.partition(":")[0] for place, _ in lines}) > 40
    assert [place for place, line in lines if interpreter in NAMES_OF_OURS.sub("", line).lower()] == []


@pytest.mark.parametrize(
    ("line", "knows"),
    [
        ("import builder.interpreters.cpython", True),
        ("# CPython's own", True),
        ('"PYTHONPATH"', True),
        ("STATIC_PYTHON_CACHE", False),
        ("~/.cache/static-python-layer/work", False),
        ('"PYTHONHASHSEED": "0"', False),
        ('"PYTHONHASHSEEDS"', True),
        ("libdeflate (PyPI: deflate)", False),
        ('"--without-python --without-docs"', False),
        ('"--with-python"', True),
    ],
)
def test_only_names_that_cannot_be_helped_are_excepted(line: str, knows: bool) -> None:
    assert ("python" in NAMES_OF_OURS.sub("", line).lower()) == knows
