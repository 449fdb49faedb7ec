"""relocate: sysconfig's data tells what is true of the installed interpreter, and nothing of the build."""

import ast
import runpy
from pathlib import Path
from typing import Any

import pytest

from builder.errors import StepFailed
from builder.interpreters.cpython.relocate import clean, relocate

WORK = "/home/mallory/.cache/static-python-layer/work/0123.abc"
NAME = "_sysconfigdata__linux_x86_64-linux-gnu.py"
# What CPython's own configure and make leave, in short.
VARIABLES: dict[str, Any] = {
    "abs_builddir": f"{WORK}/src",
    "abs_srcdir": f"{WORK}/src",
    "BLDSHARED": "cc -pthread -shared -Wl,-z,relro -s",
    "CC": "cc -pthread",
    "CFLAGS": "-DNDEBUG -O3 -Xclang -O3 -g0",
    "CONFIG_ARGS": "'--host=x86_64-linux-gnu' '--with-openssl=../deps/openssl' 'X_LIBS=-L../deps/zlib/lib -lz' 'CC=cc'",
    "EXT_SUFFIX": ".cpython-313-x86_64-linux-gnu.so",
    "FREEZE_MODULE": "../deps/build_python/bin/python3.13 ./Programs/_freeze_module.py",
    "HAVE_FORK": 1,
    "LDSHARED": "cc -pthread -shared -Wl,-z,relro -s",
    "LINKCC": "cc-link",
    "LINKFORSHARED": "-Wl,--export-dynamic -Wl,--lto-O3 -Wl,-mllvm,-import-hot-multiplier=4",
    "MODLIBS": "-lm -L../deps/zlib/lib -lz    Modules/expat/libexpat.a",
    "prefix": "/opt",
    "py_version": None,
}
HEAD = "# system configuration generated and used by the sysconfig module\n"


def library(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_text(f"{HEAD}build_time_vars = {VARIABLES!r}\n", encoding="utf-8")
    return folder


def test_variables_that_name_the_folder_of_the_build_are_gone() -> None:
    cleaned = clean(VARIABLES)
    assert "abs_builddir" not in cleaned
    assert "abs_srcdir" not in cleaned
    assert "mallory" not in repr(cleaned)


def test_no_word_leads_to_the_builds_other_sandboxes() -> None:
    assert "../" not in repr(clean(VARIABLES))


def test_the_other_words_of_a_variable_stay() -> None:
    cleaned = clean(VARIABLES)
    assert cleaned["MODLIBS"] == "-lm -lz    Modules/expat/libexpat.a"
    assert cleaned["CONFIG_ARGS"] == "'--host=x86_64-linux-gnu' 'CC=cc'"
    assert cleaned["FREEZE_MODULE"].strip() == "./Programs/_freeze_module.py"


def test_words_that_only_our_compiler_understands_are_gone() -> None:
    assert clean(VARIABLES)["CFLAGS"] == "-DNDEBUG -O3 -g0"


def test_a_script_of_the_build_has_the_name_that_the_program_has_elsewhere() -> None:
    assert clean(VARIABLES)["LINKCC"] == "cc"


def test_no_variable_is_invented() -> None:
    few = {name: VARIABLES[name] for name in ("abs_builddir", "prefix", "HAVE_FORK")}
    assert clean(few) == {"prefix": "/opt", "HAVE_FORK": 1}


def test_values_that_are_no_text_stay_as_they_are() -> None:
    cleaned = clean(VARIABLES)
    assert (cleaned["HAVE_FORK"], cleaned["py_version"], cleaned["prefix"]) == (1, None, "/opt")


def test_cleaning_takes_nothing_from_what_it_is_given() -> None:
    before = dict(VARIABLES)
    clean(VARIABLES)
    assert before == VARIABLES


def test_the_file_is_rewritten_as_a_module_that_holds_the_cleaned_variables(tmp_path: Path) -> None:
    relocate(library(tmp_path, NAME))
    assert runpy.run_path(str(tmp_path / NAME))["build_time_vars"] == clean(VARIABLES)
    assert (tmp_path / NAME).read_text(encoding="utf-8").startswith(f"{HEAD}build_time_vars = {{")


def test_the_file_does_not_depend_on_the_folder_of_the_build(tmp_path: Path) -> None:
    for number, work in enumerate(("/a/1", "/b/deeper/2")):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = library(folder, NAME) / NAME
        path.write_text(path.read_text(encoding="utf-8").replace(WORK, work), encoding="utf-8")
        relocate(folder)
    assert (tmp_path / "0" / NAME).read_bytes() == (tmp_path / "1" / NAME).read_bytes()


def test_the_variables_are_sorted(tmp_path: Path) -> None:
    relocate(library(tmp_path, NAME))
    data = (tmp_path / NAME).read_text(encoding="utf-8").partition("build_time_vars = ")[2]
    assert list(ast.literal_eval(data)) == sorted(clean(VARIABLES))


@pytest.mark.parametrize("names", [(), (NAME, "_sysconfigdata__other.py")], ids=["none", "two"])
def test_anything_but_one_file_is_an_error_that_says_what_was_found(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(StepFailed) as caught:
        relocate(library(tmp_path, *names))
    assert f"has {len(names)} files" in caught.value.what
    assert all(name in caught.value.why for name in names)
