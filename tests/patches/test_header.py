"""Headers of patches: read, checked, and those of the repository."""

from pathlib import Path

import pytest

from builder import ROOT
from builder.errors import BadProduct
from builder.repository import Repository
from tools.patches.header import OPTIONAL, REQUIRED, Patch, parse_patch
from tools.patches.load import PROGRAMS, check_reports, load_patches, programs

from .repository import DIFF, FOLDER, GOOD, REPOSITORY, text, with_patches

PATH = f"{FOLDER}/0002-do-less.patch"
GENERATED = DIFF.replace("Modules/a.c", "Python/generated_cases.c.h")


def good(**changed: str) -> Patch:
    patch, problems = parse_patch(PATH, text({**GOOD, **changed}))
    assert problems == []
    return patch


def wrong(content: str, path: str = PATH) -> list[str]:
    _, problems = parse_patch(path, content)
    return problems


def test_a_header_is_read() -> None:
    patch = good(Upstream="docs/upstream/0002-do-less.md", Needs="0001, for a().")
    assert (patch.title, patch.number, patch.name) == ("Do less", "0002", "0002-do-less.patch")
    assert patch.fields["Why"] == "it does too much. Now it does less."
    assert patch.benchmarks == ("programs/fib", "json_loads")
    assert patch.report == "docs/upstream/0002-do-less.md"
    assert patch.own_tests == ("tests/patches/test_header.py",)
    assert patch.needs == ("0001",)
    assert not patch.visible


def test_the_diff_is_all_that_follows_the_header() -> None:
    patch = good()
    assert patch.diff == DIFF
    assert patch.lines == {"Modules/a.c": (3, 2)}
    assert patch.sha256 == good(Why="anything").sha256 != parse_patch(PATH, text(GOOD, GENERATED))[0].sha256


def test_lines_are_counted_by_file_without_the_names_of_files() -> None:
    patch, _ = parse_patch(PATH, text(GOOD, f"{DIFF}{GENERATED}"))
    assert patch.lines == {"Modules/a.c": (3, 2), "Python/generated_cases.c.h": (3, 2)}
    assert (patch.added, patch.removed) == (6, 4)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_patch_without_a_field_is_one_clear_error(name: str) -> None:
    assert wrong(text({key: value for key, value in GOOD.items() if key != name})) == [
        f"`{name}:` is missing: {REQUIRED[name]}"
    ]


def test_fields_are_complete_in_order_and_known() -> None:
    swapped = {key: GOOD[key] for key in sorted(GOOD)}
    assert wrong(text(swapped)) == [f"its fields are not in the order {', '.join((*REQUIRED, *OPTIONAL))}"]
    assert wrong(text({**GOOD, "Because": "so"})) == ["`Because:` is no field"]
    assert wrong(text(GOOD).replace("Changes:", "Why: again\nChanges:")) == ["`Why:` stands twice"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("Do less\n\n", "Do less\n", "no empty line follows its title"),
        ("Do less\n", "\n", "its first line is no title"),
        ("    Now", "Now", "this line is of no field: 'Now it does less.'"),
        (" Nothing.", "", "`Changes:` is missing: what a program can see of it: Nothing., or all of it"),
        ("+++ b/", "+++ c/", "it has no diff"),
        ("programs/fib", "Fib", "`Benchmark:` names 'Fib'"),
        ("test_json", "json", "`Evidence:` names 'json', which is no test file and no subject of the fuzzer"),
    ],
)
def test_what_is_not_in_order_is_said(old: str, new: str, problem: str) -> None:
    assert old in text(GOOD)
    assert problem in wrong(text(GOOD).replace(old, new))


def test_the_fuzzer_has_the_subject_that_is_named() -> None:
    (problem,) = wrong(text({**GOOD, "Evidence": "fuzz cats"}))
    assert problem.startswith("`Evidence:` names 'fuzz cats'; the fuzzer's subjects are json, re, ")


@pytest.mark.parametrize(
    "upstream", ["gh-1, in 3.14", "https://example.org/1", "not for upstream: it is ours.", "bpo-1"]
)
def test_upstream_is_a_link_an_issue_or_a_reason(upstream: str) -> None:
    assert good(Upstream=upstream).report == ""


@pytest.mark.parametrize("upstream", ["no", "not reported yet", "not for upstream:", "docs/upstream/", "docs/trust.md"])
def test_anything_else_is_not(upstream: str) -> None:
    (problem,) = wrong(text({**GOOD, "Upstream": upstream}))
    assert problem.startswith("`Upstream:` does not begin with a link")


def test_a_patch_that_no_benchmark_shows_says_why() -> None:
    assert good(Benchmark="none: it is for certificates.").benchmarks == ()


def test_what_is_changed_in_generated_files_can_be_repeated() -> None:
    how = {**GOOD, "Generated": "`make regen-cases`."}
    (problem,) = wrong(text(GOOD, GENERATED))
    assert problem.startswith("`Generated:` is missing")
    assert problem.endswith("(Python/generated_cases.c.h)")
    assert wrong(text(how, GENERATED)) == []
    assert wrong(text(how)) == ["`Generated:` stands there, and it changes no generated file"]


def test_a_patch_is_named_after_its_number_and_what_it_does() -> None:
    assert wrong(text(GOOD), "patches/thing/1/fast/do-less.patch") == ["its name is not like 0001-what-it-does.patch"]


# The repository's.


def refused(repository: Repository, root: Path = ROOT) -> list[str]:
    with pytest.raises(BadProduct) as caught:
        load_patches(repository, root)
    assert caught.value.what == "The headers of patches are not in order."
    assert "CONTRIBUTING.md" in caught.value.do
    return [line.strip() for line in caught.value.why.splitlines()]


def with_patch(**fields: str) -> Repository:
    return with_patches({"0002-do-less.patch": text({**GOOD, **fields})})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository's root with our tests, and no reports to upstream."""
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    (tmp_path / "docs" / "upstream").mkdir(parents=True)
    return tmp_path


def test_every_patch_of_the_repository_has_a_header_that_is_in_order() -> None:
    found = {patch.path for patches in load_patches(REPOSITORY).values() for patch in patches}
    assert found == {path for path in REPOSITORY.files.below("patches") if path.endswith(".patch")} != set()


def test_a_patch_with_a_proper_header_is_found_where_its_source_is(root: Path) -> None:
    found = load_patches(with_patch(), root)
    assert {key: [patch.number for patch in patches] for key, patches in found.items()} == {
        "cpython-3.13": ["0002"],
        "openssl": ["0001"],
        "php-8.4": ["0001", "0002", "0003"],
    }


def test_all_that_is_wrong_is_said_at_once(root: Path) -> None:
    assert refused(with_patch(Upstream="no", Evidence="cats"), root) == [
        f"{PATH}: `Evidence:` names 'cats', which is no test file and no subject of the fuzzer",
        f"{PATH}: `Upstream:` does not begin with {REQUIRED['Upstream']}",
    ]


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("Evidence", "tests/none.py", "there is no tests/none.py"),
        ("Benchmark", "programs/none", "there is no programs/none; there are attributes, awaits, "),
        ("Upstream", "docs/upstream/none.md", "there is no docs/upstream/none.md"),
        ("Needs", "0001, for a().", "no earlier patch is 0001"),
    ],
)
def test_what_a_header_refers_to_is_there(field: str, value: str, problem: str, root: Path) -> None:
    (found,) = refused(with_patch(**{field: value}), root)
    assert found.startswith(f"{PATH}: {problem}")


def test_no_two_patches_of_a_series_have_a_number(root: Path) -> None:
    twice = with_patches({name: text(GOOD) for name in ("0002-do-less.patch", "0002-do-more.patch")})
    assert refused(twice, root) == [f"{FOLDER}/0002-do-more.patch: an earlier patch is 0002, too"]


def test_every_report_to_upstream_is_named_by_a_patch(root: Path) -> None:
    check_reports(load_patches(REPOSITORY))
    (root / "docs" / "upstream" / "0002-do-less.md").touch()
    check_reports(load_patches(with_patch(Upstream="docs/upstream/0002-do-less.md"), root), root)
    with pytest.raises(BadProduct, match=r"docs/upstream/0002-do-less\.md: no patch names it"):
        check_reports(load_patches(with_patch(), root), root)


@pytest.mark.parametrize("name", [name for name in programs() if name != "start"])
def test_every_program_says_what_its_subject_is(name: str) -> None:
    first = (PROGRAMS / f"{name}.py").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith('"""')
    assert first.endswith('."""')
