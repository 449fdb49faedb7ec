"""builder.interpreters.cpython.trim: what is left out of the standard library, and why."""

from pathlib import Path, PurePosixPath

import pytest

from builder.errors import BadProduct
from builder.interpreters.cpython.trim import Omission, read_omissions, trim

from .repository import FILES, PRODUCT

FILE = PRODUCT.file("omissions.toml")
OMISSIONS = read_omissions(FILES.text(FILE), FILE)


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_every_omission_of_a_product_has_a_reason() -> None:
    assert OMISSIONS
    assert all(len(omission.why) > 4 for omission in OMISSIONS)


def test_no_pattern_of_a_product_leads_out_of_the_library() -> None:
    for omission in OMISSIONS:
        for pattern in omission.paths:
            assert not PurePosixPath(pattern).is_absolute()
            assert ".." not in PurePosixPath(pattern).parts


def test_no_pattern_of_a_product_comes_twice() -> None:
    patterns = [pattern for omission in OMISSIONS for pattern in omission.paths]
    assert len(set(patterns)) == len(patterns)


def test_a_product_leaves_out_tests_and_what_needs_a_screen(tmp_path: Path) -> None:
    library = tree(
        tmp_path, "os.py", "test/test_os.py", "tkinter/__init__.py", "idlelib/idle.py", "ensurepip/__init__.py"
    )
    trim(library, OMISSIONS)
    assert files(library) == ["os.py"]


def test_a_product_keeps_what_functions_import(tmp_path: Path) -> None:
    kept = [
        "asyncio/__init__.py",
        "ctypes/util.py",
        "json/decoder.py",
        "os.py",
        "pydoc.py",
        "unittest/mock.py",
        "venv/__init__.py",
    ]
    library = tree(tmp_path, *kept)
    trim(library, OMISSIONS)
    assert files(library) == kept


def test_old_bytecode_goes_wherever_it_is(tmp_path: Path) -> None:
    library = tree(tmp_path, "os.py", "__pycache__/os.pyc", "json/__pycache__/a.cpython-313.pyc", "json/b.pyc")
    trim(library, OMISSIONS)
    assert files(library) == ["os.py"]


def test_folders_files_and_patterns_are_removed(tmp_path: Path) -> None:
    library = tree(tmp_path, "a/deep/file", "b.py", "c-1.dist-info/RECORD", "c-1.dist-info/METADATA", "keep.py")
    trim(library, (Omission(("a", "b.py"), "why"), Omission(("c-*.dist-info/RECORD",), "why")))
    assert files(library) == ["c-1.dist-info/METADATA", "keep.py"]
    assert not (library / "a").exists()


def test_patterns_that_overlap_do_not_trip_over_each_other(tmp_path: Path) -> None:
    library = tree(tmp_path, "x/x/file", "x/x/x/file", "keep")
    trim(library, (Omission(("**/x", "x/x", "missing"), "why"),))
    assert files(library) == ["keep"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "omit = []",
        '[[omit]]\npaths = ["test"]',
        '[[omit]]\nwhy = "a reason"',
        '[[omit]]\npaths = []\nwhy = "a reason"',
    ],
)
def test_omissions_without_paths_or_reason_are_refused(text: str) -> None:
    with pytest.raises(BadProduct, match=r"products/thing-1\.0/omissions\.toml is not complete"):
        read_omissions(text, "products/thing-1.0/omissions.toml")
