"""A function's folder as it is read, what an interpreter must have to compile it, and the size that Lambda takes."""

import os
from pathlib import Path

import pytest

from builder.artifacts.deterministic_zip import EXECUTABLE, FILE, LINK, Entry
from builder.errors import BadProduct, BadSource, FunctionTooLarge
from builder.functions.compiler import load_compiler
from builder.functions.package import LIMIT, check_size, package_sources
from builder.functions.source import read_source


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name, encoding="utf-8")
    return folder


def test_modes_are_reduced_and_links_stay(tmp_path: Path) -> None:
    files(tmp_path, "app.py", "run.sh", "pkg/a.py", ".git/config")
    (tmp_path / "app.py").chmod(0o600)
    (tmp_path / "run.sh").chmod(0o700)
    (tmp_path / "alias.py").symlink_to("app.py")
    (tmp_path / "other").symlink_to("pkg")
    (tmp_path / "circle").symlink_to("circle")
    assert set(read_source(tmp_path).entries) == {
        Entry("app.py", b"app.py", FILE),
        Entry("run.sh", b"run.sh", EXECUTABLE),
        Entry("pkg/a.py", b"pkg/a.py", FILE),
        Entry("alias.py", b"app.py", LINK),
        Entry("other", b"pkg", LINK),
        Entry("circle", b"circle", LINK),
    }


def test_bytecode_that_would_be_made_anew_or_never_read_is_left_out(tmp_path: Path) -> None:
    files(tmp_path, "a.py", "a.pyc", "__pycache__/a.cpython-311.pyc", "__pycache__/notes.txt", "alone.pyc")
    source = read_source(tmp_path)
    assert {entry.path for entry in source.entries} == {"a.py", "alone.pyc"}
    assert source.bytecode == ("__pycache__/a.cpython-311.pyc", "a.pyc")


def test_everything_that_no_zip_can_have_is_listed(tmp_path: Path) -> None:
    files(tmp_path, "app.py", "a\\b.py")
    (tmp_path / "out").symlink_to("../elsewhere")
    (tmp_path / "absolute").symlink_to(tmp_path / "app.py")
    os.mkfifo(tmp_path / "pipe")
    with open(os.fsencode(tmp_path) + b"/caf\xe9.py", "wb"):  # noqa: PTH123 - pathlib takes no such name
        pass
    with pytest.raises(BadSource) as caught:
        read_source(tmp_path)
    assert caught.value.why.split("\n       ") == [
        r"The name 'a\\b.py' has a backslash.",
        f"The link absolute leads out of it, to {tmp_path}/app.py.",
        r"The name b'caf\xe9.py' is not UTF-8.",
        "The link out leads out of it, to ../elsewhere.",
        "pipe is neither a file nor a folder nor a link.",
    ]


@pytest.mark.parametrize("names", [(), ("__pycache__/a.cpython-314.pyc",), (".git/config",)])
def test_a_folder_without_files_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(BadSource, match="contains no files"):
        read_source(files(tmp_path, *names))


def test_a_zip_of_the_sources_alone_is_the_same_for_the_same_files(tmp_path: Path) -> None:
    first = package_sources(files(tmp_path / "a", "app.py", "pkg/b.py"), tmp_path / "1.zip")
    second = package_sources(files(tmp_path / "b", "pkg/b.py", "app.py", "__pycache__/x.pyc"), tmp_path / "2.zip")
    assert first.sha256 == second.sha256


def test_what_weighs_most_is_named_if_lambda_would_not_unzip_it() -> None:
    entries = [Entry("numpy/a.so", bytes(3_000_000), FILE), Entry("numpy/b.so", bytes(2_000_000), FILE)]
    entries += [Entry("app.py", b"pass", FILE)]
    check_size(entries, LIMIT - 5_000_004)
    with pytest.raises(FunctionTooLarge, match=r"Most weigh numpy 5 MB, app\.py 0 MB"):
        check_size(entries, LIMIT - 5_000_003)


def test_an_interpreter_whose_functions_cannot_be_compiled_says_so() -> None:
    with pytest.raises(BadProduct, match=r"tests\.tiny\.plugin"):
        load_compiler("tests.tiny.plugin")
