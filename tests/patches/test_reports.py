"""Reports to upstream: each has what a maintainer asks for, and a diff that is whole."""

import re
from pathlib import Path

import pytest

from builder import ROOT
from tools.patches.load import REPORTS

PARTS = ["Reproduce", "Measured", "Change", "Why it is safe"]
every_report = pytest.mark.parametrize("path", sorted((ROOT / REPORTS).glob("*.md")), ids=lambda path: str(path.stem))


@every_report
def test_a_report_has_all_its_parts_and_none_is_empty(path: Path) -> None:
    title, *parts = re.split(r"^## ", path.read_text("utf-8"), flags=re.MULTILINE)
    assert re.fullmatch(r"# \S.*\n\n\S.*", title, re.DOTALL)
    assert [part.partition("\n\n")[0] for part in parts] == PARTS
    assert all(part.partition("\n\n")[2].strip() for part in parts)


@every_report
def test_its_diff_is_against_the_newest_source_and_every_hunk_is_as_long_as_it_says(path: Path) -> None:
    found = re.search(
        r"^Against 3\.15\.0rc1:\n\n```diff\n(.*?)^```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found
    names, *hunks = re.split(r"^(?=@@ )", found[1], flags=re.MULTILINE)
    assert re.fullmatch(r"--- a/(\S+)\n\+\+\+ b/\1\n", names)
    assert hunks
    for hunk in hunks:
        head, *lines = hunk.splitlines()
        sizes = re.match(r"@@ -\d+,(\d+) \+\d+,(\d+) @@", head)
        assert sizes
        assert sum(not line.startswith("+") for line in lines) == int(sizes[1]), head
        assert sum(not line.startswith("-") for line in lines) == int(sizes[2]), head
