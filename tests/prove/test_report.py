"""What is told of differences, the table at the end, and the list of those that are known."""

from collections.abc import Callable
from pathlib import Path

import pytest

from builder.errors import BadPins
from tools.prove.known import Known, KnownDifferences, load_known
from tools.prove.report import SHOWN, Part, excerpts, summary

ENTRY = """
[[difference]]
subject = "gc"
pattern = '^tracked: '
patch = "fast/0001"
why = "It is meant."
"""


@pytest.fixture
def patches(tmp_path: Path) -> Path:
    folder = tmp_path / "3.13" / "fast"
    folder.mkdir(parents=True)
    (folder / "0001-track-less.patch").touch()
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "known.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_our_own_list_is_in_order() -> None:
    assert all(entry.subject and entry.why for entry in load_known().entries)


def test_an_entry_is_read(tmp_path: Path, patches: Path) -> None:
    (entry,) = load_known(write(tmp_path, ENTRY), patches).entries
    assert entry == Known("gc", "^tracked: ", "fast/0001", "It is meant.")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ENTRY.replace('why = "It is meant."', 'why = ""'), "entry 1: it needs patch, pattern, subject, why"),
        (ENTRY.replace("patch =", "patches ="), "entry 1: it needs"),
        (ENTRY.replace("^tracked: ", "("), "its pattern is none"),
        (ENTRY.replace("0001", "0002"), "there is no patch fast/0002"),
        ("[[difference", "it is no TOML"),
    ],
)
def test_an_entry_that_is_not_in_order_is_refused(tmp_path: Path, patches: Path, text: str, problem: str) -> None:
    with pytest.raises(BadPins) as caught:
        load_known(write(tmp_path, text), patches)
    assert problem in caught.value.why


def test_an_entry_speaks_of_its_subject_and_of_one_direction(known: Callable[..., KnownDifferences]) -> None:
    entries = known("gc", "^tracked: False -> True$")
    assert entries.find("gc", "tracked", "True", "False") is None
    assert entries.find("int", "tracked", "False", "True") is None
    assert entries.unmet({"gc"}) == list(entries.entries)
    assert entries.find("gc", "tracked", "False", "True") is entries.entries[0]
    assert entries.unmet({"gc"}) == []
    assert entries.unmet({"int"}) == []


def test_a_difference_shows_where_it_begins() -> None:
    stock, patched = excerpts("x" * 500 + "one" + "y" * 500, "x" * 500 + "two" + "y" * 500)
    assert stock.startswith("…" + "x" * 80 + "one")
    assert patched.startswith("…" + "x" * 80 + "two")
    assert stock.endswith("…")
    assert excerpts("abc", "abcd") == ("abc", "abcd")


def test_only_so_many_differences_of_a_subject_are_told_and_all_are_kept(part: Part, told: list[str]) -> None:
    for number in range(SHOWN + 5):
        part.differs("int", f"case {number}", "sums", "1", "2")
    part.differs("gc", "case 0", "alive", "1", "2")
    assert len(told) == 3 * (SHOWN + 1)
    assert len(part.unknown()) == SHOWN + 6
    assert len(part.unknown("gc")) == 1


def test_the_table_counts_what_is_known_and_names_what_was_not_met(known: Callable[..., KnownDifferences]) -> None:
    part = Part("fuzz", known("gc", "^tracked: ", "^never: "), lambda _: None)
    part.ran, part.subjects = "1,000 cases", {"gc"}
    part.differs("gc", "case 1", "tracked", "False", "True")
    part.differs("gc", "case 2", "tracked", "False", "True")
    part.differs("gc", "case 3", "alive", "1", "2")
    part.problems.append("something was not run")
    assert list(summary([part])) == [
        f"{'part':<16}{'differences':>12}{'known':>8}  what ran",
        f"{'fuzz':<16}{1:>12}{2:>8}  1,000 cases",
        "    something was not run",
        "known: gc, 2 times: It is meant. (fast/0001)",
        "known, but not met: gc, '^never: ' (fast/0001)",
    ]
