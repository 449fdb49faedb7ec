"""The fuzzer finds what was planted, to the case, and goes on after crashes and hangs. Cases depend on their number."""

import ast
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.errors import BuildError
from tests.prove.planted import ANOTHER_VALUE, CRASH, HANG, json_text, planted
from tools.prove.fuzz import drive
from tools.prove.fuzz.drive import Amount, Fuzzer, Progress, results
from tools.prove.fuzz.processes import RUNNER, SUBJECTS, Cases, digests, values
from tools.prove.interpreters import Interpreter, Pair
from tools.prove.known import KnownDifferences
from tools.prove.report import Part
from tools.support.product import Layer

WRONG = 144
"""A case whose text no other one of the first hundreds has."""
AMOUNT = Amount(("json",), cases=300, chunk=100)


def run(part: Part, scratch: Path, patched: Interpreter, stock: Interpreter | None = None, **given: Any) -> Progress:
    """Fuzzes ``json``, and gives how far it came."""
    pair = Pair(stock or Interpreter("this", Path(sys.executable)), patched)
    (progress,) = Fuzzer(pair, replace(AMOUNT, **given), part, scratch).run()
    return progress


def test_the_text_of_the_case_that_is_wrong_is_its_own() -> None:
    assert [number for number in range(600) if json_text(number) == json_text(WRONG)] == [WRONG]


def test_two_interpreters_that_are_the_same_agree(part: Part, this: Interpreter, tmp_path: Path) -> None:
    progress = run(part, tmp_path, this)
    assert (progress.cases, part.differences, part.problems) == (300, [], [])


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_planted_difference_is_found_to_the_case_and_to_what_of_it(
    part: Part, told: list[str], tmp_path: Path, jobs: int
) -> None:
    progress = run(part, tmp_path, planted(tmp_path / "bin", ANOTHER_VALUE, WRONG), jobs=jobs)
    assert progress.cases == 300
    assert {each.where for each in part.differences} == {f"seed 1, case {WRONG}"}
    first = part.differences[0]
    assert (first.subject, first.what, first.patched) == ("json", "loads", "str 'planted'")
    assert first.stock != first.patched
    assert told[:2] == [f"json, seed 1, case {WRONG}: loads differs", f"    stock   {first.stock}"]
    assert part.unknown() == part.differences


def test_several_cases_of_one_chunk_are_found(part: Part, tmp_path: Path) -> None:
    run(part, tmp_path, planted(tmp_path / "bin", ANOTHER_VALUE, WRONG, WRONG + 15, 211))
    found = dict.fromkeys(each.where for each in part.differences)
    assert list(found) == [f"seed 1, case {number}" for number in (WRONG, WRONG + 15, 211)]


def test_a_known_difference_is_recognised(
    told: list[str], tmp_path: Path, known: Callable[..., KnownDifferences]
) -> None:
    entries = known("json", "-> str 'planted'", "^dumps: .*planted", "^what is seen: ", "never met")
    part = Part("fuzz", entries, told.append)
    run(part, tmp_path, planted(tmp_path / "bin", ANOTHER_VALUE, WRONG))
    assert part.differences
    assert (part.unknown(), told) == ([], [])
    assert "never met" in [entry.pattern for entry in entries.unmet({"json"})]


def test_a_known_difference_of_one_kind_hides_none_of_another(
    told: list[str], tmp_path: Path, known: Callable[..., KnownDifferences]
) -> None:
    part = Part("fuzz", known("json", "^raw_decode: "), told.append)
    run(part, tmp_path, planted(tmp_path / "bin", ANOTHER_VALUE, WRONG))
    assert part.unknown()


def test_a_crash_is_a_difference_of_its_case_and_the_next_chunks_are_run(part: Part, tmp_path: Path) -> None:
    progress = run(part, tmp_path, planted(tmp_path / "bin", CRASH, WRONG))
    (found,) = part.differences
    assert (found.where, found.what) == (f"seed 1, case {WRONG}", "ending")
    assert found.stock == "comes to its end"
    assert found.patched.startswith("ended by SIGSEGV\n")
    assert "planted.py" in found.patched  # where, by faulthandler
    assert (progress.cases, progress.skipped) == (200, 100)


def test_a_hang_is_ended_and_is_a_difference(told: list[str], tmp_path: Path) -> None:
    for limit in (2, 8, 32, 128):  # on a busy machine, other cases may take longer than the first of these
        part = Part("fuzz", KnownDifferences(()), told.append)
        progress = run(part, tmp_path, planted(tmp_path / "bin", HANG, WRONG, limit=limit))
        if [each.where for each in part.differences] == [f"seed 1, case {WRONG}"]:
            break
    (found,) = part.differences
    assert (found.where, found.what) == (f"seed 1, case {WRONG}", "ending")
    assert found.patched.startswith(f"no answer for {limit} s")
    assert progress.cases == 200


def test_a_crash_of_both_is_told_and_is_no_difference(part: Part, tmp_path: Path) -> None:
    both = [planted(tmp_path / name, CRASH, WRONG) for name in ("one", "two")]
    progress = run(part, tmp_path, both[0], both[1])
    assert part.differences == []
    (problem,) = part.problems
    assert problem == "json, seed 1, cases 100 to 199: both interpreters ended by SIGSEGV; the rest was not run"
    assert progress.cases == 200


def test_an_interpreter_that_runs_no_case_is_an_error_of_ours(part: Part, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho no such luck >&2\nexit 3\n", encoding="ascii")
    program.chmod(0o755)
    broken = Interpreter("broken", program)
    with pytest.raises(BuildError, match="no such luck"):
        run(part, tmp_path, broken, broken)


def test_a_subject_with_too_many_differences_is_stopped(
    part: Part, told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "SHOWN", 2)
    progress = run(part, tmp_path, planted(tmp_path / "bin", ANOTHER_VALUE, 10, 20, 30), cases=100_000)
    assert progress.stopped
    assert progress.cases < 100_000
    assert "stopped" in list(results([progress]))[-1]


def test_a_time_is_divided_among_subjects_and_each_runs_at_least_a_chunk(
    part: Part, this: Interpreter, tmp_path: Path
) -> None:
    amount = Amount(("base64", "json", "sort"), seconds=1.0, chunk=20)
    progress = Fuzzer(Pair(this, this), amount, part, tmp_path).run()
    assert all(each.cases >= 20 and each.cases % 20 == 0 for each in progress)
    assert sum(each.seconds for each in progress) < 600


def test_a_number_of_cases_is_exact(part: Part, this: Interpreter, tmp_path: Path) -> None:
    amount = Amount(("base64", "json"), cases=130, chunk=50, jobs=4)
    progress = Fuzzer(Pair(this, this), amount, part, tmp_path).run()
    assert [each.cases for each in progress] == [130, 130]
    assert amount.share == math.inf


def test_another_seed_gives_other_cases(this: Interpreter, tmp_path: Path) -> None:
    found = [digests(this, Cases("json", seed, 0, 10), 10, tmp_path).lines for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_a_case_sees_depends_on_its_number_alone(layer: Layer, tmp_path: Path, subject: str) -> None:
    python = Interpreter("layer", layer.python)
    whole = digests(python, Cases(subject, 1, 0, 40), 1, tmp_path)
    part = digests(python, Cases(subject, 1, 25, 15), 1, tmp_path)
    assert (whole.ending, part.ending) == ("", "")
    assert {number: whole.lines[number] for number in part.lines} == part.lines
    assert len(set(whole.lines.values())) > 10


@pytest.mark.parametrize("subject", SUBJECTS)
def test_no_case_fails_by_itself(layer: Layer, tmp_path: Path, subject: str) -> None:
    """An exception that a case lets through would hide what comes after it."""
    answers = values(Interpreter("layer", layer.python), Cases(subject, 2, 0, 50), list(range(50)), tmp_path)
    failures = [line for line in answers.lines.values() for name, _ in ast.literal_eval(line) if name == "fails"]
    assert (answers.ending, failures) == ("", [])


def test_no_bytecode_is_kept_of_what_cases_write(layer: Layer, tmp_path: Path) -> None:
    """It would be of the case that was first within a second of the clock."""
    assert not digests(Interpreter("layer", layer.python), Cases("archives", 1, 0, 200), 200, tmp_path).ending
    assert [path.name for path in tmp_path.rglob("second*.pyc")] == []


def test_the_runner_and_its_subjects_import_nothing_but_the_standard_library() -> None:
    for path in (RUNNER, *(RUNNER.parent / "subjects").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names.append(node.module or "")
            for name in names:
                assert name.partition(".")[0] in sys.stdlib_module_names, (path.name, name)


def test_the_subjects_are_those_that_patches_speak_of() -> None:
    named = {"json", "re", "str", "bytes", "base64", "int", "sort", "hashes", "generators", "coroutines", "gc"}
    assert named | {"trace", "monitoring", "pickle", "tracebacks"} <= set(SUBJECTS)
