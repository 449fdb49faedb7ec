"""The rival's builds and their cache: of sources that take no time, and in the root folder of this machine."""

import hashlib
import io
import multiprocessing
import os
import shutil
import signal
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from builder.console import Terminal
from builder.errors import StepFailed
from builder.fetch import SOURCES_VARIABLE
from builder.pins import Archive, Source
from tests.unit.fakes import a_source, wait_until
from tools.bench import rival
from tools.bench.debian_root import DEVICES, in_root

pytestmark = [
    pytest.mark.mounts,
    pytest.mark.skipif(not (shutil.which("gcc") and shutil.which("make")), reason="gcc and make are not installed"),
]
ROOT = Path("/")
CONFIGURE = """#!/bin/sh -eu
prefix=${1#--prefix=}
shift
echo "$@" > options
cat > Makefile <<END
all:
\tsh -eu ./compile > program
install:
\tinstall -D program \\$(DESTDIR)$prefix/bin/python3.14
END
"""
COMPILE = """
echo "#!/bin/sh"
echo "echo options: $(cat options)"
echo "echo interfaces: $(sed -n 's/:.*//p' /proc/net/dev)"
"""
"""What make runs: it gives a program that prints configure's options, and the network's interfaces during the build."""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose archives need no network."""
    folder = tmp_path / "sources"
    folder.mkdir()
    monkeypatch.setenv(SOURCES_VARIABLE, str(folder))
    return folder


def packed(folder: Path, before: str = "") -> Source:
    """Sources for which make runs some shell first."""
    archive = folder / f"{hashlib.sha256(before.encode()).hexdigest()}.tar"
    with tarfile.open(archive, "w") as tar:
        for name, text in {"configure": CONFIGURE, "compile": before + COMPILE}.items():
            member = tarfile.TarInfo(f"Python/{name}")
            member.size, member.mode = len(text), 0o755
            tar.addfile(member, io.BytesIO(text.encode("ascii")))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    archives = Archive("Python.tar", digest, archive.stat().st_size)
    return replace(a_source(archives, name="cpython-3.14"), version="3.14.7")


def build(source: Source, cache: Path) -> Path:
    return rival.rival(source, ROOT, cache, Terminal())


def test_it_is_compiled_with_its_options_and_without_a_network(cache: Path, sources: Path) -> None:
    python = build(packed(sources), cache)
    printed = subprocess.check_output(python, text=True)
    assert printed.startswith("options: --enable-optimizations --with-lto ")
    assert printed.endswith("\ninterfaces: lo\n")


def test_it_is_compiled_once_and_again_if_anything_differs(
    cache: Path, sources: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    source = packed(sources)
    first = build(source, cache)
    assert "compiling" in capfd.readouterr().err
    assert build(source, cache) == first
    assert "compiling" not in capfd.readouterr().err
    others = [build(packed(sources, "true"), cache)]
    for name in ("OPTIONS", "PACKAGES"):
        monkeypatch.setattr(rival, name, getattr(rival, name)[:2])
        others.append(build(source, cache))
    assert len({first, *others}) == 4


def test_a_build_that_fails_is_told_with_its_last_lines_and_leaves_its_log_alone(cache: Path, sources: Path) -> None:
    with pytest.raises(StepFailed, match=r"`make .*` failed\.\n.*exit code 2; its last lines:\n(.*\n)*.*no such luck"):
        build(packed(sources, "echo no such luck >&2; exit 1"), cache)
    assert not (cache / rival.FOLDER).exists()
    assert list((cache / "work").iterdir()) == []
    (log,) = (cache / "logs").iterdir()
    assert "--prefix=" in log.read_text("utf-8")


def test_a_build_that_is_killed_leaves_nothing_that_looks_finished(cache: Path, sources: Path, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    source = packed(sources, f"[ -e {begun} ] || {{ echo $$ > {begun}.new; mv {begun}.new {begun}; sleep 60; }}")
    process = multiprocessing.get_context("fork").Process(target=build, args=(source, cache))
    process.start()
    wait_until(begun.exists)
    process.kill()
    process.join()
    os.killpg(os.getpgid(int(begun.read_text("ascii"))), signal.SIGKILL)
    assert not (cache / rival.FOLDER).exists()
    assert len(list((cache / "work").iterdir())) == 1
    assert build(source, cache).is_file()
    assert list((cache / "work").iterdir()) == []


def test_a_command_in_a_root_sees_folders_of_this_machine(tmp_path: Path) -> None:
    folder = tmp_path / "two words"
    folder.mkdir()
    (folder / "file").write_text("text", "utf-8")
    command = in_root(ROOT, (*DEVICES, folder), "cat", str(folder / "file"))
    assert subprocess.check_output(command, text=True) == "text"
