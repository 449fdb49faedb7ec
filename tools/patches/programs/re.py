"""Regular expressions: compiled, searched, with groups and alternatives."""

import re

TEXT = "The quick brown fox, aged 7, jumps over 13 lazy dogs at 10:45 in London. " * 8


def work() -> None:
    re.purge()
    assert len(re.findall(r"\d+", TEXT)) == 32
    assert len(re.findall(r"(\w+) lazy (\w+)", TEXT)) == 8
    assert len(re.findall(r"fox|dogs|cats", TEXT)) == 16
    assert re.search(r".*(London).*Paris", TEXT) is None
    assert re.sub(r"[aeiou]", "", TEXT).count("Lndn") == 8


if __name__ == "__main__":
    work()
