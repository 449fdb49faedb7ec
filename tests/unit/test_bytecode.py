"""bytecode, run as the build runs it: in a fresh process, by the products' Pythons where there are any."""

import subprocess
from pathlib import Path

import pytest

from builder.executors import FIXED_ENVIRONMENT
from builder.interpreters.cpython import bytecode

from .repository import pythons

# What makes marshal's references and Python's sets vary: shared strings, constants, nested code, interned names.
SOURCES = {
    "plain.py": "VALUE = 'a string that is an object of its own'\n",
    "pkg/__init__.py": "from pkg.inner import add\n",
    "pkg/inner.py": (
        "def add(first, second=('x', 'y')):\n"
        "    'Adds.'\n"
        "    return first in {'one', 'two', 'three', b'four', 5, None}\n"
    ),
    "pkg/other.py": "class A:\n    x = 'x'\n    def __init__(self):\n        self.first = lambda: (self.x, __file__)\n",
    "empty.py": "",
}
UNTOUCHED = {"data.txt": "not Python", "pkg/py": "not Python either"}


@pytest.fixture(scope="session", params=pythons())
def python(request: pytest.FixtureRequest) -> str:
    """One of those that the build runs this with."""
    return str(request.param)


def make_tree(root: Path, names: list[str]) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text({**SOURCES, **UNTOUCHED}[name], encoding="utf-8")
    return root


def compile_tree(python: str, root: Path, keep: str) -> dict[str, bytes]:
    """Runs the module, and gives all files that are there afterwards."""
    command = (python, "-I", bytecode.__file__, str(root), "/opt/lib/python3.13", keep)
    done = subprocess.run(command, env=FIXED_ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(SOURCES)}\n"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def ask(python: str, root: Path, code: str) -> str:
    """What a program prints that imports from the tree."""
    command = (python, "-I", "-B", "-c", f"import sys; sys.path.insert(0, {str(root)!r})\n{code}")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("keep", ["keep", "lean"])
def test_two_runs_in_different_folders_give_the_same_bytes(tmp_path: Path, python: str, keep: str) -> None:
    names = [*SOURCES, *UNTOUCHED]
    first = compile_tree(python, make_tree(tmp_path / "a", names), keep)
    second = compile_tree(python, make_tree(tmp_path / "somewhere" / "else", names[::-1]), keep)
    assert first == second


def test_without_sources_bytecode_stands_in_their_place(tmp_path: Path, python: str) -> None:
    found = compile_tree(python, make_tree(tmp_path, [*SOURCES, *UNTOUCHED]), "lean")
    assert set(found) == {*(f"{name}c" for name in SOURCES), *UNTOUCHED}


def test_with_sources_bytecode_stands_where_import_looks_for_it(tmp_path: Path, python: str) -> None:
    found = compile_tree(python, make_tree(tmp_path, [*SOURCES]), "keep")
    code = "from importlib.util import cache_from_source\nfor name in %r: print(cache_from_source(name))"
    cached = ask(python, tmp_path, code % [*SOURCES]).splitlines()
    assert set(found) == {*SOURCES, *cached}
    assert len(cached) == len(SOURCES)


@pytest.mark.parametrize("keep", ["keep", "lean"])
def test_bytecode_is_never_compared_with_its_source(tmp_path: Path, python: str, keep: str) -> None:
    found = compile_tree(python, make_tree(tmp_path, [*SOURCES]), keep)
    magic = bytes.fromhex(ask(python, tmp_path, "from importlib.util import MAGIC_NUMBER; print(MAGIC_NUMBER.hex())"))
    pycs = [content for name, content in found.items() if name.endswith(".pyc")]
    assert len(pycs) == len(SOURCES)
    for content in pycs:
        assert content[:4] == magic
        assert content[4:8] == b"\1\0\0\0"  # PEP 552: hash-based, not to be checked


def test_bytecode_holds_the_hash_of_its_source(tmp_path: Path, python: str) -> None:
    found = compile_tree(python, make_tree(tmp_path, [*SOURCES]), "lean")
    code = f"from importlib.util import source_hash; print(source_hash({SOURCES['plain.py'].encode()!r}).hex())"
    assert found["plain.pyc"][8:16].hex() == ask(python, tmp_path, code)


def test_a_changed_source_does_not_make_bytecode_stale(tmp_path: Path, python: str) -> None:
    compile_tree(python, make_tree(tmp_path, [*SOURCES]), "keep")
    (tmp_path / "plain.py").write_text("VALUE = 'changed'", encoding="utf-8")
    assert ask(python, tmp_path, "import plain; print(plain.VALUE)").startswith("a string")


def test_a_package_keeps_what_is_no_python_of_this_version(tmp_path: Path, python: str) -> None:
    make_tree(tmp_path, [*SOURCES])
    for name, content in {"template.py": b"{{ name }} = 1 1", "null.py": b"\0", "latin.py": b"'\xe9'"}.items():
        (tmp_path / name).write_bytes(content)
    found = compile_tree(python, tmp_path, "packages")
    assert len([name for name in found if name.endswith(".pyc")]) == len(SOURCES)
    assert {"template.py", "null.py", "latin.py", *SOURCES} <= set(found)


def test_modules_are_imported_from_bytecode_alone(tmp_path: Path, python: str) -> None:
    compile_tree(python, make_tree(tmp_path, [*SOURCES]), "lean")
    assert (
        ask(python, tmp_path, "import pkg; print(pkg.add('one'), pkg.add('six'), pkg.add.__doc__)")
        == "True False Adds."
    )


def test_code_says_that_it_came_from_the_layer_and_not_from_the_build(tmp_path: Path, python: str) -> None:
    found = compile_tree(python, make_tree(tmp_path, [*SOURCES]), "lean")
    assert not [name for name, content in found.items() if str(tmp_path).encode() in content]
    # The import system writes the real place over the name that was compiled in, so that is read from the file.
    code = (
        f"import marshal; print(marshal.loads(open({str(tmp_path / 'pkg/inner.pyc')!r}, 'rb').read()[16:]).co_filename)"
    )
    assert ask(python, tmp_path, code) == "/opt/lib/python3.13/pkg/inner.py"


def test_docstrings_and_assertions_are_kept_as_in_any_python(tmp_path: Path, python: str) -> None:
    compile_tree(python, make_tree(tmp_path, [*SOURCES]), "lean")
    assert ask(python, tmp_path, "from pkg.inner import add; print(add.__doc__)") == "Adds."


def test_a_source_that_does_not_compile_fails_and_says_which(tmp_path: Path, python: str) -> None:
    (tmp_path / "bad.py").write_text("def (:\n", encoding="utf-8")
    command = (python, "-I", bytecode.__file__, str(tmp_path), "/opt/lib", "lean")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "/opt/lib/bad.py" in done.stderr
    assert (tmp_path / "bad.py").exists()
