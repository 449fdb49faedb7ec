"""builder.run: each step once, in a sandbox of its own, its result into the store. Real commands, small sources."""

import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest

from builder.errors import FetchFailed, MissingTool, PatchRejected, StepFailed, WrongHash
from builder.executors.host import Host
from builder.fetch import SOURCES_VARIABLE
from builder.pins import Archive, Consumed, Source
from builder.plan.steps import Compile, Step, Unpack
from builder.recipes import Command, Recipe
from builder.run import BuildContext, run_plan
from builder.store import Store
from builder.unpack import tree_sha256

from .fakes import RecordingReport, a_source, is_running, wait_until

POEM = "".join(f"line {number}\n" for number in range(1, 13))
COPY: Command = ("cp", "poem", "../out/poem")
EPOCH = 1785932700


class Watcher(RecordingReport):
    """A `builder.run.Progress` that remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []
        self.ended: list[tuple[str, int]] = []

    def plan(self, steps: object, done: object) -> None:
        pass

    def started(self, step: Step) -> None:
        self.begun.append(step.name)

    def waiting(self, step: Step) -> None:
        pytest.fail(f"nobody else works on {step.name}")

    def finished(self, step: Step, seconds: float, size: int) -> None:
        assert seconds >= 0
        self.ended.append((step.name, size))


@contextmanager
def packing(path: Path, files: dict[str, str]) -> Iterator[Archive]:
    """A tar archive of some files in one folder, and its pin."""
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"thing-1.0/{name}")
            info.size = len(text.encode())
            tar.addfile(info, BytesIO(text.encode()))
    content = path.read_bytes()
    yield Archive(path.name, sha256(content).hexdigest(), len(content))


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A source with a poem and two licences, at hand in the user's folder."""
    (tmp_path / "sources").mkdir()
    monkeypatch.setenv(SOURCES_VARIABLE, str(tmp_path / "sources"))
    files = {"poem": POEM, "LICENSE": "do", "docs/COPYING": "copy"}
    with packing(tmp_path / "sources" / "thing-1.0.tar.gz", files) as archive:
        return a_source(archive, licence_files=("LICENSE", "docs/COPYING"))


@pytest.fixture
def site(tmp_path: Path) -> BuildContext:
    cache = tmp_path / "cache"
    return BuildContext(cache, Store(cache), Host(cache, tmp_path / "compiler", 1), Watcher())


def with_jobs(site: BuildContext, jobs: int) -> BuildContext:
    assert isinstance(site.executor, Host)
    return replace(site, executor=replace(site.executor, jobs=jobs))


def watcher(site: BuildContext) -> Watcher:
    assert isinstance(site.progress, Watcher)
    return site.progress


def a_step(
    source: Source,
    *commands: Command,
    name: str = "thing",
    inputs: tuple[Step, ...] = (),
    patches: tuple[Path, ...] = (),
    recipe: Recipe | None = None,
    wrappers: dict[str, str] | None = None,
) -> Step:
    recipe = recipe or Recipe(source.name, commands or (COPY,), needs=tuple(given.name for given in inputs))
    texts = {str(path): path.read_text(encoding="utf-8") for path in patches}
    work = Compile(recipe, source, texts, wrappers or {}, "x86_64", EPOCH)
    return Step(name, name, work, inputs, {}, {"name": name, "commands": repr(recipe.commands)})


def run(step: Step, site: BuildContext) -> Path:
    """The result of one step."""
    (result,) = run_plan((step,), site)
    return result


def files_in(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file() and path.name != "step.json"
    }


def leftovers(site: BuildContext) -> list[Path]:
    return list((site.cache / "work").glob("*"))


def test_a_recipes_result_is_what_it_left_in_out_and_its_licences(source: Source, site: BuildContext) -> None:
    result = run(a_step(source), site)
    assert files_in(result) == {
        "poem": POEM,
        "licenses/thing/LICENSE": "do",
        "licenses/thing/COPYING": "copy",
    }
    assert leftovers(site) == []
    ((name, size),) = watcher(site).ended
    assert name == "thing"
    assert size > len(POEM)


def test_a_source_is_laid_out_as_it_is(source: Source, site: BuildContext) -> None:
    result = run(Step("raw", "raw", Unpack(source, source.archives), (), {}, {}), site)
    assert files_in(result) == {"poem": POEM, "LICENSE": "do", "docs/COPYING": "copy"}


def test_wrappers_files_environment_and_needs_are_in_the_sandbox(source: Source, site: BuildContext) -> None:
    first = a_step(source, name="first")
    recipe = Recipe(
        source.name,
        (("sh", "-c", 'cat ../config.site ../deps/first/poem > ../out/all; cc "$WORD" >> ../out/all'),),
        needs=("first",),
        environment={"WORD": "a word"},
        files={"config.site": "answers\n"},
    )
    second = a_step(
        source, name="second", inputs=(first,), recipe=recipe, wrappers={"cc": '#!/bin/sh\necho "cc was told: $1"\n'}
    )
    result = run(second, site)
    assert files_in(result)["all"] == f"answers\n{POEM}cc was told: a word\n"


def test_a_step_takes_its_own_time_for_now_and_not_the_executors(source: Source, site: BuildContext) -> None:
    recipe = Recipe(source.name, (("sh", "-c", 'echo "$SOURCE_DATE_EPOCH" > ../out/now'),))
    assert files_in(run(a_step(source, recipe=recipe), site))["now"] == f"{EPOCH}\n"


# Patches, with the real GNU patch.


def patch(folder: Path, before: str, after: str, *, start: int = 1, name: str = "0001-a.patch") -> Path:
    """A patch of one hunk; ``before`` and ``after`` are its lines."""
    old, new = before.splitlines(), after.splitlines()
    same = next((n for n, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), 0)
    end = next((n for n, pair in enumerate(zip(old[::-1], new[::-1], strict=False)) if pair[0] != pair[1]), 0)
    lines = [
        *(f" {line}" for line in old[:same]),
        *(f"-{line}" for line in old[same : len(old) - end]),
        *(f"+{line}" for line in new[same : len(new) - end]),
        *(f" {line}" for line in old[len(old) - end :]),
    ]
    head = f"Why: a test.\n\n--- a/poem\n+++ b/poem\n@@ -{start},{len(old)} +{start},{len(new)} @@\n"
    (folder / name).write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def lines(first: int, last: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, last + 1))


@pytest.fixture
def good_patch(tmp_path: Path) -> Path:
    return patch(tmp_path, lines(4, 10), lines(4, 10).replace("line 7", "LINE 7"), start=4)


def test_a_patch_that_fits_is_applied(source: Source, site: BuildContext, good_patch: Path) -> None:
    result = run(a_step(source, patches=(good_patch,)), site)
    assert files_in(result)["poem"] == POEM.replace("line 7", "LINE 7")


def test_patches_are_applied_one_after_the_other(
    source: Source, site: BuildContext, good_patch: Path, tmp_path: Path
) -> None:
    before = lines(4, 10).replace("line 7", "LINE 7")
    second = patch(tmp_path, before, before.replace("LINE 7", "Line seven"), start=4, name="0002-b.patch")
    result = run(a_step(source, patches=(good_patch, second)), site)
    assert "Line seven" in files_in(result)["poem"]


def rejected(source: Source, site: BuildContext, *patches: Path) -> PatchRejected:
    with pytest.raises(PatchRejected) as caught:
        run(a_step(source, patches=patches), site)
    assert caught.value.exit_code == 14
    assert caught.value.what == f"{patches[-1].name} does not apply."
    assert "CONTRIBUTING.md" in caught.value.do
    assert leftovers(site) == []
    assert not site.store.has(a_step(source, patches=patches))
    return caught.value


def test_a_patch_for_other_lines_is_rejected_in_the_words_of_patch(
    source: Source, site: BuildContext, tmp_path: Path
) -> None:
    other = patch(tmp_path, "verse 1\nverse 2\nverse 3\n", "verse 1\nVERSE 2\nverse 3\n")
    assert "Hunk #1 FAILED" in rejected(source, site, other).why


@pytest.mark.parametrize("position", [4, 10], ids=["first-line-of-context", "last-line-of-context"])
def test_a_patch_that_would_apply_only_with_fuzz_is_rejected(
    source: Source, site: BuildContext, tmp_path: Path, position: int
) -> None:
    before = lines(4, 10).replace(f"line {position}\n", "moved on upstream\n")
    fuzzy = patch(tmp_path, before, before.replace("line 7", "LINE 7"), start=4)
    # It is this patch's fuzz and nothing else that is refused: left alone, patch would take it.
    lenient = a_step(source, ("patch", "-p1", "-i", str(fuzzy)), COPY, name="lenient")
    assert "LINE 7" in files_in(run(lenient, site))["poem"]
    assert "FAILED" in rejected(source, site, fuzzy).why


def test_a_patch_that_upstream_took_in_is_rejected(source: Source, site: BuildContext, tmp_path: Path) -> None:
    taken = patch(tmp_path, lines(4, 10).replace("line 7", "old line"), lines(4, 10), start=4)
    assert "previously applied" in rejected(source, site, taken).why


def test_of_two_patches_the_one_that_does_not_apply_is_named(
    source: Source, site: BuildContext, good_patch: Path, tmp_path: Path
) -> None:
    again = patch(
        tmp_path, lines(4, 10), lines(4, 10).replace("line 7", "LINE seven"), start=4, name="0002-again.patch"
    )
    rejected(source, site, good_patch, again)


def test_a_patch_for_a_missing_file_is_rejected(source: Source, site: BuildContext, good_patch: Path) -> None:
    good_patch.write_text(good_patch.read_text(encoding="utf-8").replace("/poem", "/prose"), encoding="utf-8")
    rejected(source, site, good_patch)


def test_a_patch_does_not_reach_out_of_the_source(source: Source, site: BuildContext, good_patch: Path) -> None:
    text = good_patch.read_text(encoding="utf-8").replace("/poem", "/../tmp/poem")
    good_patch.write_text(text, encoding="utf-8")
    rejected(source, site, good_patch)


# Which steps run.


@pytest.fixture
def chain(source: Source) -> tuple[Step, ...]:
    """Four steps: second and third need first, last needs second."""
    first = a_step(source, name="first")
    second = a_step(source, name="second", inputs=(first,))
    third = a_step(source, name="third", inputs=(first,))
    return (first, second, third, a_step(source, name="last", inputs=(second, third)))


def names_run(steps: tuple[Step, ...], site: BuildContext) -> list[str]:
    again = replace(site, progress=Watcher())
    run_plan(steps[-1:], again)
    return watcher(again).begun


def forget(site: BuildContext, *steps: Step) -> None:
    for step in steps:
        site.store.result(step).rename(site.cache / f"forgotten-{step.name}")


def test_from_nothing_every_step_runs_in_order(chain: tuple[Step, ...], site: BuildContext) -> None:
    assert names_run(chain, site) == ["first", "second", "third", "last"]
    assert names_run(chain, site) == []


def test_a_lost_step_alone_runs_again(chain: tuple[Step, ...], site: BuildContext) -> None:
    run_plan(chain[-1:], site)
    forget(site, chain[3])
    assert names_run(chain, site) == ["last"]


def test_what_only_finished_steps_need_does_not_run(chain: tuple[Step, ...], site: BuildContext) -> None:
    run_plan(chain[-1:], site)
    forget(site, chain[0], chain[1])
    assert names_run(chain, site) == []


def test_what_an_unfinished_step_needs_runs_before_it(chain: tuple[Step, ...], site: BuildContext) -> None:
    run_plan(chain[-1:], site)
    forget(site, chain[0], chain[2], chain[3])
    assert names_run(chain, site) == ["first", "third", "last"]


def test_after_a_failure_the_finished_steps_stay(chain: tuple[Step, ...], source: Source, site: BuildContext) -> None:
    failing = a_step(source, ("false",), name="failing", inputs=(chain[1],))
    with pytest.raises(StepFailed, match="`false` failed"):
        run(failing, site)
    assert watcher(site).ended[-1][0] == "second"
    assert leftovers(site) == []
    assert names_run(chain, site) == ["third", "last"]


def test_two_plans_run_as_one_and_each_gets_its_result(source: Source, site: BuildContext) -> None:
    shared = a_step(source, name="shared")
    plans = [a_step(source, name=name, inputs=(shared,)) for name in ("one", "two")]
    results = run_plan((*plans, plans[0]), site)
    assert results == tuple(map(site.store.result, (*plans, plans[0])))
    assert all(files_in(result)["poem"] == POEM for result in results)
    assert watcher(site).begun == ["shared", "one", "two"]


def test_a_plan_that_is_done_keeps_no_other_from_running(chain: tuple[Step, ...], site: BuildContext) -> None:
    run_plan(chain[1:2], site)
    again = replace(site, progress=Watcher())
    run_plan((chain[1], chain[2]), again)
    assert watcher(again).begun == ["third"]


def test_steps_that_do_not_need_each_other_run_side_by_side(source: Source, site: BuildContext, tmp_path: Path) -> None:
    """Each waits for the other's word, in a pipe that nobody else opens."""
    for pipe in ("one", "two"):
        os.mkfifo(tmp_path / pipe)
    one = a_step(source, ("sh", "-c", f"echo word > {tmp_path}/one; cat {tmp_path}/two"), COPY, name="one")
    two = a_step(source, ("sh", "-c", f"cat {tmp_path}/one; echo word > {tmp_path}/two"), COPY, name="two")
    run_plan((one, two), with_jobs(site, 2))
    assert sorted(name for name, _ in watcher(site).ended) == ["one", "two"]


def test_a_failure_ends_the_commands_of_the_other_steps_and_leaves_nothing_of_them(
    source: Source, site: BuildContext, tmp_path: Path
) -> None:
    pids, ready = tmp_path / "pids", tmp_path / "ready"
    os.mkfifo(ready)
    long = a_step(source, ("sh", "-c", f"sleep 600 & echo $$ $! > {pids}; echo > {ready}; wait"), name="long")
    failing = a_step(source, ("sh", "-c", f"cat {ready}; exit 3"), name="failing")
    with pytest.raises(StepFailed, match="exit code 3"):
        run_plan((long, failing), with_jobs(site, 2))
    wait_until(lambda: not any(is_running(int(pid)) for pid in pids.read_text(encoding="ascii").split()))
    assert leftovers(site) == []
    assert not site.store.has(long)
    assert watcher(site).ended == []


def test_results_of_an_older_builder_are_told_of_and_left_alone(source: Source, site: BuildContext) -> None:
    step = a_step(source)
    older = site.cache / "store" / step.name / step.key
    older.mkdir(parents=True)
    (older / "step.json").write_text("{}", encoding="utf-8")
    assert files_in(run(step, site))["poem"] == POEM
    (note,) = (note for note in watcher(site).notes if "older builder" in note)
    assert "nox -s store -- prune" in note
    assert sorted(older.iterdir()) == [older / "step.json"]
    watcher(site).notes.clear()
    run(step, site)
    assert watcher(site).notes == []


def test_the_machine_is_looked_at_only_if_something_is_to_be_compiled(
    chain: tuple[Step, ...], source: Source, site: BuildContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_plan(chain[-1:], site)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert names_run(chain, site) == []
    assert names_run((Step("raw", "raw", Unpack(source, source.archives), (), {}, {}),), site) == ["raw"]
    forget(site, chain[3])
    with pytest.raises(MissingTool):
        names_run(chain, site)


def test_a_log_begins_afresh_with_each_try(source: Source, site: BuildContext) -> None:
    failing = a_step(source, ("sh", "-c", "echo once; exit 1"))
    for _ in range(2):
        with pytest.raises(StepFailed):
            run(failing, site)
    (log,) = (site.cache / "logs").iterdir()
    assert log.read_text(encoding="utf-8").count("\nonce\n") == 1


def test_a_source_that_cannot_be_had_leaves_nothing(source: Source, site: BuildContext) -> None:
    missing = replace(source, archives=(replace(source.archives[0], sha256="0" * 64),))
    with pytest.raises(FetchFailed):
        run(a_step(missing), site)
    assert leftovers(site) == []


def test_files_consumed_that_are_not_the_pinned_ones_are_refused(
    source: Source, site: BuildContext, tmp_path: Path
) -> None:
    with pytest.raises(WrongHash, match=r"files of thing 1\.0"):
        run(a_step(replace(source, consumed=Consumed(("poem",), "0" * 64))), site)
    (tmp_path / "poem").write_text(POEM, encoding="utf-8")
    right = Consumed(("po*",), tree_sha256(tmp_path, (tmp_path / "poem",)))
    assert run(a_step(replace(source, consumed=right)), site).is_dir()


def test_a_step_that_changes_what_it_consumes_is_found_out(source: Source, site: BuildContext, tmp_path: Path) -> None:
    (tmp_path / "poem").write_text(POEM, encoding="utf-8")
    pinned = Consumed(("poem",), tree_sha256(tmp_path, (tmp_path / "poem",)))
    with pytest.raises(WrongHash):
        run(a_step(replace(source, consumed=pinned), ("sed", "-i", "s/1/one/", "poem"), COPY), site)
