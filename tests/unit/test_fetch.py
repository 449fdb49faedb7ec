"""builder.fetch: every way to a file ends in the same check."""

import hashlib
import os
import re
import sys
import textwrap
import zipfile
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from builder import fetch as fetch_package
from builder.errors import BuildError, FetchFailed, WrongHash
from builder.fetch import SOURCES_VARIABLE, debian, fetch, pool, pypi, url
from builder.pins import Archive, load_pins

from .fakes import FileServer, RecordingReport, a_source, cut_after, held_ports, rest, status, wait_until, whole

CONTENT = bytes(range(256)) * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()
ARCHIVE = Archive("thing-1.0.tar.gz", SHA, len(CONTENT))


@pytest.fixture(autouse=True)
def impatient_and_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between tries, no memory of other tests, nothing of the machine's own settings."""
    monkeypatch.setattr(url, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(url, "_unreachable", set())
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv(SOURCES_VARIABLE, raising=False)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")


@pytest.fixture
def archive(server: FileServer) -> Archive:
    """An archive that the test's server has."""
    return replace(ARCHIVE, url=server.url)


def get(cache: Path, report: RecordingReport, *archives: Archive) -> Path:
    """Fetches, and checks what must hold after every success."""
    path = fetch(a_source(*archives), archives, cache, report)
    assert path.read_bytes() == CONTENT
    assert left_in(cache) == [path.name]
    return path


def failure(cache: Path, report: RecordingReport, *archives: Archive) -> BuildError:
    """Fails to fetch, and checks what must hold after every failure."""
    with pytest.raises((FetchFailed, WrongHash)) as caught:
        fetch(a_source(*archives), archives, cache, report)
    error = caught.value
    assert not [name for name in left_in(cache) if not name.endswith(".part")]
    assert SOURCES_VARIABLE in error.do
    for archive in archives:
        assert archive.sha256 in error.do
    assert isinstance(error, BuildError)
    return error


def left_in(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "downloads").iterdir() if path.suffix != ".lock")


def part_of(archive: Archive, cache: Path) -> Path:
    """The file that an interrupted download leaves."""
    part = cache / "downloads" / f"{archive.sha256[:12]}-thing-1.0.tar.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    return part


# The cache.


def test_a_file_in_the_cache_is_not_fetched_again(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    server.answers = [whole(CONTENT)]
    assert get(tmp_path, report, archive) == get(tmp_path, report, archive)
    assert len(server.ranges) == 1


def test_a_damaged_file_in_the_cache_is_replaced(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    server.answers = [whole(CONTENT)]
    get(tmp_path, report, archive).write_bytes(CONTENT[:-1] + b"!")
    get(tmp_path, report, archive)
    assert len(server.ranges) == 2


def test_any_form_in_the_cache_will_do(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    server.answers = [whole(CONTENT)]
    path = get(tmp_path, report, archive)
    other = replace(archive, sha256=SHA[::-1])
    assert get(tmp_path, report, other, archive) == path
    assert len(server.ranges) == 1


def test_another_build_after_the_same_file_is_waited_for(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    free: list[bool] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        lock = FileLock(tmp_path / "downloads" / "thing.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            free.append(False)
        else:
            free.append(True)
            lock.release()
        whole(CONTENT)(request)

    server.answers = [answer]
    get(tmp_path, report, archive)
    assert free == [False]


# STATIC_PYTHON_SOURCES.


def test_the_users_folders_come_before_the_network(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = [whole(CONTENT)]
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    full.mkdir()
    (full / "whatever it is called").write_bytes(CONTENT)
    folders = (tmp_path / "missing", empty, full)
    monkeypatch.setenv(SOURCES_VARIABLE, os.pathsep.join(map(str, folders)))
    get(tmp_path / "cache", report, archive)
    assert server.ranges == []
    assert (full / "whatever it is called").exists()


def test_the_cache_comes_before_the_users_folders(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = [whole(CONTENT)]
    get(tmp_path / "cache", report, archive)
    (tmp_path / "mine").write_bytes(CONTENT)
    monkeypatch.setenv(SOURCES_VARIABLE, str(tmp_path))
    get(tmp_path / "cache", report, archive)
    assert report.notes == []  # a file taken from a folder is noted


def test_a_file_of_the_right_name_and_size_with_other_bytes_is_not_taken(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = [whole(CONTENT)]
    (tmp_path / archive.file).write_bytes(bytes(len(CONTENT)))
    monkeypatch.setenv(SOURCES_VARIABLE, str(tmp_path))
    get(tmp_path / "cache", report, archive)
    assert len(server.ranges) == 1


def test_any_form_in_the_users_folders_will_do(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").write_bytes(CONTENT)
    monkeypatch.setenv(SOURCES_VARIABLE, str(tmp_path))
    get(tmp_path / "cache", report, replace(archive, sha256=SHA[::-1]), archive)
    assert server.ranges == []


def test_without_any_way_the_error_says_what_to_put_where(tmp_path: Path, report: RecordingReport) -> None:
    error = failure(tmp_path, report, ARCHIVE)
    assert isinstance(error, FetchFailed)
    assert "thing 1.0" in error.what
    assert ARCHIVE.file in error.do


# Upstream's URL.


def test_a_download_shows_its_progress_and_says_who_asks(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    server.answers = [whole(CONTENT)]
    get(tmp_path, report, archive)
    assert report.transfers == [(f"{archive.file} from 127.0.0.1:{server.port}", archive.size)]
    assert report.progress == sorted(report.progress)
    assert report.progress[-1] == len(CONTENT)
    assert str(server.agents[0]).startswith("static-python-layer/")


@pytest.mark.parametrize("code", [403, 404, 410])
def test_a_server_that_does_not_have_the_file_is_asked_once(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive, code: int
) -> None:
    server.answers = [status(code)]
    error = failure(tmp_path, report, archive)
    assert isinstance(error, FetchFailed)
    assert f"the server answers {code}" in error.why
    assert server.url in error.why
    assert len(server.ranges) == 1


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_server_in_trouble_is_asked_again(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive, code: int
) -> None:
    server.answers = [status(code), status(code), whole(CONTENT)]
    get(tmp_path, report, archive)
    assert len(report.notes) == 2
    assert f"the server answers {code}; trying again" in report.notes[0]


def test_a_server_that_stays_in_trouble_is_given_up(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    server.answers = [status(500)]
    error = failure(tmp_path, report, archive)
    assert isinstance(error, FetchFailed)
    assert "the server answers 500" in error.why
    assert len(server.ranges) == 1 + len(url.PAUSES)


def test_a_server_that_never_answers_is_given_up(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(url, "TIMEOUT", (5.0, 0.05))
    server.answers = [server.hang]
    error = failure(tmp_path, report, archive)
    assert isinstance(error, FetchFailed)
    assert "timed out" in error.why.lower()
    wait_until(lambda: len(server.ranges) >= 1 + len(url.PAUSES))  # it may read the last request after we gave up
    assert len(server.ranges) == 1 + len(url.PAUSES)


def test_a_server_that_falls_silent_is_asked_for_the_rest(
    tmp_path: Path, report: RecordingReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds in (0.2, 2.0, 20.0):
        monkeypatch.setattr(url, "TIMEOUT", (60.0, seconds))
        with FileServer() as server:
            server.answers = [server.hang_after(CONTENT, 100_000), rest(CONTENT)]
            with suppress(FetchFailed):
                get(tmp_path / str(seconds), report, replace(ARCHIVE, url=server.url))
                if None not in server.ranges[1:]:
                    break  # else, on a busy machine, it was silent before its first piece
    first, second, *_ = server.ranges
    assert first is None
    assert str(second).startswith("bytes=")
    assert second != "bytes=0-"


def test_a_server_that_hangs_up_at_once_is_asked_again(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    server.answers = [lambda request: None, whole(CONTENT)]
    get(tmp_path, report, archive)
    assert len(server.ranges) == 2


def test_a_truncated_download_is_resumed_where_it_ended(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    server.answers = [cut_after(CONTENT, 100_000), rest(CONTENT)]
    get(tmp_path, report, archive)
    first, second = server.ranges
    assert first is None
    assert 0 < int(str(second).removeprefix("bytes=").removesuffix("-")) <= 100_000


def test_an_answer_that_is_shorter_than_the_pinned_file_is_resumed(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    server.answers = [whole(CONTENT[:1000]), rest(CONTENT)]
    get(tmp_path, report, archive)
    assert server.ranges == [None, "bytes=1000-"]


def test_what_a_killed_run_left_is_resumed(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    part_of(archive, tmp_path).write_bytes(CONTENT[:5000])
    server.answers = [rest(CONTENT)]
    get(tmp_path, report, archive)
    assert server.ranges == ["bytes=5000-"]


def test_what_a_killed_run_finished_is_not_asked_for_again(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    part_of(archive, tmp_path).write_bytes(CONTENT)
    get(tmp_path, report, archive)
    assert server.ranges == []


def test_a_beginning_that_belongs_to_another_file_is_thrown_away(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    part_of(archive, tmp_path).write_bytes(b"<html>" * 100)
    server.answers = [rest(CONTENT), whole(CONTENT)]
    get(tmp_path, report, archive)
    assert server.ranges == ["bytes=600-", None]


def test_a_server_that_ignores_ranges_is_heard_from_the_beginning(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    server.answers = [cut_after(CONTENT, 100_000), whole(CONTENT)]
    get(tmp_path, report, archive)
    assert server.ranges[1] is not None


def test_a_server_that_refuses_the_range_is_asked_for_all_of_it(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    part_of(archive, tmp_path).write_bytes(CONTENT[:5000])
    server.answers = [status(416), whole(CONTENT)]
    get(tmp_path, report, archive)
    assert server.ranges == ["bytes=5000-", None]


def test_a_server_that_always_cuts_short_is_given_up_and_what_came_is_kept(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    server.answers = [whole(CONTENT[:1000])]
    error = failure(tmp_path, report, archive)
    assert isinstance(error, FetchFailed)
    assert f"ended after 1000 of {len(CONTENT)} bytes" in error.why
    assert part_of(archive, tmp_path).read_bytes() == CONTENT[:1000]


def test_a_server_that_sends_too_much_is_cut_off(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    server.answers = [whole(CONTENT + b"!")]
    error = failure(tmp_path, report, archive)
    assert isinstance(error, FetchFailed)
    assert f"more than the pinned {len(CONTENT)} bytes" in error.why
    assert left_in(tmp_path) == []
    assert len(server.ranges) == 1


def test_wrong_bytes_are_refused_and_removed(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    wrong = bytes(len(CONTENT))
    server.answers = [whole(wrong)]
    error = failure(tmp_path, report, archive)
    assert isinstance(error, WrongHash)
    assert hashlib.sha256(wrong).hexdigest() in error.why
    assert SHA in error.why
    assert left_in(tmp_path) == []


def test_after_wrong_bytes_the_next_form_is_tried(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    server.answers = [whole(bytes(len(CONTENT))), whole(CONTENT)]
    get(tmp_path, report, replace(archive, file="other.tar.gz", sha256=SHA[::-1]), archive)


def test_a_redirection_is_followed(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive
) -> None:
    def elsewhere(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", "/elsewhere")
        request.send_header("Content-Length", "0")
        request.end_headers()

    server.answers = [elsewhere, whole(CONTENT)]
    get(tmp_path, report, archive)


def test_a_server_that_cannot_be_reached_is_not_tried_for_the_next_file(
    tmp_path: Path, report: RecordingReport
) -> None:
    with held_ports(1) as (port,):
        archive = replace(ARCHIVE, url=f"http://127.0.0.1:{port}/file")
        error = failure(tmp_path, report, archive)
        assert isinstance(error, FetchFailed)
        assert "refused" in error.why
        assert report.notes == []  # tries that are repeated are noted
        with FileServer(port) as late:
            late.answers = [whole(CONTENT)]
            assert "could not be reached" in failure(tmp_path, report, archive).why
            assert late.ranges == []


# Debian's source package. The machine's apt would need a network, so a stand-in for it is what PATH leads to.

FAKE_APT = """\
    #!{python}
    import os, sys
    here = os.path.dirname(os.path.abspath(__file__))
    arguments = sys.argv[1:]
    with open(os.path.join(here, "asked"), "a") as log:
        log.write(" ".join(arguments) + "\\n")
    if "indextargets" in arguments:
        print(open(os.path.join(here, "mirrors")).read(), end="")
    elif "update" in arguments:
        options = dict(word.split("=", 1) for word in arguments if "=" in word)
        with open(os.path.join(here, "sources"), "w") as seen:
            seen.write(open(options["Dir::Etc::sourcelist"]).read())
    elif "source" in arguments:
        if not os.path.isdir(os.path.join(here, "package")):
            sys.exit("E: Can not find version '1.0-1' of package 'thing'")
        for name in os.listdir(os.path.join(here, "package")):
            with open(os.path.join(here, "package", name), "rb") as file, open(name, "wb") as copy:
                copy.write(file.read())
"""


@pytest.fixture
def apt(tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a stand-in for apt-get that is the only program on PATH; its mirror is the test's server."""
    server.answers = [status(404)]
    folder = tmp_path / "apt"
    (folder / "package").mkdir(parents=True)
    (folder / "package" / "thing_1.0.orig.tar.gz").write_bytes(CONTENT)
    (folder / "package" / "thing_1.0.orig-docs.tar.gz").write_bytes(b"documentation")
    (folder / "mirrors").write_text(
        f"http://a-security.example/debian Debian\nhttp://127.0.0.1:{server.port}/debian/ Debian\n", encoding="utf-8"
    )
    program = folder / "apt-get"
    program.write_text(textwrap.dedent(FAKE_APT).format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)
    keyring = tmp_path / "keyring.gpg"
    keyring.touch()
    monkeypatch.setattr(debian, "KEYRING", keyring)
    monkeypatch.setenv("PATH", str(folder))
    return folder


DEBIAN = replace(ARCHIVE, debian="thing=1.0-1")


def test_debians_source_package_is_fetched_through_apt(tmp_path: Path, report: RecordingReport, apt: Path) -> None:
    get(tmp_path / "cache", report, DEBIAN)
    *_, update, source = (apt / "asked").read_text(encoding="utf-8").splitlines()
    assert update.endswith(" update")
    assert source.endswith(" source --download-only --tar-only thing=1.0-1")


def test_apt_works_in_a_folder_of_its_own_on_the_machines_own_mirror(
    tmp_path: Path, report: RecordingReport, server: FileServer, apt: Path
) -> None:
    get(tmp_path / "cache", report, DEBIAN)
    for option in ("Dir::Etc::sourceparts=/dev/null", "Dir::State::lists=", "Dir::Cache=", "APT::Sandbox::User="):
        assert option in (apt / "asked").read_text(encoding="utf-8").splitlines()[-1]
    signed = f"[signed-by={debian.KEYRING}]"
    assert (apt / "sources").read_text(encoding="utf-8").splitlines() == [
        f"deb-src {signed} http://127.0.0.1:{server.port}/debian {suite} main" for suite in ("stable", "testing")
    ]


def test_the_url_is_tried_before_debian(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive, apt: Path
) -> None:
    server.answers = [whole(CONTENT)]
    get(tmp_path / "cache", report, replace(archive, debian="thing=1.0-1"))
    assert server.paths == ["/file"]
    assert not (apt / "asked").exists()


def test_debian_is_tried_when_the_url_fails(
    tmp_path: Path, report: RecordingReport, server: FileServer, archive: Archive, apt: Path
) -> None:
    server.answers = [status(404)]
    get(tmp_path / "cache", report, replace(archive, debian="thing=1.0-1"))
    assert (apt / "asked").exists()


def test_debians_versions_are_listed_with_the_sha256_of_their_files(apt: Path) -> None:
    files = "Files:\n {} 5 a.orig.tar.xz\nChecksums-Sha256:\n {} 5 a.orig.tar.xz\n {} 77 b.dsc\n"
    paragraph = f"Package: thing\nVersion: {{}}\n{files}"
    said = "\n".join(paragraph.format(version, "0" * 32, "a" * 64, "b" * 64) for version in ("1:1.0-1", "1.1-1"))
    program = apt / "apt-cache"
    program.write_text(f"#!{sys.executable}\nprint({said!r})\n", encoding="utf-8")
    program.chmod(0o755)
    found = (Archive("a.orig.tar.xz", "a" * 64, 5, debian=f"thing={version}") for version in ("1:1.0-1", "1.1-1"))
    assert debian.listed(["thing"]) == tuple(found)


def test_a_version_that_debian_does_not_have_is_unobtainable_in_apts_words(
    tmp_path: Path, report: RecordingReport, apt: Path
) -> None:
    (apt / "package").rename(apt / "other")
    error = failure(tmp_path / "cache", report, DEBIAN)
    assert isinstance(error, FetchFailed)
    assert "Debian's thing=1.0-1: E: Can not find version '1.0-1'" in error.why


def test_a_package_without_an_archive_of_the_pinned_size_is_unobtainable(
    tmp_path: Path, report: RecordingReport, apt: Path
) -> None:
    (apt / "package" / "thing_1.0.orig.tar.gz").write_bytes(b"another one")
    error = failure(tmp_path / "cache", report, DEBIAN)
    assert isinstance(error, FetchFailed)
    assert f"no archive of {len(CONTENT)} bytes" in error.why


def test_debians_archive_with_other_bytes_is_refused(tmp_path: Path, report: RecordingReport, apt: Path) -> None:
    (apt / "package" / "thing_1.0.orig.tar.gz").write_bytes(bytes(len(CONTENT)))
    error = failure(tmp_path / "cache", report, DEBIAN)
    assert isinstance(error, WrongHash)
    assert left_in(tmp_path / "cache") == []


def test_a_machine_without_apt_says_so(
    tmp_path: Path, report: RecordingReport, apt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = failure(tmp_path / "cache", report, DEBIAN)
    assert isinstance(error, FetchFailed)
    assert error.why == "Debian's thing=1.0-1: this machine has no apt."  # once, though two ways say so


def test_a_machine_without_debians_keyring_says_which_package_has_it(
    tmp_path: Path, report: RecordingReport, apt: Path
) -> None:
    debian.KEYRING.unlink()
    assert "debian-archive-keyring" in failure(tmp_path / "cache", report, DEBIAN).why


def test_a_machine_whose_apt_knows_no_debian_mirror_says_so(tmp_path: Path, report: RecordingReport, apt: Path) -> None:
    (apt / "mirrors").write_text("http://archive.ubuntu.example/ubuntu/ Ubuntu\n", encoding="utf-8")
    assert "no Debian mirror" in failure(tmp_path / "cache", report, DEBIAN).why


# The pool of Debian's mirror, when apt knows the version no more.

POOLED = "/debian/pool/main/t/thing/thing_1.0.orig.tar.gz"


@pytest.fixture
def forgotten(apt: Path) -> Path:
    """The stand-in for apt, whose suites do not list the version any more."""
    (apt / "package").rename(apt / "other")
    return apt


def test_a_version_that_no_suite_lists_is_taken_from_the_pool_of_apts_mirror(
    tmp_path: Path, report: RecordingReport, server: FileServer, forgotten: Path
) -> None:
    server.answers = [whole(CONTENT)]
    get(tmp_path / "cache", report, replace(DEBIAN, file="Thing-1.0.tar.gz"))
    assert server.paths == [POOLED]
    assert report.notes[-1] == "Thing-1.0.tar.gz: asking Debian's pool for thing_1.0.orig.tar.gz"
    assert report.progress[-1] == len(CONTENT)


def test_the_pool_is_not_asked_for_what_a_suite_lists(
    tmp_path: Path, report: RecordingReport, server: FileServer, apt: Path
) -> None:
    get(tmp_path / "cache", report, DEBIAN)
    assert server.paths == []


def test_a_download_from_the_pool_is_resumed(
    tmp_path: Path, report: RecordingReport, server: FileServer, forgotten: Path
) -> None:
    server.answers = [cut_after(CONTENT, 100_000), rest(CONTENT)]
    get(tmp_path / "cache", report, DEBIAN)
    assert server.ranges[0] is None
    assert str(server.ranges[1]).startswith("bytes=")


def test_other_bytes_in_the_pool_are_refused(
    tmp_path: Path, report: RecordingReport, server: FileServer, forgotten: Path
) -> None:
    server.answers = [whole(bytes(len(CONTENT)))]
    assert isinstance(failure(tmp_path / "cache", report, DEBIAN), WrongHash)
    assert left_in(tmp_path / "cache") == []


def test_after_other_bytes_of_apt_the_pool_may_have_the_right_ones(
    tmp_path: Path, report: RecordingReport, server: FileServer, apt: Path
) -> None:
    (apt / "package" / "thing_1.0.orig.tar.gz").write_bytes(bytes(len(CONTENT)))
    server.answers = [whole(CONTENT)]
    get(tmp_path / "cache", report, DEBIAN)


def test_the_pool_takes_no_keyring(tmp_path: Path, report: RecordingReport, server: FileServer, apt: Path) -> None:
    debian.KEYRING.unlink()
    server.answers = [whole(CONTENT)]
    get(tmp_path / "cache", report, DEBIAN)


def test_a_mirror_that_no_web_server_is_says_so(tmp_path: Path, report: RecordingReport, forgotten: Path) -> None:
    (forgotten / "mirrors").write_text("file:/srv/debian Debian\n", encoding="utf-8")
    error = failure(tmp_path / "cache", report, DEBIAN)
    assert "Debian's thing=1.0-1: its pool is at file:/srv/debian, and only http and https" in error.why


@pytest.mark.parametrize(
    ("version", "file", "path"),
    [
        ("python3.14=3.14.7-1", "Python-3.14.7.tar.xz", "p/python3.14/python3.14_3.14.7.orig.tar.xz"),
        ("python3.15=3.15.0~rc1-1", "Python-3.15.0rc1.tar.xz", "p/python3.15/python3.15_3.15.0~rc1.orig.tar.xz"),
        ("libzip=1.11.4-2", "libzip-1.11.4.tar.xz", "libz/libzip/libzip_1.11.4.orig.tar.xz"),
        ("zlib=1:1.3+really1.4-3", "zlib-1.4.tar.gz", "z/zlib/zlib_1.3+really1.4.orig.tar.gz"),
        ("odd=2:1.0-rc-1", "odd.tar.bz2", "o/odd/odd_1.0-rc.orig.tar.bz2"),
        ("thing=1.0-1", "thing_1.0.orig-docs.tar.gz", "t/thing/thing_1.0.orig-docs.tar.gz"),
    ],
    ids=["revision", "candidate", "library", "epoch", "dash", "component"],
)
def test_a_package_and_its_version_say_where_in_the_pool_an_archive_is(version: str, file: str, path: str) -> None:
    assert pool.pool_path(replace(ARCHIVE, file=file, debian=version)) == f"pool/main/{path}"


def test_every_pinned_archive_of_debian_has_a_place_in_the_pool() -> None:
    archives = [archive for source in load_pins().sources.values() for archive in source.archives if archive.debian]
    assert archives
    for archive in archives:
        package = archive.debian.partition("=")[0]
        assert re.fullmatch(rf"pool/main/\w+/{package}/{package}_[^:/-]+\.orig\.tar\.\w+", pool.pool_path(archive))


def test_an_archive_of_another_kind_is_not_in_the_pool(
    tmp_path: Path, report: RecordingReport, server: FileServer, forgotten: Path
) -> None:
    error = failure(tmp_path / "cache", report, replace(DEBIAN, file="thing.zip"))
    assert "Debian's thing=1.0-1: the pool has tar archives, and thing.zip is none." in error.why
    assert server.paths == []


# Wheels, through the real pip and a folder.


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip looks for wheels."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def make_wheel(folder: Path, tag: str) -> Archive:
    """A wheel with nothing in it, and its pin."""
    path = folder / f"tiny-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    content = path.read_bytes()
    return Archive(path.name, hashlib.sha256(content).hexdigest(), len(content), pypi="tiny==1.0")


@pytest.mark.parametrize(
    "tag",
    [
        "py2.py3-none-any",
        "py3-none-manylinux_2_12_x86_64.manylinux2010_x86_64.musllinux_1_1_x86_64",
        "py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
    ],
    ids=["any", "x86_64", "aarch64"],
)
def test_a_wheel_is_fetched_through_pip_whatever_machine_it_is_for(
    tmp_path: Path, report: RecordingReport, wheels: Path, tag: str
) -> None:
    archive = make_wheel(wheels, tag)
    path = fetch(a_source(archive), (archive,), tmp_path / "cache", report)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == archive.sha256
    assert left_in(tmp_path / "cache") == [path.name]
    assert report.notes == [f"{archive.file}: asking pip for tiny==1.0 (0 MB)"]


def test_a_version_that_pip_does_not_find_is_unobtainable_in_pips_words(
    tmp_path: Path, report: RecordingReport, wheels: Path
) -> None:
    error = failure(tmp_path / "cache", report, replace(make_wheel(wheels, "py3-none-any"), pypi="tiny==2.0"))
    assert isinstance(error, FetchFailed)
    assert "pip's tiny==2.0: Could not find a version" in error.why


def test_a_wheel_with_other_bytes_is_refused_by_pip_itself(
    tmp_path: Path, report: RecordingReport, wheels: Path
) -> None:
    error = failure(tmp_path / "cache", report, replace(make_wheel(wheels, "py3-none-any"), sha256=SHA))
    assert "HASHES" in error.why
    assert left_in(tmp_path / "cache") == []


def test_every_way_says_why_it_failed(
    tmp_path: Path, report: RecordingReport, server: FileServer, apt: Path, wheels: Path
) -> None:
    server.answers = [status(404)]
    (apt / "package").rename(apt / "other")
    error = failure(tmp_path / "cache", report, replace(DEBIAN, url=server.url, pypi="thing==1.0"))
    upstream, package, pooled, wheel = error.why.splitlines()
    assert upstream == f"{server.url}: the server answers 404 Not Found."
    assert "Can not find version" in package
    assert pooled.strip() == f"http://127.0.0.1:{server.port}{POOLED}: the server answers 404 Not Found."
    assert "pip's thing==1.0" in wheel


def test_the_ways_are_tried_in_the_documented_order() -> None:
    ways = [("url", url.download), ("debian", debian.download), ("debian", pool.download), ("pypi", pypi.download)]
    assert list(fetch_package.WAYS) == ways
