"""Runs each measurement with as few repetitions as possible."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tools.bench import files, functions, soak
from tools.bench.__main__ import main
from tools.bench.report import report
from tools.bench.subjects import BARE, DIRECT, OURS, RAW, THREADED, make_workspace
from tools.bench.workers import PRELOADED

LOOPS = {OURS, THREADED, DIRECT, RAW}

TRACE = """\
10 openat(AT_FDCWD, "/a", O_RDONLY|O_CLOEXEC) = 3
10 read(3, "\\177ELF"..., 832)              = 832
10 openat(AT_FDCWD, "/b", O_RDONLY)        = -1 ENOENT (No such file or directory)
10 newfstatat(3, "", {st_mode=S_IFREG|0755, st_size=1, ...}, AT_EMPTY_PATH) = 0
10 read(3, 0x1, 10)                        = -1 EAGAIN (Resource temporarily unavailable)
10 sendto(4, "GET /2018-06-01/runtime/invocation/next HTTP/1.1"..., 100, 0, NULL, 0) = 100
10 read(3, "late", 10)                     = 4
"""


@pytest.fixture(autouse=True)
def restore_working_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measurements change the working directory for the processes that they start."""
    monkeypatch.chdir(Path.cwd())


@pytest.fixture(autouse=True)
def product(request: pytest.FixtureRequest) -> None:
    if "LAYER_PYTHON" not in os.environ:
        request.getfixturevalue("layer_zip")


def results(capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The JSON in the last line."""
    return dict(json.loads(capfd.readouterr().out.splitlines()[-1])["results"])


def test_coldstart_prints_times_of_all_subjects_and_memory_of_the_loops(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["coldstart", "--repetitions=2"]) == 0
    rows = results(capfd)
    assert rows.keys() == {*LOOPS, BARE}
    assert all(row["samples"] == 2 and 0 < row["min"] <= row["median"] <= row["p99"] for row in rows.values())
    assert {name for name, row in rows.items() if "resident" in row} == LOOPS


def test_functions_are_measured_as_sources_and_as_packaged_on_both_loops(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    code = {"small": "", "large": "".join(f"def f{number}(a, b):\n    return a * b + 1\n" for number in range(5000))}
    functions.lay_functions(tmp_path, code)
    assert (tmp_path / "packaged" / "__pycache__").is_dir()
    assert not (tmp_path / "sources" / "__pycache__").exists()
    rows = functions.measure(workspace, 1, code)["results"]
    columns = {f"{loop}, {kind}" for loop in (OURS, DIRECT) for kind in functions.KINDS}
    assert {name: set(row) for name, row in rows.items()} == dict.fromkeys(code, columns)
    for loop in (OURS, DIRECT):
        times = {
            name: {kind: row[f"{loop}, {kind}"]["least"] for kind in functions.KINDS} for name, row in rows.items()
        }
        assert times["small"]["sources"] < times["large"]["sources"]
        assert times["large"]["packaged"] < times["large"]["sources"]


def test_invoke_prints_times_of_every_loop(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["invoke", "--repetitions=2"]) == 0
    rows = results(capfd)
    assert rows.keys() == LOOPS
    assert all(row["samples"] == 2 and row["min"] > 0 for row in rows.values())
    assert rows[OURS]["ours/this, median"] == 1


def test_workers_prints_throughput_and_memory_of_both_loops(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["workers", "--slots=2", "--rounds=1", "--seconds=0.2"]) == 0
    rows = results(capfd)
    assert rows.keys() == {OURS, PRELOADED, THREADED, DIRECT}
    assert 0 < rows[PRELOADED]["median"] < rows[OURS]["median"]


def test_a_soak_of_workers_survives_kills(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["soak", "--slots=2", "--repetitions=200", "--kills=2"]) == 0
    row = results(capfd)[OURS]
    assert row["unanswered"] == 0
    assert row["at the end"] > 0


def test_files_are_counted(capfd: pytest.CaptureFixture[str]) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    assert main(["coldstart", "--files"]) == 0
    rows = results(capfd)
    assert rows.keys() == LOOPS
    assert all(row["opened"] > 0 and row["bytes read"] > 0 for row in rows.values())


def test_counting_files_without_strace_says_how_to_install_it(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["coldstart", "--files"]) == 1
    assert "apt-get install strace" in capfd.readouterr().err


def test_a_cold_page_cache_without_root_says_what_it_needs(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["coldstart", "--cold-cache"]) == 1
    assert "needs root" in capfd.readouterr().err


def test_a_soak_prints_memory_after_the_first_thousand_and_at_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    main(["soak", "--repetitions=1100"])
    (row,) = results(capfd).values()
    assert row.keys() == {"after 1000", "at the end", "growth, %"}


def test_a_soak_fails_if_memory_grows(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    leak = "kept = []\ndef handler(event, context): kept.append('x' * 20_000 + context.aws_request_id)\n"
    monkeypatch.setattr(soak, "FUNCTION", leak)
    assert main(["soak", "--repetitions=1100"]) == 1
    assert "the limit is 2 %" in capfd.readouterr().err


def test_a_trace_is_counted_up_to_the_first_request_for_an_event() -> None:
    assert files.count(TRACE) == {"opened": 1, "not found": 1, "looked at": 1, "bytes read": 832}


def test_ratios_are_ours_to_the_others() -> None:
    rows = report("what", "ms", {OURS: [1.0, 2.0, 3.0], "other": [4.0, 4.0, 8.0]}, {"size": {OURS: 1, "other": 10}})
    other = rows["results"]["other"]
    assert (other["ours/this, median"], other["ours/this, p99"], other["ours/this, size"]) == (0.5, 0.375, 0.1)
