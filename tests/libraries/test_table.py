"""The table of libraries in docs/runtime.md."""

import re

import pytest

from builder import ROOT
from tools.support.wheels import lock_file

ROW = re.compile(r"^\| ([a-z0-9-]+) \| ([0-9][0-9.a-z]*) \|", re.MULTILINE)
SERIES = sorted(path.parent.name for path in (ROOT / "requirements").glob("*/libraries.txt"))


@pytest.mark.parametrize("series", SERIES)
def test_versions_are_those_that_are_tested(series: str) -> None:
    rows = ROW.findall((ROOT / "docs" / "runtime.md").read_text(encoding="utf-8"))
    assert len(rows) >= 15
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock_file("libraries", series).read_text(), re.MULTILINE))
    assert rows == [(name, locked.get(name)) for name, _ in rows]
