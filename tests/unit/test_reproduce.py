"""builder.reproduce: two builds under different circumstances, compared byte by byte.

The builder is a stand-in of a few lines; everything around it, namespaces included, is the real thing.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from builder import reproduce as module
from builder.errors import MissingTool, NotReproducible, StepFailed
from builder.reproduce import HOST, VARIATIONS, reproduce

from .fakes import PrivateMount, RecordingReport

# What the machine may lack, and what needs more than namespaces.
HEAVY = ("hostname", "randomness", "readdir", "clock")
LIGHT = tuple(variation.name for variation in VARIATIONS if variation.name not in HEAVY)

STAND_IN = """
import json, os, platform, sys
from pathlib import Path
output = Path(next(word for word in sys.argv if word.startswith("--output=")).removeprefix("--output="))
seen = {
    "environment": dict(os.environ), "arguments": sys.argv[1:], "output": str(output), "host": platform.node(),
    "cache": os.listdir(os.environ["STATIC_PYTHON_CACHE"]),
}
output.mkdir(parents=True)
made = output / "a.zip"
made.touch()
seen["mode"] = made.stat().st_mode & 0o777
with Path(os.environ["SEEN"]).open("a") as file:
    print(json.dumps(seen), file=file)
"""

Builder = Callable[..., list[dict[str, Any]]]
"""Takes the last lines of the builder's code, what to leave out, and what was built before."""


@pytest.fixture
def build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_mount: PrivateMount, report: RecordingReport
) -> Iterator[Builder]:
    """Reproduces with a builder that ends with some lines of code, and gives what its builds saw."""
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (tmp_path / "builder").mkdir()

    def run(ending: str, without: tuple[str, ...] = HEAVY, built: Path | None = None) -> list[dict[str, Any]]:
        (tmp_path / "builder" / "__main__.py").write_text(STAND_IN + ending, encoding="utf-8")
        reproduce(without, "host", "", tmp_path, report, built=built)
        return [json.loads(line) for line in (tmp_path / "seen").read_text(encoding="utf-8").splitlines()]

    before = os.umask(0o002)  # what the first build must not depend on
    yield run
    os.umask(before)


SAME = "made.write_text('same')\n"


def test_what_two_builds_agree_on_is_kept_and_what_they_do_not_is_not(
    tmp_path: Path, build: Builder, report: RecordingReport
) -> None:
    kept: list[list[str]] = []

    def keep(folder: Path) -> None:
        kept.append([path.name for path in folder.iterdir()])

    build(SAME)
    reproduce(HEAVY, "host", "", tmp_path, report, ("--arch=x86_64",), keep)
    assert kept == [["a.zip"]]
    seen = [json.loads(line) for line in (tmp_path / "seen").read_text(encoding="utf-8").splitlines()]
    assert [call["arguments"].count("--arch=x86_64") for call in seen] == [0, 0, 1, 1]
    (tmp_path / "builder" / "__main__.py").write_text(STAND_IN + "made.write_text(str(output))", encoding="utf-8")
    with pytest.raises(NotReproducible):
        reproduce(HEAVY, "host", "", tmp_path, report, (), keep)
    assert len(kept) == 1


def test_two_builds_that_agree_are_reported_with_their_checksum(build: Builder, report: RecordingReport) -> None:
    assert len(build(SAME)) == 2
    assert report.notes[-1] == "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5  a.zip"


def test_the_second_build_works_elsewhere_under_other_circumstances(build: Builder) -> None:
    first, second = build(SAME)
    assert first["output"] != second["output"]
    assert first["output"].count("/") < second["output"].count("/")
    for variation in VARIATIONS:
        for name, value in variation.environment.items():
            assert first["environment"].get(name) != value
            assert second["environment"][name] == value
    assert "--jobs=3" in second["arguments"]
    assert "--jobs=3" not in first["arguments"]
    assert "--in=host" in first["arguments"]
    assert (first["mode"], second["mode"]) == (0o644, 0o600)
    paths = [seen["environment"]["PATH"].split(os.pathsep) for seen in (first, second)]
    assert paths[0] == paths[1][::-1]


def test_a_variation_that_is_left_out_does_not_happen(build: Builder) -> None:
    _, second = build(SAME, (*HEAVY, *LIGHT))
    assert second["mode"] == 0o664
    assert "--jobs=3" not in second["arguments"]
    assert second["environment"].get("LOGNAME") == os.environ.get("LOGNAME")


@pytest.mark.skipif(shutil.which("hostname") is None, reason="needs the program hostname")
def test_the_second_build_believes_to_be_on_another_machine(build: Builder) -> None:
    first, second = build(SAME, tuple(name for name in (*HEAVY, *LIGHT) if name != "hostname"))
    assert second["host"] == HOST != first["host"]


def test_both_builds_begin_with_an_empty_cache(build: Builder) -> None:
    leave = "Path(os.environ['STATIC_PYTHON_CACHE'], 'left').touch()\n"
    assert [seen["cache"] for seen in build(SAME + leave)] == [[], []]


def test_the_second_build_takes_its_archives_from_the_first(build: Builder, tmp_path: Path) -> None:
    first, second = build(SAME)
    assert first["environment"]["STATIC_PYTHON_SOURCES"].split(os.pathsep)[0] == str(tmp_path / "downloads")
    expected = str(Path(first["environment"]["STATIC_PYTHON_CACHE"], "downloads"))
    assert second["environment"]["STATIC_PYTHON_SOURCES"] == expected


@pytest.mark.parametrize("possible", [True, False])
def test_a_container_for_the_second_build_is_worth_a_download(
    build: Builder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, report: RecordingReport, possible: bool
) -> None:
    asked: list[tuple[str, bool]] = []

    @contextmanager
    def open_executor(choice: str, image: str, host: object, _: object, *, auto_downloads: bool) -> Iterator[object]:
        asked.append((choice, auto_downloads))
        yield "a container" if possible else host

    monkeypatch.setattr(module, "open_executor", open_executor)
    build(SAME)
    reproduce(HEAVY, "auto", "debian11", tmp_path, report)
    *_, first, second = (json.loads(line)["arguments"] for line in (tmp_path / "seen").read_text("utf-8").splitlines())
    assert asked[-1] == ("auto", True)
    assert "--in=host" in first
    assert [word for word in second if word.startswith(("--in", "--image"))] == (
        ["--in=container", "--image=debian11"] if possible else ["--in=host"]
    )


def test_nothing_is_left_of_the_two_builds(build: Builder) -> None:
    assert not any(Path(seen["output"]).exists() for seen in build(SAME))


def test_two_builds_that_differ_are_an_error_that_names_the_files(build: Builder, report: RecordingReport) -> None:
    differing = (
        "made.write_text(str(output))\n(output / 'b.json').write_text('same')\n(output / 'c').write_text(str(output))\n"
    )
    with pytest.raises(NotReproducible) as caught:
        build(differing)
    assert caught.value.what == "The two builds differ in a.zip, c."
    assert "--without" in caught.value.do
    assert [note.endswith("DIFFERS") for note in report.notes[-3:]] == [True, False, True]


def test_one_bit_is_a_difference(build: Builder) -> None:
    one_bit = "made.write_bytes(bytes(5000) + bytes([os.environ.get('TZ') == 'Pacific/Kiritimati']))\n"
    with pytest.raises(NotReproducible):
        build(one_bit)


def test_a_file_that_only_one_build_makes_is_a_difference(build: Builder) -> None:
    only_second = SAME + "if '--jobs=3' in sys.argv: (output / 'more').touch()\n"
    with pytest.raises(NotReproducible, match="differ in more"):
        build(only_second)


@pytest.mark.parametrize("content", ["same", "other", None])
def test_what_was_built_before_may_be_the_first_build(build: Builder, tmp_path: Path, content: str | None) -> None:
    built = tmp_path / "built"
    built.mkdir()
    (built / "README.md").touch()
    (built / "SHA256SUMS").write_text("of other layers too", encoding="utf-8")
    if content:
        (built / "a.zip").write_text(content, encoding="utf-8")
    if content == "same":
        assert len(build(SAME + "(output / 'SHA256SUMS').touch()\n", HEAVY, built)) == 1
    else:
        with pytest.raises(NotReproducible, match=r"differ in a\.zip"):
            build(SAME, HEAVY, built)
    assert (built / "README.md").exists()


def test_without_diffoscope_the_error_says_how_to_get_it(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "diffoscope" else which(name))
    with pytest.raises(NotReproducible, match="diffoscope-minimal"):
        build("made.write_text(str(output))\n")


@pytest.mark.parametrize("when", ["True", "'--jobs=3' in sys.argv"], ids=["first", "second"])
def test_a_build_that_fails_is_not_compared(build: Builder, when: str) -> None:
    with pytest.raises(StepFailed, match="One of the two builds failed"):
        build(SAME + f"if {when}: sys.exit(16)\n")


def test_what_a_variation_set_up_is_taken_down_and_the_builders_failure_stays(
    build: Builder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    extra = module.Variation("extra", "a test's own", setup=f"touch {tmp_path}/up", teardown=f"touch {tmp_path}/down")
    monkeypatch.setattr(module, "VARIATIONS", (*VARIATIONS, extra))
    with pytest.raises(StepFailed):
        build(SAME + "if '--jobs=3' in sys.argv: sys.exit(16)\n")
    assert (tmp_path / "up").exists()
    assert (tmp_path / "down").exists()


def test_missing_tools_are_named_with_their_packages_and_how_to_do_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: RecordingReport
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool) as caught:
        reproduce((), "host", "", tmp_path, report)
    error = caught.value
    tools = {tool: package for variation in VARIATIONS for tool, package in variation.tools.items()}
    for tool, package in {**tools, "unshare": "util-linux"}.items():
        assert tool in error.why
        assert package in error.do.splitlines()[0]
    without = error.do.splitlines()[1].split("leave out: ")[1].split()
    assert without == [f"--without={variation.name}" for variation in VARIATIONS if variation.tools]
    assert report.notes == []


def test_tools_of_what_is_left_out_are_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: RecordingReport
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool) as caught:
        reproduce(HEAVY, "host", "", tmp_path, report)
    assert caught.value.why == "Not found: unshare."


def test_the_names_of_variations_are_words_for_the_command_line() -> None:
    names = [variation.name for variation in VARIATIONS]
    assert len(set(names)) == len(names)
    assert all(name.isalpha() and name.islower() for name in names)
