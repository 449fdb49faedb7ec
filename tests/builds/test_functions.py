"""`package_function`: a function with its packages and bytecode, the same bytes everywhere, run by the loop."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from builder.console import Terminal
from builder.context import report_errors
from builder.emulator.call import unzip
from builder.functions.package import FunctionRequest, package_function
from builder.platform import CPUS
from tests.builds.build_cache import BuildCache
from tests.runtime.conftest import interpreter
from tests.unit.fake_pypi import open_index
from tools.support.fake_api import Loop
from tools.support.product import CACHE_TAG, PLATFORM, PRODUCT, ROOT

__all__ = ["interpreter"]

SOURCES = {
    "app.py": (
        "import sys\n"
        "import helpers.café\n"
        "from helpers import letters\n"
        "def handler(event, context):\n"
        "    loaded = [sys.modules[name].__spec__ for name in ('app', 'helpers.café', 'letters_alias')]\n"
        "    files = [spec.cached or spec.origin for spec in loaded]\n"
        "    return [letters.SET == {'a', 'b', 'c'}, helpers.café.__doc__, files]\n"
        "def fail(event, context):\n"
        "    return letters.divide(1, 0)\n"
    ),
    "helpers/__init__.py": "import letters_alias\n",
    "helpers/letters.py": "SET = {'a', 'b', 'c'}\ndef divide(first, second):\n    return first / second\n",
    "helpers/café.py": "# coding: latin-1\n'Ein Caf\xe9.'\n",
    "data/settings.json": "{}",
    "run.sh": "#!/bin/sh\n",
}


@dataclass(frozen=True)
class Packager:
    """The command, on a copy of the shared cache."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    def run(self, source: Path, **options: Any) -> tuple[int, str, Path]:
        """Exit code, standard error and the zip; ``options`` are fields of the request."""
        output = self.folder / "function.zip"
        given = {"architecture": PLATFORM.cpu.lambda_name, "runtime": "provided.al2023", **options}
        request = FunctionRequest(source, PRODUCT, **given)
        self.capture.readouterr()

        def work(terminal: Terminal) -> None:
            package_function(request, output, terminal, "host")

        return report_errors(work), self.capture.readouterr().err, output

    def unzipped(self, source: Path, **options: Any) -> Path:
        code, err, output = self.run(source, **options)
        assert code == 0, err
        unzip(output, self.folder / "unzipped")
        return self.folder / "unzipped"


@pytest.fixture
def packager(
    tmp_path: Path,
    shared_build_cache: BuildCache,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Packager:
    monkeypatch.setenv("STATIC_PYTHON_CACHE", str(shared_build_cache.cache))
    return Packager(tmp_path, capsys)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for name, text in SOURCES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="latin-1" if "latin-1" in text else "utf-8")
    (folder / "run.sh").chmod(0o755)
    (folder / "letters_alias.py").symlink_to("helpers/letters.py")
    return folder


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def modules() -> Iterator[str]:
    yield from (name for name in (*SOURCES, "letters_alias.py") if name.endswith(".py"))


def cached(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"{folder}/__pycache__/{name[:-3]}.{CACHE_TAG}.pyc".lstrip("/")


def loop_on(interpreter: str, folder: Path, task: Path) -> Loop:
    loop = Loop(interpreter, folder)
    shutil.copytree(task, loop.task_root, symlinks=True)
    return loop


def test_every_module_has_unchecked_bytecode_beside_its_source(packager: Packager, source: Path) -> None:
    code, err, output = packager.run(source)
    assert code == 0, err
    found = contents(output)
    assert set(found) == {*SOURCES, "letters_alias.py", *map(cached, modules())}
    for module in modules():
        assert found[cached(module)][4:8] == b"\1\0\0\0"  # PEP 552: hash-based, not to be checked
        assert f"/var/task/{module}".encode() in found[cached(module)]
    with zipfile.ZipFile(output) as archive:
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert (modes["run.sh"], modes["app.py"], modes["letters_alias.py"]) == (0o100755, 0o100644, 0o120777)


def test_the_same_bytes_on_another_machine_and_for_another_processor(
    packager: Packager, source: Path, tmp_path: Path
) -> None:
    code, err, output = packager.run(source)
    assert code == 0, err
    other = tmp_path / "elsewhere" / "copy"
    shutil.copytree(source, other, symlinks=True)
    for path in other.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    command = (sys.executable, "-m", "builder", "package-function", "--in=host", f"--source={other}")
    for cpu in CPUS:
        again = tmp_path / f"{cpu.lambda_name}.zip"
        options = (f"--product={PRODUCT.name}", f"--arch={cpu.lambda_name}", f"--output={again}")
        environment = {**os.environ, "TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "7"}
        done = subprocess.run((*command, *options), cwd=ROOT, env=environment, umask=0o077, check=False)
        assert done.returncode == 0
        assert again.read_bytes() == output.read_bytes()


@pytest.mark.parametrize("keep_sources", [True, False])
def test_a_packaged_function_gives_the_same_answers_from_bytecode(
    packager: Packager, source: Path, interpreter: str, tmp_path: Path, keep_sources: bool
) -> None:
    task = packager.unzipped(source, keep_sources=keep_sources)
    before = loop_on(interpreter, tmp_path / "before", source)("", handler="app.handler").result
    loop = loop_on(interpreter, tmp_path / "after", task)
    after = loop("", handler="app.handler").result
    assert before[:2] == after[:2] == [True, "Ein Café."]
    assert not any(Path(name).exists() for name in before[2])
    for name in after[2]:
        assert Path(name).suffix == ".pyc"
        assert Path(name).is_relative_to(loop.task_root)
        assert Path(name).is_file()
    errors = [each("", handler="app.fail").error for each in (loop, loop_on(interpreter, tmp_path / "again", source))]
    assert len({error["errorMessage"] for error in errors}) == 1
    packaged, plain = ("\n".join(error["stackTrace"]) for error in errors)
    assert 'letters.py", line 3, in divide' in packaged
    assert "return first / second" in plain
    assert ("return first / second" in packaged) == keep_sources


def test_what_is_changed_after_packaging_is_what_the_next_zip_has(packager: Packager, source: Path) -> None:
    first = contents(packager.run(source)[2])
    (source / "app.py").write_text("def handler(event, context):\n    return 2\n", encoding="utf-8")
    second = contents(packager.run(source)[2])
    assert {name for name in first if first[name] != second[name]} == {"app.py", cached("app.py")}


def test_locked_packages_stand_beside_the_function(
    packager: Packager, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interpreter: str
) -> None:
    index = open_index(tmp_path / "index", monkeypatch)
    index.add("thing", {"thing/__init__.py": b"VALUE = 42\n", "thing/template.py": b"{{ name }} = 1 1\n"})
    task = packager.unzipped(source, requirements=index.requirements())
    assert (task / "thing" / "__pycache__" / f"__init__.{CACHE_TAG}.pyc").is_file()
    assert (task / "thing" / "template.py").is_file()
    (task / "app.py").write_text(
        "import thing\nfrom importlib.metadata import version\n"
        "def handler(event, context):\n    return [thing.VALUE, thing.__spec__.cached, version('thing')]\n",
        encoding="utf-8",
    )
    (task / cached("app.py")).unlink()
    loop = loop_on(interpreter, tmp_path / "loop", task)
    expected = f"{loop.task_root}/thing/__pycache__/__init__.{CACHE_TAG}.pyc"
    assert loop("", handler="app.handler").result == [42, expected, "1.0"]
    (source / "thing").mkdir()
    (source / "thing" / "__init__.py").write_text("VALUE = 43\n", encoding="utf-8")
    code, err, _ = packager.run(source, requirements=index.requirements())
    assert (code, "thing/__init__.py" in err) == (27, True)


def compiled(source: str, python: Path | str, flag: str = "timestamp") -> bytes:
    """Bytecode of a source file, by any Python."""
    words = (str(python), "-m", "compileall", "-q", f"--invalidation-mode={flag}", "-b", source)
    subprocess.run(words, check=True)
    return Path(f"{source}c").read_bytes()


def test_bytecode_of_another_python_and_stale_bytecode_are_told_of_and_left_out(
    packager: Packager, source: Path, interpreter: str, tmp_path: Path
) -> None:
    (source / "__pycache__").mkdir()
    old = tmp_path / "old.py"
    old.write_text("raise SystemExit('stale')\n", encoding="utf-8")
    for flag, module in (("timestamp", "app"), ("unchecked-hash", "letters_alias"), ("unchecked-hash", "gone")):
        place = source / "__pycache__" / f"{module}.{CACHE_TAG}.pyc"
        place.write_bytes(compiled(str(old), interpreter, flag))
    (source / "__pycache__" / "app.cpython-39.opt-1.pyc").write_bytes(b"of 3.9")
    (source / "app.pyc").write_bytes(b"of 2.7")
    (source / "helpers" / "__pycache__").mkdir()
    fresh = compiled(str(source / "helpers" / "letters.py"), interpreter, "checked-hash")
    (source / "helpers" / "letters.pyc").rename(source / "helpers" / "__pycache__" / f"letters.{CACHE_TAG}.pyc")
    code, err, output = packager.run(source)
    assert code == 0, err
    assert [line.partition("left out of ")[2] for line in err.splitlines() if "left out" in line] == [
        "source: 1 file of bytecode of another Python",
        "source: 1 file of bytecode of another Python (cpython-39)",
        "source: 2 files of bytecode that is older than its source",
        "source: 1 file of bytecode without a source, which import would not look at",
    ]
    found = contents(output)
    assert set(found) == {*SOURCES, "letters_alias.py", *map(cached, modules())}
    assert found[cached("helpers/letters.py")][4:16] == b"\1\0\0\0" + fresh[8:16]
    unzip(output, tmp_path / "task")
    assert loop_on(interpreter, tmp_path / "loop", tmp_path / "task")("", handler="app.handler").result[0] is True


def test_bytecode_without_a_source_is_packaged_if_it_is_for_this_python(
    packager: Packager, source: Path, interpreter: str
) -> None:
    (source / "vendored.py").write_text("VALUE = 1\n", encoding="utf-8")
    content = compiled(str(source / "vendored.py"), interpreter)
    (source / "vendored.py").unlink()
    code, err, output = packager.run(source)
    assert (code, contents(output)["vendored.pyc"]) == (0, content), err
    (source / "vendored.pyc").write_bytes(b"\0" + content[1:])
    code, err, _ = packager.run(source)
    assert (code, "vendored.pyc: is not bytecode of CPython" in err) == (49, True)
    code, err, _ = packager.run(source, allow_broken=True)
    assert (code, "vendored.pyc: is not bytecode of CPython" in err) == (0, True)


def test_a_source_that_does_not_compile_is_named_with_its_line_and_packaged_only_if_asked(
    packager: Packager, source: Path
) -> None:
    (source / "bad.py").write_text("x = 1\ndef (:\n", encoding="utf-8")
    (source / "null.py").write_bytes(b"\0")
    (source / "deep.py").write_text("(" * 100_000 + ")" * 100_000, encoding="utf-8")
    code, err, output = packager.run(source)
    assert code == 49
    assert "bad.py:2: SyntaxError: invalid syntax" in err
    assert "null.py" in err
    assert "deep.py" in err
    assert not output.exists()
    for keep in (True, False):
        code, err, output = packager.run(source, allow_broken=True, keep_sources=keep)
        assert (code, "bad.py:2" in err) == (0, True)
        found = contents(output)
        assert {"bad.py", "null.py", "deep.py"} <= set(found)
        assert not [name for name in found if name.endswith(".pyc") and "bad" in name]


def test_compiled_code_for_another_processor_is_refused(packager: Packager, source: Path, interpreter: str) -> None:
    shutil.copy(Path(interpreter).resolve(), source / "thing.so")
    code, err, _ = packager.run(source, architecture="x86_64" if _is_arm64(interpreter) else "arm64")
    assert code == 26
    assert "the function: thing.so: is for EM_" in err


def _is_arm64(program: str) -> bool:
    return (
        Path(program).read_bytes()[18] == 183
    )  # e_machine: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html


def test_a_lock_file_that_locks_nothing_is_refused(packager: Packager, source: Path, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("pydantic\n", encoding="utf-8")
    assert packager.run(source, requirements=tmp_path / "requirements.txt")[0] == 24


def test_a_link_to_a_source_needs_the_source(packager: Packager, source: Path) -> None:
    (source / "latest").symlink_to("app.py")
    assert packager.run(source)[0] == 0
    code, err, _ = packager.run(source, keep_sources=False)
    assert (code, "latest: leads to a source that is left out" in err) == (49, True)


def test_a_zip_is_not_written_into_its_own_source(packager: Packager, source: Path) -> None:
    code, err, output = packager.run(source.parent)
    assert (code, f"The zip is to be in it: {output}" in err) == (49, True)
