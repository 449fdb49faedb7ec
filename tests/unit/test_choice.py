"""builder.executors.choice: a container or the host, and one line that says which, and why."""

import gc
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from builder.errors import ContainerFailed, NoEngine, NoImage
from builder.executors import Executor, choice
from builder.executors import images as images_module
from builder.executors.choice import Choice, open_executor
from builder.executors.engine import Engine
from builder.executors.host import Host
from builder.executors.images import Image, Images
from builder.fetch import SOURCES_VARIABLE, url
from builder.pins import Archive
from builder.platform import this_machine

from .fake_engine import FakeEngine, run_engine
from .fakes import FileServer, RecordingReport, whole

ROOT_FS = b"a root file system"
NAME = "tested"
ON_HOST = "building on the host. "
IN_CONTAINER = f"building in a container of {NAME}"

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as in test_engine


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the engine's socket should be."""
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    yield path
    gc.collect()  # connections that the SDK forgets


@pytest.fixture
def engine(address: Path) -> Iterator[FakeEngine]:
    with run_engine(address) as running:
        yield running


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "cache", tmp_path, 1)


@pytest.fixture(autouse=True)
def _image(tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One image is known, whose root file system a test's server has, and what a container would be is a name."""
    server.answers = [whole(ROOT_FS)]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv(SOURCES_VARIABLE, raising=False)
    monkeypatch.setattr(url, "_unreachable", set())
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setattr(images_module, "IMAGES_FILE", folder / "images.toml")
    (folder / f"{NAME}.Dockerfile").write_text("ARG ROOT\nFROM ${ROOT}\nRUN dnf install make\n", encoding="utf-8")
    sha256 = hashlib.sha256(ROOT_FS).hexdigest()
    archive = Archive("root.tar.xz", sha256, 0, server.url, machine=this_machine().machine)
    known = {NAME: Image(NAME, (archive,)), "later": Image("later", root=NAME)}
    monkeypatch.setattr(choice, "Images", partial(Images, known=known))

    @contextmanager
    def started(_: Engine, reference: str, __: Host) -> Iterator[str]:
        yield reference

    monkeypatch.setattr(choice, "container_executor", started)


def chosen(host: Host, report: RecordingReport, asked: Choice = "auto", image: str = NAME) -> object:
    with open_executor(asked, image, host, report) as executor:
        return executor


def only_line(report: RecordingReport) -> str:
    """The one that says which executor it is; others say what is being done for it."""
    (line,) = [note for note in report.notes if note.startswith("building")]
    assert report.notes[-1] == line
    assert "\n" not in line
    return line


def make(engine: FakeEngine, host: Host, server: FileServer) -> None:
    """Lets the engine have the image and its root already, and nothing else: as after an earlier build elsewhere."""
    chosen(host, RecordingReport(), "container")
    shutil.rmtree(host.cache / "downloads")
    engine.requests.clear()
    server.ranges.clear()


def test_the_host_that_was_asked_for_needs_no_engine_and_no_words(
    engine: FakeEngine, host: Host, report: RecordingReport
) -> None:
    assert chosen(host, report, "host") is host
    assert (engine.requests, report.notes) == ([], [])


def test_auto_builds_on_the_host_where_there_is_no_engine_and_says_why(
    address: Path, host: Host, report: RecordingReport
) -> None:
    assert chosen(host, report) is host
    assert only_line(report).startswith(ON_HOST)
    assert f"unix://{address}: No such file" in only_line(report)


def test_a_container_that_was_asked_for_is_never_replaced_by_the_host(
    address: Path, host: Host, report: RecordingReport
) -> None:
    with pytest.raises(NoEngine):
        chosen(host, report, "container")
    assert report.notes == []


def test_auto_takes_the_image_that_the_engine_has(
    engine: FakeEngine, host: Host, server: FileServer, report: RecordingReport
) -> None:
    make(engine, host, server)
    assert str(chosen(host, report)).startswith("localhost/")
    assert only_line(report) == f"{IN_CONTAINER}: an engine answers, and has the image"
    assert (engine.asked_for, server.ranges) == ([], [])


def test_auto_takes_a_made_image_whose_root_is_gone(
    engine: FakeEngine, host: Host, server: FileServer, report: RecordingReport
) -> None:
    make(engine, host, server)
    engine.images = {image for image in engine.images if ":root-" not in image}
    chosen(host, report)
    assert only_line(report).startswith(IN_CONTAINER)
    assert engine.asked_for == []


def test_auto_never_downloads_a_root_and_says_how_to_get_it(
    engine: FakeEngine, host: Host, server: FileServer, report: RecordingReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits"))
    assert chosen(host, report) is host
    assert only_line(report).startswith(f"{ON_HOST}The image {NAME} is not at hand.")
    assert "--in=container" in only_line(report)
    assert (report.notes, report.transfers) == ([only_line(report)], [])
    assert (engine.asked_for, server.ranges) == ([], [])
    assert not host.cache.exists()


def test_a_container_that_was_asked_for_downloads_its_root_and_says_so(
    engine: FakeEngine, host: Host, server: FileServer, report: RecordingReport
) -> None:
    assert chosen(host, report, "container") in engine.images
    assert only_line(report) == IN_CONTAINER
    assert [name.partition(" ")[0] for name, _ in report.transfers] == ["root.tar.xz"]
    assert len(server.ranges) == 1


def test_auto_downloads_for_who_wants_it(
    engine: FakeEngine, host: Host, server: FileServer, report: RecordingReport
) -> None:
    with open_executor("auto", NAME, host, report, auto_downloads=True) as executor:
        assert executor is not host
    assert len(server.ranges) == 1


@pytest.mark.parametrize("image", [NAME, "later"])
def test_auto_makes_the_image_of_a_root_in_the_download_cache(
    engine: FakeEngine, host: Host, server: FileServer, report: RecordingReport, image: str
) -> None:
    chosen(host, RecordingReport(), "container")
    engine.images.clear()
    server.ranges.clear()
    assert chosen(host, report, image=image) in engine.images
    assert only_line(report).startswith(f"building in a container of {image}")
    assert server.ranges == []


def test_auto_makes_the_image_of_a_root_in_a_folder_of_sources(
    engine: FakeEngine,
    host: Host,
    server: FileServer,
    report: RecordingReport,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "root.tar.xz").write_bytes(ROOT_FS)
    monkeypatch.setenv(SOURCES_VARIABLE, os.pathsep.join((str(tmp_path / "nothing"), str(sources))))
    assert chosen(host, report) in engine.images
    assert only_line(report).startswith(IN_CONTAINER)
    assert f"making {NAME} by {NAME}.Dockerfile" in report.notes
    assert server.ranges == []


def test_a_file_of_the_roots_name_with_other_bytes_is_not_at_hand(
    engine: FakeEngine, host: Host, report: RecordingReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "root.tar.xz").write_bytes(ROOT_FS[:-1])
    monkeypatch.setenv(SOURCES_VARIABLE, str(sources))
    assert chosen(host, report) is host
    assert "not at hand" in only_line(report)


def test_auto_never_pulls_an_image_that_only_a_registry_may_have(
    engine: FakeEngine, host: Host, report: RecordingReport
) -> None:
    assert chosen(host, report, image="registry.example/image:1") is host
    assert "not at hand" in only_line(report)
    assert engine.asked_for == []
    engine.images.add("registry.example/image:1")
    assert str(chosen(host, RecordingReport(), image="registry.example/image:1")) == "registry.example/image:1"


DNF: list[dict[str, Any]] = [
    {"stream": "Step 3/3 : RUN dnf install make\n"},
    {"stream": " ---> Running in 07985e8f0564\n"},
    {"stream": "\x1b[91mError: Cannot prepare internal mirrorlist\n\x1b[0m"},
    {"stream": "Removing intermediate container 07985e8f0564\n"},
    {"errorDetail": {"code": 1, "message": "dnf returned 1"}, "error": "dnf returned 1"},
]


def test_auto_builds_on_the_host_where_the_images_packages_cannot_be_had(
    engine: FakeEngine, host: Host, server: FileServer, report: RecordingReport
) -> None:
    make(engine, host, server)
    engine.images = {image for image in engine.images if ":root-" in image}
    engine.build = DNF
    assert chosen(host, report) is host
    assert only_line(report) == f"{ON_HOST}The image {NAME} cannot be made. Error: Cannot prepare internal mirrorlist."
    with pytest.raises(NoImage) as caught:
        chosen(host, report, "container")
    assert "dnf returned 1" not in caught.value.why.splitlines()[0]
    assert "| Step 3/3 : RUN dnf install make" in caught.value.why


def test_where_no_command_failed_the_engine_has_the_reason(
    engine: FakeEngine, host: Host, server: FileServer, report: RecordingReport
) -> None:
    make(engine, host, server)
    engine.images = {image for image in engine.images if ":root-" in image}
    engine.build = [DNF[0], {"errorDetail": {"message": "out of memory"}, "error": "out of memory"}]
    assert chosen(host, report) is host
    assert only_line(report).endswith("cannot be made. out of memory.")


def test_auto_builds_on_the_host_where_the_engine_cannot_start_the_container(
    engine: FakeEngine, host: Host, server: FileServer, report: RecordingReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def refused(*_: object) -> Iterator[Executor]:
        raise ContainerFailed("The engine could not start it.", "No cgroups.\nMore of it.", "")
        yield

    make(engine, host, server)
    monkeypatch.setattr(choice, "container_executor", refused)
    assert chosen(host, report) is host
    assert only_line(report) == f"{ON_HOST}The engine could not start it. No cgroups."
    with pytest.raises(ContainerFailed):
        chosen(host, report, "container")


def test_what_a_build_in_a_container_fails_with_is_not_taken_for_a_lack_of_one(
    engine: FakeEngine, host: Host, server: FileServer, report: RecordingReport
) -> None:
    make(engine, host, server)
    with pytest.raises(ContainerFailed), open_executor("auto", NAME, host, report):
        raise ContainerFailed("It is gone.", "Somebody killed it.", "")
    assert only_line(report).startswith(IN_CONTAINER)
