"""The pages: those that are made from code are of this code, links lead somewhere, and commands are right."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder import ROOT
from tools.docs import manifest
from tools.docs.__main__ import pages
from tools.docs.commands import PARSERS, sessions
from tools.docs.site import found

PAGES = [ROOT / path for path in found()]
SESSIONS = {session.name for session in sessions(ROOT / "noxfile.py")}
PASSED_ON = {"regrtest"}
"""Sessions that pass what they do not know to something else."""
LINK = re.compile(r"(?<!!)\[[^]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them, and those that it names."""
    named = set(re.findall(r'<a id="([^"]+)">', page.read_text(encoding="utf-8")))
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return named | {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each call of nox that a page's console blocks show."""
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in re.findall(r"^\$ (\./nox .*)$", block.replace("\\\n", " "), re.MULTILINE):
            yield shlex.split(re.sub(r"<[^>]*>", "VALUE", line), comments=True)


@pytest.mark.parametrize("path", pages())
def test_pages_made_from_code_are_of_this_code(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == pages()[path], "./nox -s docs writes it"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_are_sessions_with_options_that_they_take(page: Path) -> None:
    for words in commands(page):
        assert words[1] == "-s", words
        end = words.index("--") if "--" in words else len(words)
        called, options = words[2:end], words[end + 1 :]
        assert set(called) <= SESSIONS, words
        if len(called) == 1 and called[0] in PARSERS and (options or end < len(words)):
            make, module = PARSERS[called[0]]
            nested = module.startswith("builder") or called[0] == "soak"
            parser = make()
            parse = parser.parse_known_args if called[0] in PASSED_ON else parser.parse_args
            parse([called[0].replace("_", "-"), *options] if nested else options)


def test_options_of_documented_commands_are_known() -> None:
    """What the test above relies on: a parser that is given what it does not know ends the process."""
    make, _ = PARSERS["verify"]
    with pytest.raises(SystemExit):
        make().parse_args(["verify", "a.zip", "--rebuilt-by", "somebody"])


def test_the_index_has_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {link.partition("#")[0] for link in LINK.findall(index.read_text(encoding="utf-8"))}
    assert {path.name for path in index.parent.glob("*.md")} - linked == {"README.md"}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 140


def test_every_session_is_described() -> None:
    assert all(session.summary for session in sessions(ROOT / "noxfile.py"))


def test_every_field_of_the_schema_is_in_the_page() -> None:
    page = manifest.page()
    for field in ("`product.variant`", "`entries[].sha256`", "`recipes.*` | [recipe](#recipe)", "`archives[].debian`?"):
        assert field in page
