"""builder.artifacts.download: a zip gets into dist/ only if the manifest there matches it, whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.artifacts.download import download
from builder.errors import FetchFailed, ManifestMismatch, WrongHash

from .fakes import FileServer, RecordingReport, status, whole
from .test_verify import ENTRIES, release

NAME = "cpython-3.13.15-x86_64"


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A folder with a release; its manifest is in dist/ too."""
    path = release(tmp_path / "origin")
    (tmp_path / "dist").mkdir()
    manifest = path.with_suffix(".manifest.json")
    (tmp_path / "dist" / manifest.name).write_bytes(manifest.read_bytes())
    return path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "STATIC_PYTHON_SOURCES"):
        monkeypatch.delenv(name, raising=False)
    with FileServer() as server:
        yield server


def bring(tmp_path: Path, origin: str, *names: str) -> tuple[Path, ...]:
    return download(origin, [*names], tmp_path / "dist", tmp_path / "cache", RecordingReport())


def zips(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "dist").iterdir() if not path.name.endswith(".manifest.json")]


@pytest.mark.parametrize("names", [(), (NAME,)])
def test_a_zip_comes_from_a_folder(tmp_path: Path, origin: Path, names: tuple[str, ...]) -> None:
    (path,) = bring(tmp_path, str(origin.parent), *names)
    assert path == tmp_path / "dist" / origin.name
    assert path.read_bytes() == origin.read_bytes()


def test_a_zip_comes_from_a_url(tmp_path: Path, origin: Path, server: FileServer) -> None:
    server.answers = [whole(origin.read_bytes())]
    (path,) = bring(tmp_path, f"http://127.0.0.1:{server.port}/release/")
    assert path.read_bytes() == origin.read_bytes()


def test_another_zip_of_a_folder_is_refused_and_the_one_that_is_here_stays(tmp_path: Path, origin: Path) -> None:
    (kept,) = bring(tmp_path, str(origin.parent))
    before = kept.read_bytes()
    release(origin.parent, ENTRIES[:-1])
    with pytest.raises(ManifestMismatch):
        bring(tmp_path, str(origin.parent))
    assert zips(tmp_path) == [origin.name]
    assert kept.read_bytes() == before


def test_another_zip_of_a_url_is_refused(tmp_path: Path, origin: Path, server: FileServer) -> None:
    content = origin.read_bytes()
    server.answers = [whole(content[:-1] + bytes([content[-1] ^ 1]))]
    with pytest.raises(WrongHash):
        bring(tmp_path, f"http://127.0.0.1:{server.port}")
    assert zips(tmp_path) == []


def test_what_is_not_there_is_told(tmp_path: Path, origin: Path, server: FileServer) -> None:
    server.answers = [status(404)]
    for place in (str(tmp_path), f"http://127.0.0.1:{server.port}"):
        with pytest.raises(FetchFailed):
            bring(tmp_path, place)
    assert zips(tmp_path) == []


def test_what_no_manifest_speaks_of_is_not_brought(tmp_path: Path, origin: Path) -> None:
    with pytest.raises(ManifestMismatch, match="speaks of cpython-2"):
        bring(tmp_path, str(origin.parent), "cpython-2.7")
    (tmp_path / "dist" / f"{NAME}.manifest.json").unlink()
    with pytest.raises(ManifestMismatch, match="speaks of any zip"):
        bring(tmp_path, str(origin.parent))
