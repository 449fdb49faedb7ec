"""Measuring, with this Python in the place of layers: to build those takes minutes."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from builder.console import Terminal
from builder.errors import BuildError, MissingTool, StepFailed
from builder.plan.steps import Step
from tools.patches import instructions, measure
from tools.patches.__main__ import rounds
from tools.patches.instructions import count_programs
from tools.patches.load import load_patches
from tools.patches.results import Comparison, load_results
from tools.patches.times import compare_times, find_benchmarks
from tools.patches.variants import tree_step, without

from .repository import FOLDER, GOOD, PRODUCT, text, with_patches
from .test_variants import APART, FIRST, LINES, PLATFORM

PYTHON = Path(sys.executable)
needs_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
SERIES = with_patches(
    {
        "0001-first.patch": text({**GOOD, "Benchmark": "quick"}, FIRST),
        "0002-apart.patch": text({**GOOD, "Benchmark": "quick"}, APART),
    }
)
SCRIPT = """
import json, sys, time
(output,) = (each.removeprefix("--output=") for each in sys.argv if each.startswith("--output="))
values = [0.5, 0.25, time.perf_counter is time.process_time]
suite = {"metadata": {"name": "quick"}, "benchmarks": [{"runs": [{"values": values}]}]}
open(output, "w").write(json.dumps(suite))
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of packages with a pyperformance that has one benchmark, which needs no pyperf."""
    folder = tmp_path / "site" / "pyperformance" / "data-files" / "benchmarks" / "bm_quick"
    folder.mkdir(parents=True)
    (folder / "bm_quick.toml").write_text('[tool.pyperformance]\nname = "quick"\n', "utf-8")
    (folder / "run_benchmark.py").write_text(SCRIPT, "utf-8")
    return tmp_path / "site"


@needs_valgrind
def test_instructions_are_the_same_in_each_round() -> None:
    first, second = (count_programs(PYTHON, ("start", "fib")) for _ in range(2))
    assert first.keys() == {"start", "fib"}
    for name, count in first.items():
        assert count > 1_000_000
        assert abs(count / second[name] - 1) < 0.002, name


@needs_valgrind
def test_a_program_that_fails_is_named_with_its_last_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.py").write_text("raise SystemExit('no such luck')", "utf-8")
    monkeypatch.setattr(instructions, "PROGRAMS", tmp_path)
    with pytest.raises(BuildError, match=r"bad\.py failed on .* under valgrind") as caught:
        count_programs(PYTHON, ("bad",))
    assert "no such luck" in caught.value.why


def test_without_valgrind_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingTool, match="apt-get install valgrind"):
        instructions.check_valgrind()


def test_benchmarks_are_pyperformances_and_our_programs(site: Path) -> None:
    ours, theirs = find_benchmarks(("programs/start", "quick"), site)
    assert (ours.script.name, ours.options) == ("timed.py", ("start",))
    assert theirs.script.parent.name == "bm_quick"
    with pytest.raises(BuildError, match="There is no benchmark slow, programs/slow"):
        find_benchmarks(("slow", "quick", "programs/slow"), site)


def test_times_are_processor_time_the_least_of_each_turn(site: Path, tmp_path: Path) -> None:
    found = compare_times(PYTHON, PYTHON, find_benchmarks(("quick",), site), site, tmp_path, 2)
    assert found == {"quick": {"quick": Comparison((0.25, 0.25), (0.25, 0.25))}}
    (values,) = (
        run["values"] for run in json.loads((tmp_path / "result.json").read_text("utf-8"))["benchmarks"][0]["runs"]
    )
    assert values[-1] is True


def test_a_benchmark_that_fails_has_no_results(site: Path, tmp_path: Path) -> None:
    (broken,) = find_benchmarks(("quick",), site)
    (site / broken.script).write_text("raise SystemExit(1)", "utf-8")
    assert compare_times(PYTHON, PYTHON, (broken,), site, tmp_path, 2) == {"quick": {}}


def test_one_round_is_refused() -> None:
    assert rounds("2") == 2
    with pytest.raises(Exception, match="one round tells nothing of noise"):
        rounds("1")


# A whole run.


class Run:
    """Runs `measure.measure` on a series of two patches, with builds that take no time."""

    def __init__(self, folder: Path) -> None:
        self.results = folder / "patches.json"
        self.cache = folder / "cache"
        self.built: list[Step] = []
        self.failing: dict[str, BaseException] = {}
        """Key of a step → what its build raises."""

    def build(self, step: Step) -> Path:
        self.built.append(step)
        if step.key in self.failing:
            raise self.failing[step.key]
        return PYTHON

    def __call__(self, *names: str) -> int:
        """Measures; how many steps were built, the whole product's apart."""
        self.built.clear()
        measure.measure(SERIES, PRODUCT, names, Terminal(), rounds=2, jobs=1, path=self.results)
        whole = tree_step(SERIES, PRODUCT, PLATFORM).key
        return sum(step.key != whole for step in self.built)


def step_without(number: str) -> Step:
    """The step of the series without a patch."""
    out = [patch for patch in load_patches(SERIES)[PRODUCT.source] if patch.number == number]
    return tree_step(without(SERIES, out), PRODUCT, PLATFORM)


@pytest.fixture
def run(tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    run = Run(tmp_path)

    def source(_: object, folder: Path) -> Path:
        folder.mkdir()
        (folder / "text").write_text("".join(LINES), "utf-8")
        return folder

    monkeypatch.setenv("STATIC_PYTHON_CACHE", str(run.cache))
    monkeypatch.setattr(measure.Builder, "build", lambda _, step: run.build(step))
    monkeypatch.setattr(measure.Builder, "source", source)
    monkeypatch.setattr(measure, "cached_wheels", lambda *_: site)
    monkeypatch.setattr(measure, "programs", lambda: ("fib",))
    monkeypatch.setattr(measure, "DOZEN", ("quick",))
    return run


@needs_valgrind
def test_every_patch_is_measured_once(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 2
    found = load_results(run.results)
    assert [path.removeprefix(f"{FOLDER}/") for path in found] == ["0001-first.patch", "0002-apart.patch"]
    for path, measured in found.items():
        assert measured.left_out == (path.rpartition("/")[2],)
        assert measured.seconds == {"quick": {"quick": Comparison((0.25, 0.25), (0.25, 0.25))}}
        assert abs(measured.instructions["fib"].ratio - 1) < 0.002
    assert "0002-apart.patch: instructions 1.0" in capsys.readouterr().out
    assert run() == 0
    assert "0001-first.patch: measured already" in capsys.readouterr().err
    assert load_results(run.results) == found


@needs_valgrind
def test_some_patches_are_measured_by_their_numbers(run: Run) -> None:
    assert run("0002") == 1
    assert list(load_results(run.results)) == [f"{FOLDER}/0002-apart.patch"]
    with pytest.raises(BuildError, match=r"No patch is called 0003\.\n.*There are 0001, 0002\."):
        run("0002", "0003")


@needs_valgrind
def test_a_patch_without_which_nothing_can_be_built_is_told_and_tried_again(run: Run) -> None:
    run.failing[step_without("0001").key] = StepFailed("A command of cpython failed.", "It does not compile.", "See.")
    assert run() == 2
    first, second = load_results(run.results).values()
    assert (first.failure, first.seconds) == ("A command of cpython failed.", {})
    assert (second.failure, *second.seconds) == ("", "quick")
    assert measure.summary(first) == "not built: A command of cpython failed."
    run.failing.clear()
    assert run() == 1
    assert all(not measured.failure for measured in load_results(run.results).values())


@needs_valgrind
def test_who_stops_it_keeps_what_has_been_measured(run: Run) -> None:
    run.failing[step_without("0002").key] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run()
    assert list(load_results(run.results)) == [f"{FOLDER}/0001-first.patch"]
    run.failing.clear()
    assert run() == 1


@needs_valgrind
def test_functions_that_lose_their_profile_are_named(run: Run) -> None:
    (compiled,) = (each for each in step_without("0001").inputs if each.role == "cpython")
    log = run.cache / "logs" / f"{compiled.name}-{compiled.key[:12]}.log"
    log.parent.mkdir(parents=True)
    said = "warning: a.c: function control flow change detected (hash mismatch) {} Hash = 1 up to 2 count discarded\n"
    log.write_text("cc a.c\n" + said.format("f") + said.format("g") + said.format("f"), "utf-8")
    run()
    assert [measured.unprofiled for measured in load_results(run.results).values()] == [("f", "g"), ()]
