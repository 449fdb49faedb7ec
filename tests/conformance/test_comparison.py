"""Which differences the conformance session accepts, and which it rejects."""

import subprocess
import sys
from collections import Counter

import pytest

from tools.conformance.case import Aspect, Case, Rule
from tools.conformance.cases import GROUPS
from tools.conformance.compare import ASPECTS, Comparison, problems
from tools.conformance.run import Outcome
from tools.conformance.table import diff, document


def outcome(bodies: str = "{}") -> Outcome:
    empty: dict[Aspect, tuple[str, ...]] = dict.fromkeys(ASPECTS, ())
    calls = ("GET /invocation/next", "POST /invocation/1/response")
    return {**empty, "calls": calls, "bodies": (bodies,), "exit": ("waits",)}


def test_there_are_at_least_eighty_cases_with_unique_names_per_chapter() -> None:
    names = Counter((group.title, case.name) for group in GROUPS for case in group.cases)
    assert len(names) >= 80
    assert [name for name, count in names.items() if count > 1] == []


def test_every_rule_is_used_by_a_case() -> None:
    assert {rule for group in GROUPS for case in group.cases for rule in case.differs.values()} == set(Rule)


def test_a_declared_difference_is_no_problem() -> None:
    assert problems(("log",), {"log": Rule.ONE_RECORD}) == []


def test_an_undeclared_difference_is_a_problem() -> None:
    assert problems(("log", "bodies"), {"log": Rule.ONE_RECORD}) == ["bodies: differ, and no rule says so"]


def test_a_declared_difference_that_does_not_occur_is_a_problem() -> None:
    assert problems((), {"log": Rule.ONE_RECORD}) == ["log: a rule says that they differ, but they do not"]


def test_different_calls_explain_everything_that_follows_from_them() -> None:
    assert problems(("calls", "bodies", "exit"), {"calls": Rule.GOES_ON}) == []


def test_the_diff_shows_both_sides_and_the_rule() -> None:
    case = Case("a case", differs={"bodies": Rule.WORDING})
    lines = list(diff(Comparison(case, outcome(bodies="old"), outcome(bodies="new"))))
    assert lines == [f"  bodies: {Rule.WORDING.value}", "    -old", "    +new"]


@pytest.mark.parametrize(("declared", "why"), [({"bodies": Rule.WORDING}, "wording"), ({}, "**not declared**")])
def test_the_table_has_a_row_for_every_case(declared: dict[Aspect, Rule], why: str) -> None:
    same = Comparison(Case("a_b"), outcome(), outcome())
    different = Comparison(Case("other", differs=declared), outcome(bodies="o|d"), outcome(bodies="new"))
    text = document([("Chapter", [same, different])], "1.2")
    assert "2 cases" in text
    assert "| a\\_b | `response {}` | | same | |" in text
    assert f"| other | `bodies: o\\|d` | `bodies: new` | different | {why} |" in text


def test_one_chapter_runs_from_the_command_line() -> None:
    command = (sys.executable, "-m", "tools.conformance", "an array")
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "= an array\n" in done.stdout
