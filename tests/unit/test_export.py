"""builder.artifacts.export: what stands in dist/ is whole, and its checksums are those of what stands there."""

import hashlib
import multiprocessing
import os
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from builder.artifacts.export import export
from builder.errors import NoSpace, NotWritable

from .fakes import PrivateMount

SPAWN = multiprocessing.get_context("spawn")


def a_result(folder: Path, **contents: str) -> Path:
    """A layer step's result: ``a_zip="..."`` is the file ``a.zip``."""
    folder.mkdir()
    (folder / "step.json").write_text("{}", encoding="utf-8")
    for name, content in contents.items():
        (folder / name.replace("_", ".")).write_text(content, encoding="utf-8")
    return folder


def exported(result: Path, folder: Path) -> tuple[Path, ...]:
    return export(result, folder, FileLock(result.parent / "lock"))


def files_in(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def line(name: str, content: str) -> str:
    return f"{hashlib.sha256(content.encode()).hexdigest()}  {name}\n"


def test_a_results_files_and_their_checksums_stand_in_the_folder(tmp_path: Path) -> None:
    result, dist = a_result(tmp_path / "result", b_zip="zip", a_json="json"), tmp_path / "new" / "dist"
    assert exported(result, dist) == (dist / "a.json", dist / "b.zip")
    assert files_in(dist) == {
        "a.json": "json",
        "b.zip": "zip",
        "SHA256SUMS": line("a.json", "json") + line("b.zip", "zip"),
    }


def test_papers_stand_beside_the_files_with_their_checksums(tmp_path: Path) -> None:
    result, dist = a_result(tmp_path / "result", b_zip="zip"), tmp_path / "dist"
    for paper in ("old", "new"):
        found = export(result, dist, FileLock(tmp_path / "lock"), {"a.json": paper})
        assert found == (dist / "a.json", dist / "b.zip")
        sums = line("a.json", paper) + line("b.zip", "zip")
        assert files_in(dist) == {"a.json": paper, "b.zip": "zip", "SHA256SUMS": sums}


def test_the_checksums_are_what_sha256sum_checks(tmp_path: Path) -> None:
    exported(a_result(tmp_path / "result", b_zip="zip", a_json="json"), tmp_path / "dist")
    command = ("sha256sum", "--check", "--strict", "SHA256SUMS")
    done = subprocess.run(command, cwd=tmp_path / "dist", capture_output=True, text=True, check=True)
    assert done.stdout == "a.json: OK\nb.zip: OK\n"


def test_a_new_result_replaces_the_old_one(tmp_path: Path) -> None:
    exported(a_result(tmp_path / "old", a_zip="old"), tmp_path / "dist")
    exported(a_result(tmp_path / "new", a_zip="new"), tmp_path / "dist")
    assert files_in(tmp_path / "dist") == {"a.zip": "new", "SHA256SUMS": line("a.zip", "new")}


def test_files_and_lines_of_others_are_kept(tmp_path: Path) -> None:
    exported(a_result(tmp_path / "old", b_zip="b", z_zip="z"), tmp_path / "dist")
    (tmp_path / "dist" / "notes").write_text("mine", encoding="utf-8")
    exported(a_result(tmp_path / "new", c_zip="c"), tmp_path / "dist")
    found = files_in(tmp_path / "dist")
    assert found.pop("SHA256SUMS") == line("b.zip", "b") + line("c.zip", "c") + line("z.zip", "z")
    assert found == {"b.zip": "b", "c.zip": "c", "z.zip": "z", "notes": "mine"}


def test_another_layers_checksums_may_stand_apart_from_those_that_are_tracked(tmp_path: Path) -> None:
    exported(a_result(tmp_path / "released", a_zip="a"), tmp_path / "dist")
    own = a_result(tmp_path / "own", b_zip="b")
    export(own, tmp_path / "dist", FileLock(tmp_path / "lock"), sums="b.sha256")
    found = files_in(tmp_path / "dist")
    assert (found["SHA256SUMS"], found["b.sha256"]) == (line("a.zip", "a"), line("b.zip", "b"))


def identities(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_what_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    exported(a_result(tmp_path / "old", a_zip="same", b_zip="old"), tmp_path / "dist")
    before = identities(tmp_path / "dist")
    exported(tmp_path / "old", tmp_path / "dist")
    assert identities(tmp_path / "dist") == before
    exported(a_result(tmp_path / "new", a_zip="same", b_zip="new"), tmp_path / "dist")
    after = identities(tmp_path / "dist")
    assert {name for name in before if before[name] != after[name]} == {"b.zip", "SHA256SUMS"}


def test_a_file_of_the_same_size_with_other_bytes_is_replaced(tmp_path: Path) -> None:
    result = a_result(tmp_path / "result", a_zip="good")
    exported(result, tmp_path / "dist")
    (tmp_path / "dist" / "a.zip").write_text("evil", encoding="utf-8")
    times = (result / "a.zip").stat().st_mtime
    os.utime(tmp_path / "dist" / "a.zip", (times, times))
    exported(result, tmp_path / "dist")
    assert (tmp_path / "dist" / "a.zip").read_text(encoding="utf-8") == "good"


def test_the_old_file_is_never_written_into(tmp_path: Path) -> None:
    exported(a_result(tmp_path / "old", a_zip="old"), tmp_path / "dist")
    with (tmp_path / "dist" / "a.zip").open(encoding="utf-8") as reader:
        exported(a_result(tmp_path / "new", a_zip="new"), tmp_path / "dist")
        assert reader.read() == "old"  # who was reading it reads it to the end


def test_what_a_killed_export_left_is_gone_after_the_next(tmp_path: Path) -> None:
    result, dist = a_result(tmp_path / "result", a_zip="zip"), tmp_path / "dist"
    exported(result, dist)
    for name in ("a.zip.part", "SHA256SUMS.part", "another.part"):
        (dist / name).write_text("ha", encoding="utf-8")
    exported(result, dist)
    assert set(files_in(dist)) == {"a.zip", "SHA256SUMS", "another.part"}


def export_one(tmp_path: Path, number: int) -> None:
    export(tmp_path / f"result{number}", tmp_path / "dist", FileLock(tmp_path / "lock"))


def test_exports_at_once_do_not_lose_each_others_lines(tmp_path: Path) -> None:
    names = [f"f{number}.zip" for number in range(4)]
    for number, name in enumerate(names):
        a_result(tmp_path / f"result{number}", **{name.replace(".", "_"): name})
    processes = [SPAWN.Process(target=export_one, args=(tmp_path, number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert files_in(tmp_path / "dist")["SHA256SUMS"] == "".join(line(name, name) for name in names)


def test_an_export_waits_for_another_one(tmp_path: Path) -> None:
    result = a_result(tmp_path / "result", a_zip="zip")
    with FileLock(tmp_path / "lock"), pytest.raises(Timeout):
        export(result, tmp_path / "dist", FileLock(tmp_path / "lock", timeout=0))
    assert not (tmp_path / "dist").exists()


def test_a_folder_that_nobody_may_write_to_is_not_writable(tmp_path: Path) -> None:
    with pytest.raises(NotWritable, match=r"/sys/static-python-layer"):
        exported(a_result(tmp_path / "result", a_zip="zip"), Path("/sys/static-python-layer"))


def test_results_that_are_there_already_may_stand_on_a_read_only_disk(
    tmp_path: Path, private_mount: PrivateMount
) -> None:
    result = a_result(tmp_path / "result", a_zip="zip")
    exported(result, tmp_path / "other")
    copy = f'cp {tmp_path}/other/* "$0" && mount -o remount,ro "$0"'
    (tmp_path / "dist").mkdir()
    assert private_mount.run(tmp_path / "dist", "128k", DELIVER, then=copy) == ""


DELIVER = """
import sys
from pathlib import Path
from filelock import FileLock
from builder.artifacts.export import export
from builder.errors import BuildError
dist = Path(sys.argv[1])
try:
    export(dist.parent / "result", dist, FileLock(dist.parent / "lock"))
except BuildError as error:
    print(type(error).__name__, sorted(path.name for path in dist.iterdir()))
"""


@pytest.mark.parametrize(
    ("then", "expected"),
    [('mount -o remount,ro "$0"', NotWritable), ("true", NoSpace)],
    ids=["read-only", "full"],
)
def test_a_disk_that_refuses_leaves_nothing_half_made(
    tmp_path: Path, private_mount: PrivateMount, then: str, expected: type[Exception]
) -> None:
    a_result(tmp_path / "result", a_zip="x" * 1_000_000)
    (tmp_path / "dist").mkdir()
    assert private_mount.run(tmp_path / "dist", "128k", DELIVER, then=then) == f"{expected.__name__} []\n"
