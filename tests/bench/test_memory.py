"""tools.bench.memory: real programs and loops in small functions, and the report of what they took."""

import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.context import cache_folder
from builder.repository import load_repository
from builder.store import Store
from tools.bench import memory
from tools.bench.__main__ import main
from tools.bench.api import parse_pages
from tools.bench.cgroup import PREFIX, Parent, parent_for
from tools.bench.files import Unavailable
from tools.bench.huge_pages import huge_pages
from tools.bench.interpreters import Interpreter
from tools.bench.memory import (
    FIGURES,
    GARBAGE,
    GARBAGE_HELD,
    GARBAGE_LAZY,
    IDLE,
    IDLE_ANONYMOUS,
    IDLE_FILE,
    LARGEST_BLOCK,
    PEAK_CHARGED,
    PEAK_RESIDENT,
    PROGRAM,
    Contestants,
    Failed,
    Pages,
    Program,
    Results,
    Row,
    Value,
    largest,
    loop_figures,
    make_loops,
    measure,
    middle,
    ratio,
)
from tools.bench.memory_report import Measured, write_report
from tools.bench.stock import STOCK, stock_product
from tools.bench.subjects import OURS, THREADED, Workspace, make_workspace
from tools.support.product import PLATFORM, PRODUCT

SMALLEST = memory.SMALLEST
OF = Measured("cpython-3.13 3.13.15", 3, 2, "always [madvise] never", "6.1.0", "x86_64")


@pytest.fixture
def parent() -> Iterator[Parent]:
    try:
        entered = parent_for(SMALLEST)
        found = entered.__enter__()
    except Unavailable as error:
        pytest.skip(str(error))
    yield found
    assert list(found.folder.glob(f"{PREFIX}*")) == []
    entered.__exit__(None, None, None)


@pytest.fixture
def workspace(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parent: Parent
) -> Workspace:
    """What loops are started from, which changes the working directory."""
    if "LAYER_PYTHON" not in os.environ:
        request.getfixturevalue("layer_zip")
    monkeypatch.chdir(Path.cwd())
    workspace = make_workspace(tmp_path / "workspace")
    (workspace.root / PROGRAM.name).write_bytes(PROGRAM.read_bytes())
    return workspace


def in_place_of_python(folder: Path, script: str) -> Interpreter:
    """A shell script in the interpreter's place; it gets the same arguments."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return Interpreter("script", path)


@pytest.mark.parametrize("known", [0, 1, 63, 64, 77, 127])
def test_bisection_finds_the_largest_that_lives_in_few_tries(known: int) -> None:
    tried = []

    def lives(number: int) -> bool:
        tried.append(number)
        return number <= known

    assert largest(128, lives) == known
    assert len(tried) == len(set(tried)) <= 8


def test_where_nothing_lives_there_is_no_largest() -> None:
    assert largest(128, lambda _: False) is None


def test_the_largest_block_lives_and_a_larger_one_is_killed(parent: Parent, workspace: Workspace) -> None:
    program = Program(Interpreter(OURS, workspace.python), parent, SMALLEST, False, workspace.root)
    found = largest(SMALLEST, program.lives)
    assert found is not None
    assert 40 < found < SMALLEST
    assert program.lives(found - 2)
    assert not program.lives(found + 3)


def test_bisection_finds_what_a_program_takes_besides(parent: Parent, tmp_path: Path) -> None:
    taken = "block = bytearray((int(sys.argv[-1]) + 50) << 20); block[::4096] = block[::4096]; print(0)"
    script = in_place_of_python(tmp_path, f"exec {sys.executable} -I -S -c 'import sys; {taken}' \"$@\"")
    found = largest(SMALLEST, Program(script, parent, SMALLEST, False, tmp_path).lives)
    assert found is not None
    assert SMALLEST - 50 - 10 < found < SMALLEST - 50  # the rest is Python's own


def test_peaks_are_at_least_the_block_and_at_most_the_limit(parent: Parent, workspace: Workspace) -> None:
    peaks = Program(Interpreter(OURS, workspace.python), parent, SMALLEST, True, workspace.root).peaks()
    assert peaks.keys() <= {PEAK_CHARGED, PEAK_RESIDENT}
    assert (peaks[PEAK_RESIDENT] or 0) > memory.BLOCK
    if charged := peaks.get(PEAK_CHARGED):
        assert memory.BLOCK < charged <= SMALLEST


def test_a_program_that_is_killed_has_no_peaks(
    parent: Parent, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "BLOCK", 2 * SMALLEST)
    peaks = Program(Interpreter(OURS, workspace.python), parent, SMALLEST, True, workspace.root).peaks()
    assert peaks == {PEAK_CHARGED: None, PEAK_RESIDENT: None}


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo MemoryError >&2; exit 1", "script, 128 MB, block of 7 MiB: 1, MemoryError"),
        ("kill -SEGV $$", "block of 7 MiB: -11, no message"),
        ("kill -KILL $$", "block of 7 MiB: -9, no message"),
    ],
)
def test_a_crash_is_no_kill_by_the_limit(parent: Parent, tmp_path: Path, script: str, message: str) -> None:
    program = Program(in_place_of_python(tmp_path, script), parent, SMALLEST, True, tmp_path)
    with pytest.raises(Failed, match=message):
        program.lives(7)


def test_a_program_that_does_not_end_is_no_kill_either(
    parent: Parent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "TIMEOUT", 0.5)
    program = Program(in_place_of_python(tmp_path, "exec sleep 3600"), parent, SMALLEST, True, tmp_path)
    with pytest.raises(Failed, match=r"script, 128 MB, block of 7 MiB: longer than 0\.5 s"):
        program.lives(7)


def test_a_program_is_told_the_size_of_its_function(parent: Parent, tmp_path: Path) -> None:
    script = in_place_of_python(tmp_path, "echo $((AWS_LAMBDA_FUNCTION_MEMORY_SIZE * 1024))")
    assert Program(script, parent, 192, True, tmp_path).peaks()[PEAK_RESIDENT] == 192


@pytest.mark.parametrize("allowed", [True, False])
def test_huge_pages_are_allowed_or_not(parent: Parent, tmp_path: Path, allowed: bool) -> None:
    found = "while read name value; do [ $name = THP_enabled: ] && echo $((value * 1024)); done </proc/self/status"
    if "THP_enabled:" not in Path("/proc/self/status").read_text(encoding="ascii"):
        pytest.skip("this kernel does not say whether a process may have huge pages")
    script = in_place_of_python(tmp_path, f"{found}; true")
    assert Program(script, parent, SMALLEST, allowed, tmp_path).peaks()[PEAK_RESIDENT] == int(allowed)


def test_this_process_may_have_huge_pages_again_afterwards() -> None:
    def status() -> list[str]:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return [line for line in lines if line.startswith("THP_enabled")]

    with huge_pages(True):
        before = status()
        assert before in ([], ["THP_enabled:\t1"])
        with huge_pages(False):
            assert status() in ([], ["THP_enabled:\t0"])
        assert status() == before


def test_a_loop_is_measured_idle_and_after_garbage(parent: Parent, workspace: Workspace) -> None:
    for name, (place, subject) in make_loops(workspace, workspace).items():
        figures = loop_figures(place, subject, parent, SMALLEST, False)
        assert figures.keys() == {IDLE, IDLE_ANONYMOUS, IDLE_FILE, GARBAGE, GARBAGE_LAZY, GARBAGE_HELD}, name
        values = {figure: value for figure, value in figures.items() if value is not None}
        assert values.keys() == figures.keys(), name
        assert values[IDLE] == pytest.approx(values[IDLE_ANONYMOUS] + values[IDLE_FILE])
        assert values[GARBAGE] == pytest.approx(values[GARBAGE_LAZY] + values[GARBAGE_HELD])
        assert 1 < values[IDLE_ANONYMOUS] < values[GARBAGE] < SMALLEST, name


def with_function(workspace: Workspace, code: str) -> Workspace:
    (workspace.root / "task" / "function.py").write_text(code, encoding="utf-8")
    return workspace


def test_what_a_function_keeps_is_measured_and_it_is_told_its_size(parent: Parent, workspace: Workspace) -> None:
    keeping = "import os\nkept = []\ndef handler(event, context):\n"
    keeping += " kept.append(b'x' * (int(os.environ['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']) // 4 << 20))\n"
    figures = loop_figures(with_function(workspace, keeping), workspace.subjects()[0], parent, SMALLEST, False)
    idle, held = figures[IDLE_ANONYMOUS], figures[GARBAGE_HELD]
    assert idle is not None
    assert held is not None
    assert idle + SMALLEST / 4 <= held < idle + SMALLEST / 4 + 4


def test_a_loop_that_is_killed_by_its_limit_is_reported_as_such(parent: Parent, workspace: Workspace) -> None:
    greedy = with_function(workspace, "def handler(event, context): return len(b'x' * (200 << 20))\n")
    figures = loop_figures(greedy, workspace.subjects()[0], parent, SMALLEST, False)
    assert figures[IDLE] is not None
    assert figures[GARBAGE] is None


def test_a_loop_that_ends_otherwise_is_not(parent: Parent, workspace: Workspace) -> None:
    ending = with_function(workspace, "import os\ndef handler(event, context): os._exit(3)\n")
    with pytest.raises(Failed, match=f"{OURS}, 128 MB: it has ended"):
        loop_figures(ending, workspace.subjects()[0], parent, SMALLEST, False)


def test_a_loop_that_is_silent_is_not(parent: Parent, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "TIMEOUT", 1.0)
    silent = with_function(workspace, "import time\ndef handler(event, context): time.sleep(60)\n")
    with pytest.raises(Failed, match=f"{OURS}, 128 MB: timed out"):
        loop_figures(silent, workspace.subjects()[0], parent, SMALLEST, False)


def test_resident_memory_is_split() -> None:
    text = "00400000-7ffd [rollup]\nRss:  9216 kB\nAnonymous:  3072 kB\nLazyFree:  1024 kB\nTHPeligible:  0\n"
    pages = Pages.from_kib(parse_pages(text))
    assert pages == Pages(9.0, 3.0, 1.0)
    assert pages.of_files == 6.0


def test_each_contestant_has_a_value_of_each_figure_for_each_round(
    parent: Parent, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    interpreters = [Interpreter(OURS, workspace.python)]
    loops = {OURS: (workspace, workspace.subjects()[0])}
    (scratch := workspace.root / "scratch").mkdir()
    results = measure(Contestants(interpreters, loops), parent, [SMALLEST], 2, scratch)
    expected = {Row(figure, SMALLEST, allowed) for figure in FIGURES for allowed in (True, False)}
    assert results.keys() | {Row(PEAK_CHARGED, SMALLEST, allowed) for allowed in (True, False)} == expected
    assert all(len(values[OURS]) == 2 for values in results.values())
    assert capsys.readouterr().out.splitlines()[-1] == "round 2 of 2, 128 MB, no huge pages: measured"


def row(figure: memory.Figure, limit: int = SMALLEST, allowed: bool = True) -> Row:
    return Row(figure, limit, allowed)


def test_medians_are_of_rounds_that_all_lived() -> None:
    assert middle([3.0, 1.0, 2.0]) == 2
    assert middle([3.0, None, 2.0]) is None


@pytest.mark.parametrize(
    ("figure", "ours", "stock", "expected"),
    [
        (IDLE, [9.0, 90.0, 10.0], [8.0], 1.25),
        (LARGEST_BLOCK, [80.0], [120.0], 1.5),
        (GARBAGE_LAZY, [20.0], [10.0], None),
        (PEAK_CHARGED, [None], [90.0], math.inf),
        (PEAK_CHARGED, [90.0], [None], 0.0),
        (PEAK_CHARGED, [None], [None], None),
        (LARGEST_BLOCK, [0.0], [10.0], math.inf),
        (LARGEST_BLOCK, [0.0], [0.0], None),
    ],
)
def test_a_ratio_above_one_is_always_worse(
    figure: memory.Figure, ours: list[Value], stock: list[Value], expected: float | None
) -> None:
    assert ratio(row(figure), {OURS: ours, STOCK: stock}) == expected


RESULTS: Results = {
    row(IDLE): {OURS: [9.0, 9.04, 9.5], STOCK: [8.7, 8.6, 8.6], THREADED: [18.0, 18.0, 18.0]},
    row(LARGEST_BLOCK, 256): {OURS: [230.0, 231.0, 230.0], STOCK: [240.0, 240.0, 240.0]},
    row(LARGEST_BLOCK): {OURS: [90.0, 91.0, 92.0], STOCK: [122.0, 122.0, 121.0], "debian13": [120.0, 120.0, 120.0]},
    row(PEAK_CHARGED): {OURS: [None, 1.0, 1.0], STOCK: [65.5, 65.5, 65.5], "debian13": [65.0, 65.0, 65.0]},
    row(IDLE, allowed=False): {OURS: [8.7], STOCK: [8.6], THREADED: [18.1]},
}


def test_the_report_is_a_table_for_each_kind_of_pages_with_what_exceeds_the_limit(tmp_path: Path) -> None:
    page = write_report(RESULTS, OF, tmp_path / "docs")
    assert page == (tmp_path / "docs" / "memory.md").read_text(encoding="utf-8")
    assert page.startswith("<!-- ./nox -s bench -- memory wrote this, 3 rounds on x86_64. -->\n# ")
    assert "MiB; medians of 3 rounds, which differ by at most 2 in blocks and 0.5 in the rest.\nLinux 6.1.0, " in page
    assert "/sys/kernel/mm/transparent_hugepage/enabled: `always [madvise] never`" in page
    about, huge, small = page.split("\n## ")
    assert "`upstream` is stock CPython" in about
    assert huge.splitlines()[2:] == [
        "| | function | this layer | upstream | ratio | debian13 | awslambdaric, threaded |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| largest block after garbage | 128 MB | 91 | 122 | **1.341** | 120 |  |",
        "| largest block after garbage | 256 MB | 230 | 240 | 1.043 |  |  |",
        "| peak, charged to the cgroup | 128 MB | killed | 65.5 | **∞** | 65.0 |  |",
        "| idle loop, resident | 128 MB | 9.0 | 8.6 | **1.051** |  | 18.0 |",
        "",
        "Above 1.05:",
        "",
        "- largest block after garbage, 128 MB: 1.341",
        "- peak, charged to the cgroup, 128 MB: ∞",
        "- idle loop, resident, 128 MB: 1.051",
    ]
    assert "| idle loop, resident | 128 MB | 8.7 | 8.6 | 1.012 | 18.1 |" in small
    assert small.endswith("\nNo ratio is above 1.05.\n")


def test_the_report_has_every_value_as_json(tmp_path: Path) -> None:
    write_report(RESULTS, OF, tmp_path)
    written = json.loads((tmp_path / "memory.json").read_text(encoding="utf-8"))
    assert (written["product"], written["cgroup_version"], written["unit"]) == ("cpython-3.13 3.13.15", 2, "MiB")
    assert len(written["rows"]) == len(RESULTS)
    assert {
        "figure": "peak, charged to the cgroup",
        "limit": 128,
        "huge_pages": True,
        "values": {OURS: [None, 1.0, 1.0], STOCK: [65.5, 65.5, 65.5], "debian13": [65.0, 65.0, 65.0]},
    } in written["rows"]


@pytest.mark.parametrize("limits", ["64", "128,64", "20000"])
def test_sizes_that_no_function_has_are_refused(limits: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["memory", f"--limits={limits}"])
    assert "but 128 to 10240" in capsys.readouterr().err


def test_the_command_compares_this_layer_with_stock_and_writes_a_page(
    workspace: Workspace, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    steps = load_repository().plan(stock_product(), PLATFORM)
    if not Store(cache_folder()).has(steps[-1]):
        pytest.skip(f"{stock_product().name} is not in the store, and takes long to build")
    assert main(["memory", "--limits=128", "--rounds=1", f"--output={tmp_path}"]) == 0
    page = (tmp_path / "memory.md").read_text(encoding="utf-8")
    assert capfd.readouterr().out.endswith(page + "\n")
    assert f"This layer is `{PRODUCT.name} {PRODUCT.version}`" in page
    rows = json.loads((tmp_path / "memory.json").read_text(encoding="utf-8"))["rows"]
    contestants = {tuple(each["values"]) for each in rows}
    assert contestants == {(OURS, STOCK), (OURS, STOCK, THREADED)}
    stock = next(each["values"][STOCK] for each in rows if each["figure"] == LARGEST_BLOCK.name)
    assert 100 < stock[0] < 128
